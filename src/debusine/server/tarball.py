# SPDX-License-Identifier: GPL-3.0-or-later
"""Make a tarball of stored files, piece by piece, while it is being sent."""

from __future__ import annotations

import tarfile
import zlib
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import BinaryIO

from debusine.server.stores.base import BLOCK_BYTES, Content

# most of what is stored is compressed already
_LEVEL = 1
_GZIP = 16 + zlib.MAX_WBITS
_SECTOR_BYTES = 512
_PIECE_BYTES = 256 * 1024


@dataclass(frozen=True, kw_only=True, slots=True)
class Member:
    """A file of a tarball."""

    path: str
    content: Content


def tarball(
    members: list[Member],
    *,
    open_file: Callable[[Content], BinaryIO],
    modified_at: datetime,
) -> Generator[bytes, None, None]:
    """
    Make a gzip-compressed tar archive.

    :param open_file: opens a stored file; it is closed here
    :param modified_at: time of every member
    :returns: pieces of at most a few hundred KiB; none is empty
    :raises FileNotFoundError: if the store has lost a file
    :raises EOFError: if a stored file is too short
    """
    compressor = zlib.compressobj(_LEVEL, zlib.DEFLATED, _GZIP)
    ready = bytearray()
    for block in _blocks(members, open_file, int(modified_at.timestamp())):
        ready += compressor.compress(block)
        if len(ready) >= _PIECE_BYTES:
            yield bytes(ready)
            ready.clear()
    yield bytes(ready + compressor.flush())


def _blocks(
    members: list[Member], open_file: Callable[[Content], BinaryIO], mtime: int
) -> Iterator[bytes]:
    for member in members:
        size = member.content.size_bytes
        header = tarfile.TarInfo(member.path)
        header.size, header.mtime, header.mode = size, mtime, 0o644
        yield header.tobuf(tarfile.PAX_FORMAT, "utf-8", "strict")
        with open_file(member.content) as file:
            left = size
            while left:
                block = file.read(min(BLOCK_BYTES, left))
                if not block:
                    message = f"the stored file of {member.path} is shorter than its name says"
                    raise EOFError(message)
                left -= len(block)
                yield block
        yield bytes(-size % _SECTOR_BYTES)
    # the end of an archive
    yield bytes(2 * _SECTOR_BYTES)
