# SPDX-License-Identifier: GPL-3.0-or-later
"""Hash, write at once or not at all, and stay inside a directory."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO

from debusine.errors import UserError


def sha256_of(path: Path) -> str:
    """SHA-256 of the content of a file, in lower-case hexadecimal digits."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


@contextmanager
def replace_file(path: Path, *, mode: int = 0o644, sync: bool = True) -> Iterator[IO[bytes]]:
    """
    Write a file anew: who reads sees the old content or all of the new, even after a crash.

    On an exception the old content stays. The directory must exist.

    :param sync: False: not after a crash of the machine
    :returns: where to write to; the name is taken when the block is left
    """
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as stream:
            yield stream
            stream.flush()
            os.fchmod(stream.fileno(), mode)
            if sync:
                os.fsync(stream.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    if sync:
        _sync_directory(path.parent)


def write_atomically(path: Path, content: bytes, *, mode: int = 0o644) -> None:
    """Write a small file, see :func:`replace_file`."""
    with replace_file(path, mode=mode) as stream:
        stream.write(content)


def write_soon(path: Path, content: bytes, *, mode: int = 0o644) -> None:
    """Write a small file anew, which outlives this process, but maybe not the machine."""
    with replace_file(path, mode=mode, sync=False) as stream:
        stream.write(content)


def safe_join(root: Path, relative: str) -> Path:
    """
    A path below ``root``, symbolic links followed.

    :raises UserError: if it is absolute, empty, or leads out of ``root``

    >>> safe_join(Path("/srv"), "../etc/passwd")
    Traceback (most recent call last):
    ...
    debusine.errors.UserError: path leads out of its directory: '../etc/passwd'
    """
    pure = PurePosixPath(relative)
    escapes = pure.is_absolute() or ".." in pure.parts or "\0" in relative or not pure.parts
    if not escapes:
        target = root / pure
        if target.resolve().is_relative_to(root.resolve()):
            return target
    raise UserError(f"path leads out of its directory: {relative!r}")


def _sync_directory(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
