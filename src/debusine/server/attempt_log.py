# SPDX-License-Identifier: GPL-3.0-or-later
"""
The log of an attempt: bytes that are only ever appended, numbered by their offset.

``ATTEMPT.log`` holds the bytes, ``ATTEMPT.index`` a line of JSON per piece (offset, length,
stream, time). Bytes count once their line is written: what a killed server left behind
them is cut off by the next append, and the agent sends it again.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, Any

from debusine.server.full_disk import no_space_is_an_answer
from debusine.wire.base import to_wire_time
from debusine.wire.worker import LogStream

# a line of the index is shorter than this
_TAIL_BYTES = 1024
_READ_BYTES = 256 * 1024


@dataclass(frozen=True, kw_only=True, slots=True)
class Piece:
    """Consecutive bytes of one stream."""

    offset: int
    stream: LogStream
    timestamp: str
    data: bytes

    @property
    def end(self) -> int:
        """Offset of what follows."""
        return self.offset + len(self.data)


class AttemptLog:
    """
    The log of one attempt; objects are cheap, and several may write at once.

    :param directory: of the logs of all attempts, made if need be
    """

    def __init__(self, directory: Path, attempt_id: int) -> None:
        self._bytes_path = directory / f"{attempt_id}.log"
        self._index_path = directory / f"{attempt_id}.index"

    def size(self) -> int:
        """Bytes that are there for good."""
        try:
            with self._index_path.open("rb") as index:
                return _end_of_index(index)[0]
        except FileNotFoundError:
            return 0

    def append(
        self, data: bytes, *, offset: int | None, stream: LogStream, timestamp: datetime
    ) -> int:
        """
        Add bytes.

        What is there already is skipped; bytes beyond a gap are refused by returning
        the size that the log has.

        :param offset: where the sender believes that they belong; None appends
        :returns: the size afterwards, from which the sender goes on
        :raises NoSpaceError: if the disk is full; bytes without a line do not count
        """
        with no_space_is_an_answer(), self._locked() as (log, index):
            size, index_end = _end_of_index(index)
            start = size if offset is None else offset
            if start > size or start + len(data) <= size:
                return size
            fresh = data[size - start :]
            log.truncate(size)
            log.seek(size)
            log.write(fresh)
            log.flush()
            line = {
                "offset": size,
                "length": len(fresh),
                "stream": stream,
                "time": to_wire_time(timestamp),
            }
            # the bytes have to be there before the line that counts them
            _write_line(index, index_end, line)
            return size + len(fresh)

    def end(self, exit_code: int, *, timestamp: datetime) -> None:
        """
        Note how a command ended; bytes may still follow.

        :raises NoSpaceError: if the disk is full
        """
        with no_space_is_an_answer(), self._locked() as (_log, index):
            size, index_end = _end_of_index(index)
            line = {
                "offset": size,
                "length": 0,
                "stream": "internal",
                "time": to_wire_time(timestamp),
                "exit_code": exit_code,
            }
            _write_line(index, index_end, line)

    def read_bytes(self, start: int, end: int) -> Iterator[bytes]:
        """
        Read bytes from an offset up to another.

        :param end: not beyond :meth:`size`
        """
        try:
            with self._bytes_path.open("rb") as log:
                log.seek(start)
                while start < end and (data := log.read(min(_READ_BYTES, end - start))):
                    start += len(data)
                    yield data
        except FileNotFoundError:
            return

    def reader(self, offset: int = 0) -> Reader:
        """Read pieces from an offset on, now and later."""
        return Reader(self._bytes_path, self._index_path, offset)

    @contextmanager
    def _locked(self) -> Iterator[tuple[IO[bytes], IO[bytes]]]:
        """Both files, open for writing, for us alone."""
        self._bytes_path.parent.mkdir(parents=True, exist_ok=True)
        flags = os.O_RDWR | os.O_CREAT
        with (
            os.fdopen(os.open(self._bytes_path, flags, 0o600), "r+b") as log,
            os.fdopen(os.open(self._index_path, flags, 0o600), "r+b") as index,
        ):
            fcntl.flock(index, fcntl.LOCK_EX)
            yield log, index


class Reader:
    """
    Goes through a log piece by piece; asked again, it goes on where it was.

    ``exit_code`` is that of the last command whose end has been read.

    :param offset: bytes before it are passed over
    """

    def __init__(self, bytes_path: Path, index_path: Path, offset: int) -> None:
        self._bytes_path = bytes_path
        self._index_path = index_path
        self._index_position = 0
        self.offset = offset
        self.exit_code: int | None = None

    def read(self, limit_bytes: int = 1024 * 1024) -> list[Piece]:
        """
        Take what has come.

        :param limit_bytes: stop after the piece that reaches it
        :returns: pieces in order; empty if there is nothing new
        """
        pieces: list[Piece] = []
        total = 0
        try:
            with self._index_path.open("rb") as index, self._bytes_path.open("rb") as log:
                index.seek(self._index_position)
                while total < limit_bytes:
                    line = index.readline()
                    if not line.endswith(b"\n"):
                        break
                    self._index_position += len(line)
                    piece = self._piece(json.loads(line), log)
                    if piece is not None:
                        pieces.append(piece)
                        total += len(piece.data)
                        self.offset = piece.end
        except FileNotFoundError:
            return pieces
        return pieces

    def _piece(self, line: dict[str, Any], log: IO[bytes]) -> Piece | None:
        """The part of a piece that was not read yet."""
        self.exit_code = line.get("exit_code", self.exit_code)
        start, length = line["offset"], line["length"]
        if start + length <= self.offset:
            return None
        begin = max(start, self.offset)
        log.seek(begin)
        return Piece(
            offset=begin,
            stream=line["stream"],
            timestamp=line["time"],
            data=log.read(start + length - begin),
        )


def _write_line(index: IO[bytes], end: int, line: dict[str, Any]) -> None:
    """Add a line where the last complete one ends."""
    index.truncate(end)
    index.seek(end)
    index.write(json.dumps(line).encode() + b"\n")


def _end_of_index(index: IO[bytes]) -> tuple[int, int]:
    """
    Where log and index end; a line that a killed server left unfinished does not count.

    :returns: size of the log, size of the index
    """
    length = index.seek(0, os.SEEK_END)
    start = max(0, length - _TAIL_BYTES)
    index.seek(start)
    tail = index.read(length - start)
    complete = tail[: tail.rfind(b"\n") + 1]
    if not complete:
        return 0, 0
    line = json.loads(complete[:-1].rsplit(b"\n", 1)[-1])
    return int(line["offset"]) + int(line["length"]), start + len(complete)
