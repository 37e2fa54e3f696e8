# SPDX-License-Identifier: GPL-3.0-or-later
"""Bytes that the server has not got yet, on disk, freed as it gets them."""

from __future__ import annotations

import os
from collections import deque
from dataclasses import dataclass
from pathlib import Path

SEGMENT_BYTES = 16 * 1024 * 1024


@dataclass(kw_only=True, slots=True)
class _Segment:
    start: int
    end: int
    path: Path
    descriptor: int

    def drop(self) -> None:
        os.close(self.descriptor)
        self.path.unlink(missing_ok=True)


class Spool:
    """
    A queue of bytes, addressed by their offset since the beginning.

    It is kept in files of limited length; one whose bytes are all released is deleted.

    :param directory: exists and holds nothing else
    """

    def __init__(self, directory: Path, *, segment_bytes: int = SEGMENT_BYTES) -> None:
        self._directory = directory
        self._segment_bytes = segment_bytes
        self._segments: deque[_Segment] = deque()
        self.size = 0

    def append(self, data: bytes) -> int:
        """
        Add bytes at the end.

        :returns: the offset of the first of them
        :raises OSError: if the disk is full; then nothing was added
        """
        last = self._segments[-1] if self._segments else None
        if last is None or last.end - last.start >= self._segment_bytes:
            last = self._new_segment()
        position, view = last.end - last.start, memoryview(data)
        while view:
            written = os.pwrite(last.descriptor, view, position)
            position, view = position + written, view[written:]
        start = self.size
        self.size = last.end = start + len(data)
        return start

    def read(self, offset: int, length: int) -> bytes:
        """
        Read bytes that were appended in one piece, or a part of such a piece.

        :raises ValueError: if they are released or not there yet
        """
        for segment in self._segments:
            if segment.start <= offset and offset + length <= segment.end:
                return os.pread(segment.descriptor, length, offset - segment.start)
        message = f"the spool does not hold {length} bytes at {offset}"
        raise ValueError(message)

    def release(self, offset: int) -> None:
        """Forget the bytes before an offset; the file being written stays."""
        while len(self._segments) > 1 and self._segments[0].end <= offset:
            self._segments.popleft().drop()

    def close(self) -> None:
        """Forget everything."""
        while self._segments:
            self._segments.popleft().drop()

    def _new_segment(self) -> _Segment:
        path = self._directory / f"{self.size:015d}"
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        segment = _Segment(
            start=self.size, end=self.size, path=path, descriptor=os.open(path, flags, 0o600)
        )
        self._segments.append(segment)
        return segment
