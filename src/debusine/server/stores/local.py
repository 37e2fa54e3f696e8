# SPDX-License-Identifier: GPL-3.0-or-later
"""A directory of files, named by content: ``ab/cd/SHA256-SIZE``."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from debusine.server.full_disk import no_space_is_an_answer
from debusine.server.stores.base import (
    BLOCK_BYTES,
    Content,
    ContentMismatchError,
    check_content,
    open_source,
)


class LocalStore:
    """
    Files below a directory.

    A file appears under its name by one rename, after its bytes and before its
    directory are on disk, so a crash leaves at most a file in ``tmp/``.

    :param root: made when first needed
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def path(self, content: Content) -> Path:
        """Where content lies, whether it is there or not."""
        digest = content.sha256
        return self.root / digest[:2] / digest[2:4] / f"{digest}-{content.size_bytes}"

    def add(self, source: Path | BinaryIO, content: Content) -> None:
        """Take bytes in, after checking size and hash; see the port."""
        stream, is_ours = open_source(source)
        try:
            with self._temporary() as temporary, no_space_is_an_answer():
                check_content(_copy(stream, temporary), content)
                if not self.exists(content):
                    self._rename(temporary, content)
        finally:
            if is_ours:
                stream.close()

    def adopt(self, path: Path, content: Content) -> None:
        """Take over a file whose hash the caller has computed; see the port."""
        size_bytes = path.stat().st_size
        if size_bytes != content.size_bytes:
            raise ContentMismatchError(
                f"the file has {size_bytes} bytes, not {content.size_bytes}",
            )
        if self.exists(content):
            path.unlink()
            return
        with no_space_is_an_answer():
            sync(path)
            try:
                self._rename(path, content)
            except OSError as exc:
                if exc.errno != errno.EXDEV:
                    raise
                self.add(path, content)
                path.unlink()

    def open(self, content: Content) -> BinaryIO:
        """Read bytes; see the port."""
        return self.path(content).open("rb", buffering=0)

    def exists(self, content: Content) -> bool:
        """Whether the bytes are here; one that was cut short does not count."""
        try:
            return self.path(content).stat().st_size == content.size_bytes
        except FileNotFoundError:
            return False

    def delete(self, content: Content) -> None:
        """Remove bytes; see the port."""
        self.path(content).unlink(missing_ok=True)

    @contextlib.contextmanager
    def _temporary(self) -> Iterator[Path]:
        # what a crash leaves there is swept (server/jobs/abandoned.py)
        directory = self.root / "tmp"
        directory.mkdir(parents=True, exist_ok=True)
        path = directory / secrets.token_hex(16)
        try:
            yield path
        finally:
            path.unlink(missing_ok=True)

    def _rename(self, path: Path, content: Content) -> None:
        target = self.path(content)
        target.parent.mkdir(parents=True, exist_ok=True)
        path.replace(target)
        # the entry of the file, and those of directories that may be new
        for directory in (target.parent, target.parent.parent, self.root):
            sync(directory)


def sync(path: Path) -> None:
    """Put a file or directory on disk, so that it outlives a power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _copy(stream: BinaryIO, target: Path) -> Content:
    digest = hashlib.sha256()
    with target.open("xb", buffering=0) as file:
        while block := stream.read(BLOCK_BYTES):
            digest.update(block)
            view = memoryview(block)
            while view:
                view = view[file.write(view) :]
        os.fsync(file.fileno())
        size_bytes = file.tell()
    return Content(sha256=digest.hexdigest(), size_bytes=size_bytes)
