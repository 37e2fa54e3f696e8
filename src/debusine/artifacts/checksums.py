# SPDX-License-Identifier: GPL-3.0-or-later
"""Size and digests of a file, in one pass over it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

_CHUNK_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class FileDigests:
    """
    What is known about the content of a file.

    :param hexdigests: by name of the algorithm as in :mod:`hashlib`
    """

    size_bytes: int
    hexdigests: Mapping[str, str]

    @property
    def sha256(self) -> str:
        """The SHA-256 digest, which must be among those asked for."""
        return self.hexdigests["sha256"]


def digest_file(path: Path, algorithms: Iterable[str] = ("sha256",)) -> FileDigests:
    """
    Read a file once and compute all digests.

    :param algorithms: names as in :mod:`hashlib`
    """
    hashes = {name: hashlib.new(name, usedforsecurity=False) for name in algorithms}
    size_bytes = 0
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            size_bytes += len(chunk)
            for each in hashes.values():
                each.update(chunk)
    return FileDigests(
        size_bytes=size_bytes,
        hexdigests={name: each.hexdigest() for name, each in hashes.items()},
    )
