# SPDX-License-Identifier: GPL-3.0-or-later
"""Port: where the bytes of files lie, found by content."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

from debusine.errors import DebusineError

BLOCK_BYTES = 1024 * 1024


@dataclass(frozen=True, kw_only=True, slots=True)
class Content:
    """
    What names some bytes.

    :param sha256: 64 lower-case hexadecimal digits
    """

    sha256: str
    size_bytes: int

    @classmethod
    def of(cls, data: bytes) -> Content:
        """Name of bytes at hand."""
        return cls(sha256=hashlib.sha256(data).hexdigest(), size_bytes=len(data))


EMPTY = Content.of(b"")


class ContentMismatchError(DebusineError):
    """Bytes are not those that their name says."""

    code = "content-mismatch"
    status = 409


class Store(Protocol):
    """
    A place for bytes.

    Content is written once and never changes; adding what is already there does
    nothing. A reader sees all bytes or none.
    """

    def add(self, source: Path | BinaryIO, content: Content) -> None:
        """
        Take bytes in, after checking size and hash.

        :param source: a file, which stays where it is, or a stream at its beginning
        :raises ContentMismatchError: if the bytes are not ``content``; nothing is kept
        :raises NoSpaceError: if there is no room; nothing is kept
        """
        ...

    def adopt(self, path: Path, content: Content) -> None:
        """
        Take over a file whose hash the caller has computed; it is gone from its place.

        :raises ContentMismatchError: if it has another size
        :raises NoSpaceError: if there is no room; the file stays where it is
        """
        ...

    def open(self, content: Content) -> BinaryIO:
        """
        Read bytes.

        :returns: an open, seekable file; the caller closes it
        :raises FileNotFoundError: if they are not here
        """
        ...

    def exists(self, content: Content) -> bool:
        """Whether the bytes are here."""
        ...

    def delete(self, content: Content) -> None:
        """Remove bytes; does nothing if they are not here. Open readers keep theirs."""
        ...


def open_source(source: Path | BinaryIO) -> tuple[BinaryIO, bool]:
    """
    Make a stream of what was given to :meth:`Store.add`.

    :returns: the stream, and whether it has to be closed by who asked
    """
    return (source.open("rb"), True) if isinstance(source, Path) else (source, False)


def check_content(found: Content, expected: Content) -> None:
    """
    Compare what was read with what it should be.

    :raises ContentMismatchError: if they differ
    """
    if found != expected:
        raise ContentMismatchError(
            "the bytes are not what was declared",
            details=f"expected {expected.size_bytes} bytes with SHA-256 {expected.sha256}, "
            f"got {found.size_bytes} bytes with SHA-256 {found.sha256}",
        )
