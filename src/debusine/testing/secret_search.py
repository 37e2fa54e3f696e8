# SPDX-License-Identifier: GPL-3.0-or-later
"""Search files for secrets, also inside of what is packed."""

from __future__ import annotations

import gzip
import io
import lzma
import os
import stat
import tarfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, cast

import zstandard
from debian.arfile import ArFile

CHUNK_BYTES = 1024**2


def _unzst(file: BinaryIO) -> BinaryIO:
    reader = zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True)
    return cast("BinaryIO", reader)


def _unxz(file: BinaryIO) -> BinaryIO:
    return cast("BinaryIO", lzma.LZMAFile(file))


def _ungzip(file: BinaryIO) -> BinaryIO:
    return cast("BinaryIO", gzip.GzipFile(fileobj=file))


# what a stream begins with, and how to look inside
_PACKINGS = {b"\x28\xb5\x2f\xfd": _unzst, b"\xfd7zXZ\0": _unxz, b"\x1f\x8b": _ungzip}
_AR = b"!<arch>\n"


def secrets_below(directory: Path, secrets: Sequence[bytes]) -> list[str]:
    """
    Look into every regular file of a tree, and at the names of all.

    Packages and compressed files are looked at as they are and unpacked; a tarball in them
    is searched as one stream of bytes.

    :returns: where a secret is, sorted
    """
    found = set()
    for path in sorted(directory.rglob("*")):
        if any(secret in os.fsencode(path.name) for secret in secrets):
            found.add(f"{path}: its name")
        if stat.S_ISREG(path.lstat().st_mode):
            with path.open("rb") as file:
                found |= set(_search(str(path), file, secrets))
    return sorted(found)


def _search(place: str, file: BinaryIO, secrets: Sequence[bytes]) -> Iterator[str]:
    head = file.read(len(_AR))
    file.seek(0)
    if _contains(file, secrets):
        yield place
    file.seek(0)
    if head == _AR:
        for member in ArFile(fileobj=file):
            content = io.BytesIO(member.read())
            yield from _search(f"{place}/{member.name}", content, secrets)
        return
    for magic, unpack in _PACKINGS.items():
        if head.startswith(magic) and _contains(unpack(file), secrets):
            yield f"{place}, unpacked"


def _contains(file: BinaryIO, secrets: Sequence[bytes]) -> bool:
    overlap = max(map(len, secrets)) - 1
    kept = b""
    while chunk := file.read(CHUNK_BYTES):
        window = kept + chunk
        if any(secret in window for secret in secrets):
            return True
        kept = window[-overlap:]
    return False


def tar_names(path: Path) -> set[str]:
    """Names in a tarball that zstd or xz packed."""
    with path.open("rb") as file:
        head = file.read(len(_AR))
        file.seek(0)
        unpack = next(unpack for magic, unpack in _PACKINGS.items() if head.startswith(magic))
        with tarfile.open(fileobj=unpack(file), mode="r|") as tar:
            return {member.name.removeprefix("./") for member in tar}
