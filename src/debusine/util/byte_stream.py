# SPDX-License-Identifier: GPL-3.0-or-later
"""
Bytes in order over a way that may lose or double messages.

The sender numbers bytes by their offset and keeps what was not acknowledged, up to a
window; the receiver takes what it has not got yet and says how far it is. A sender that
hears nothing for a while begins anew where the receiver is (go-back-N).
"""

from __future__ import annotations

from collections import deque

WINDOW_BYTES = 64 * 1024
PIECE_BYTES = 16 * 1024
# messages on their way; a channel of the server's layer holds a hundred
MAX_PIECES = 16


class Outgoing:
    """
    The sender's end.

    >>> stream = Outgoing()
    >>> stream.write(b"hello")
    >>> stream.take(), stream.take()
    ((0, b'hello'), None)
    >>> stream.rewind()
    >>> stream.acknowledge(2)
    >>> stream.take(), stream.is_done
    ((2, b'llo'), False)
    """

    def __init__(self) -> None:
        self.acknowledged = 0
        self._sent = 0
        self._kept = bytearray()
        self._ends: deque[int] = deque()

    @property
    def room(self) -> int:
        """How many bytes may be written now."""
        return WINDOW_BYTES - len(self._kept)

    @property
    def is_done(self) -> bool:
        """Whether the other side has everything."""
        return not self._kept

    @property
    def is_waiting(self) -> bool:
        """Whether something was sent that the other side does not have, for all we know."""
        return self._sent > self.acknowledged

    def write(self, data: bytes) -> None:
        """Add bytes, no more than there is :attr:`room` for."""
        self._kept += data

    def take(self) -> tuple[int, bytes] | None:
        """Take the next piece to send and its offset; None if there is none to send now."""
        if len(self._ends) >= MAX_PIECES:
            return None
        start = self._sent - self.acknowledged
        piece = bytes(self._kept[start : start + PIECE_BYTES])
        if not piece:
            return None
        offset, self._sent = self._sent, self._sent + len(piece)
        self._ends.append(self._sent)
        return offset, piece

    def acknowledge(self, offset: int) -> None:
        """Forget what the other side has: everything before an offset."""
        if not self.acknowledged < offset <= self.acknowledged + len(self._kept):
            # of old, or made up
            return
        del self._kept[: offset - self.acknowledged]
        self.acknowledged = offset
        self._sent = max(self._sent, offset)
        while self._ends and self._ends[0] <= offset:
            self._ends.popleft()

    def rewind(self) -> None:
        """Send everything again that was not acknowledged."""
        self._sent = self.acknowledged
        self._ends.clear()


class Incoming:
    """
    The receiver's end.

    >>> stream = Incoming()
    >>> stream.take(0, b"hel"), stream.take(5, b"late"), stream.take(1, b"ello")
    (b'hel', b'', b'lo')
    >>> stream.offset
    5
    """

    def __init__(self) -> None:
        self.offset = 0

    def take(self, offset: int, data: bytes) -> bytes:
        """Take what is new of a piece; nothing if one before it is missing."""
        if offset > self.offset:
            return b""
        fresh = data[self.offset - offset :]
        self.offset += len(fresh)
        return fresh
