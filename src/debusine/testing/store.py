# SPDX-License-Identifier: GPL-3.0-or-later
"""A store in memory."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from debusine.server.full_disk import NoSpaceError
from debusine.server.stores.base import (
    BLOCK_BYTES,
    Content,
    ContentMismatchError,
    check_content,
    open_source,
)


class MemoryStore:
    """
    Keeps bytes in a dictionary.

    :param capacity_bytes: refuses content beyond this, as a full disk would

    >>> store = MemoryStore()
    >>> content = Content.of(b"bytes")
    >>> store.add(BytesIO(b"bytes"), content)
    >>> store.open(content).read()
    b'bytes'
    """

    def __init__(self, capacity_bytes: int | None = None) -> None:
        self.contents: dict[Content, bytes] = {}
        self.capacity_bytes = capacity_bytes

    def add(self, source: Path | BinaryIO, content: Content) -> None:
        """Take bytes in, after checking size and hash; see the port."""
        stream, is_ours = open_source(source)
        try:
            data = b"".join(iter(lambda: stream.read(BLOCK_BYTES), b""))
        finally:
            if is_ours:
                stream.close()
        check_content(Content.of(data), content)
        self._keep(content, data)

    def adopt(self, path: Path, content: Content) -> None:
        """Take over a file whose hash the caller has computed; see the port."""
        data = path.read_bytes()
        if len(data) != content.size_bytes:
            raise ContentMismatchError(
                f"the file has {len(data)} bytes, not {content.size_bytes}",
            )
        self._keep(content, data)
        path.unlink()

    def open(self, content: Content) -> BinaryIO:
        """Read bytes; see the port."""
        try:
            return BytesIO(self.contents[content])
        except KeyError as exc:
            raise FileNotFoundError(content.sha256) from exc

    def exists(self, content: Content) -> bool:
        """Whether the bytes are here."""
        return content in self.contents

    def delete(self, content: Content) -> None:
        """Remove bytes; see the port."""
        self.contents.pop(content, None)

    def _keep(self, content: Content, data: bytes) -> None:
        used = sum(map(len, self.contents.values()))
        if self.capacity_bytes is not None and used + len(data) > self.capacity_bytes:
            raise NoSpaceError("the server has no space left for this file")
        self.contents.setdefault(content, data)
