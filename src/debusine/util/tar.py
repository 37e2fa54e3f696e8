# SPDX-License-Identifier: GPL-3.0-or-later
"""Read archives by their suffix, within limits."""

from __future__ import annotations

import gzip
import io
import lzma
import tarfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

import zstandard
from typing_extensions import override

from debusine.errors import UserError
from debusine.util.files import safe_join

CHUNK_BYTES = 1024 * 1024


class ArchiveError(UserError):
    """An archive is damaged, of an unknown format, or larger than allowed."""

    code = "archive"


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """How much an archive may hold when it is unpacked."""

    size_bytes: int = 64 * 1024**3
    members: int = 2_000_000


def _plain(path: Path) -> IO[bytes]:
    return path.open("rb")


def _zstd(path: Path) -> IO[bytes]:
    reader = zstandard.ZstdDecompressor().stream_reader(path.open("rb"), read_across_frames=True)
    return cast("IO[bytes]", io.BufferedReader(cast("io.RawIOBase", reader), CHUNK_BYTES))


def _xz(path: Path) -> IO[bytes]:
    return cast("IO[bytes]", lzma.open(path, "rb"))


def _gzip(path: Path) -> IO[bytes]:
    return cast("IO[bytes]", gzip.open(path, "rb"))


# suffix: how to open, and how much larger than the file its content may be expected to be
_FORMATS: dict[str, tuple[Callable[[Path], IO[bytes]], float]] = {
    ".tar": (_plain, 1),
    ".tar.zst": (_zstd, 4),
    ".tar.xz": (_xz, 6),
    ".tar.gz": (_gzip, 4.5),
}
SUFFIXES = tuple(_FORMATS)


def suffix_of(name: str) -> str:
    """
    The suffix of an archive that we can read.

    :raises ArchiveError: if it has none of them

    >>> suffix_of("system.tar.zst")
    '.tar.zst'
    """
    for suffix in SUFFIXES:
        if name.endswith(suffix):
            return suffix
    raise ArchiveError(
        f"not an archive of a known format: {name}",
        resolution=f"Known are {', '.join(SUFFIXES)}.",
    )


def estimated_size_bytes(path: Path) -> int:
    """
    About how large an archive is when it is unpacked; rather too much than too little.

    :raises ArchiveError: if its format is not known
    """
    suffix = suffix_of(path.name)
    if suffix == ".tar.zst":
        with path.open("rb") as stream:
            known = zstandard.frame_content_size(stream.read(32))
        if known > 0:
            return known
    return int(path.stat().st_size * _FORMATS[suffix][1])


@contextmanager
def open_stream(path: Path, *, limits: Limits | None = None) -> Iterator[IO[bytes]]:
    """
    The tar stream in an archive, decompressed.

    :raises ArchiveError: if its format is not known; while reading: if it is
        damaged or larger than allowed
    """
    opener, _ = _FORMATS[suffix_of(path.name)]
    with opener(path) as stream, _Limited(stream, path, limits or Limits()) as limited:
        yield cast("IO[bytes]", limited)


@contextmanager
def open_tar(path: Path, *, limits: Limits | None = None) -> Iterator[tarfile.TarFile]:
    """
    Read an archive member by member, in order.

    :raises ArchiveError: if its format is not known, it is damaged or too large
    """
    with open_stream(path, limits=limits) as stream:
        try:
            with tarfile.open(fileobj=stream, mode="r|", bufsize=CHUNK_BYTES) as archive:
                yield archive
        except (tarfile.TarError, EOFError) as error:
            raise ArchiveError(f"cannot read {path.name}: {error}") from error


def extract_files(path: Path, destination: Path, *, limits: Limits | None = None) -> list[Path]:
    """
    Unpack the regular files and directories of an archive into a directory.

    :returns: the files, in the order of the archive
    :raises ArchiveError: if there is anything else in it, or too much
    :raises UserError: if a member would lie outside ``destination``
    """
    allowed = limits or Limits()
    written: list[Path] = []
    with open_tar(path, limits=allowed) as archive:
        for count, member in enumerate(archive, start=1):
            if count > allowed.members:
                raise ArchiveError(f"more than {allowed.members} members in {path.name}")
            if member.name in {".", "./"}:
                continue
            target = safe_join(destination, member.name)
            if member.isdir():
                target.mkdir(parents=True, exist_ok=True)
                continue
            content = archive.extractfile(member) if member.isreg() else None
            if content is None:
                raise ArchiveError(f"neither file nor directory in {path.name}: {member.name}")
            target.parent.mkdir(parents=True, exist_ok=True)
            with content, target.open("wb") as stream:
                while chunk := content.read(CHUNK_BYTES):
                    stream.write(chunk)
            written.append(target)
    return written


class _Limited(io.RawIOBase):
    """Counts what is read, and translates the errors of the formats."""

    def __init__(self, stream: IO[bytes], path: Path, limits: Limits) -> None:
        super().__init__()
        self._stream = stream
        self._path = path
        self._limits = limits
        self._seen = 0

    @override
    def readable(self) -> bool:
        return True

    @override
    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]  # narrower than Buffer: all that RawIOBase gives
        try:
            data = self._stream.read(len(buffer))
        except (lzma.LZMAError, zlib.error, zstandard.ZstdError, EOFError, OSError) as error:
            raise ArchiveError(f"cannot read {self._path.name}: {error}") from error
        self._seen += len(data)
        if self._seen > self._limits.size_bytes:
            raise ArchiveError(
                f"{self._path.name} unpacks to more than {self._limits.size_bytes} bytes"
            )
        buffer[: len(data)] = data
        return len(data)
