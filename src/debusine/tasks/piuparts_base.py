# SPDX-License-Identifier: GPL-3.0-or-later
"""Make a system tarball one that piuparts can unpack and work in."""

from __future__ import annotations

import gzip
import tarfile
from pathlib import Path, PurePosixPath

from debusine.util.tar import open_tar, suffix_of

DEV = "dev"
RESOLV_CONF = "etc/resolv.conf"
AVAILABLE = "var/lib/dpkg/available"

UNPACKERS = {".tar.xz": "xz-utils", ".tar.zst": "zstd"}
"""Package that tar needs to read an archive, by suffix."""


def needs_change(tarball: Path, *, with_dev: bool) -> bool:
    """
    Whether piuparts stumbles over something in a tarball.

    :param with_dev: whether it is said to hold device nodes
    :raises ArchiveError: if it cannot be read
    """
    if with_dev:
        return True
    has_available = False
    with open_tar(tarball) as archive:
        for member in archive:
            name = _name(member)
            if _is_unwanted(member) or (name == RESOLV_CONF and member.issym()):
                return True
            has_available = has_available or name == AVAILABLE
    return not has_available


def change(tarball: Path, *, compress: bool) -> Path:
    """
    Write a tarball anew, without what piuparts stumbles over.

    Device nodes cannot be made in a container; piuparts writes through ``resolv.conf``, and
    wants dpkg's list of available packages to exist.

    :param compress: in the way that every piuparts reads; else it takes less time
    :returns: another file beside it
    :raises ArchiveError: if it cannot be read
    """
    stem = tarball.name.removesuffix(suffix_of(tarball.name))
    target = tarball.with_name(f"{stem}.piuparts.tar{'.gz' if compress else ''}")
    with (
        open_tar(tarball) as archive,
        # speed counts, not size: it is read once
        gzip.open(target, "wb", compresslevel=1) if compress else target.open("wb") as stream,
        tarfile.open(fileobj=stream, mode="w|", format=tarfile.PAX_FORMAT) as written,
    ):
        copy = _Copy(written)
        for member in archive:
            copy.add(member, archive)
        copy.finish()
    return target


class _Copy:
    """An archive that is being written."""

    def __init__(self, archive: tarfile.TarFile) -> None:
        self._archive = archive
        self._wanted = {str(path) for path in PurePosixPath(AVAILABLE).parents} - {"."}
        self._seen: set[str] = set()

    def add(self, member: tarfile.TarInfo, source: tarfile.TarFile) -> None:
        """Take a member over, if it is wanted."""
        name = _name(member)
        if _is_unwanted(member):
            return
        if name == RESOLV_CONF and member.issym():
            self._archive.addfile(tarfile.TarInfo(member.name))
            return
        if name == AVAILABLE or name in self._wanted:
            self._seen.add(name)
        self._archive.addfile(member, source.extractfile(member) if member.isreg() else None)

    def finish(self) -> None:
        """Add what is missing."""
        for name in sorted(self._wanted - self._seen):
            directory = tarfile.TarInfo(f"./{name}")
            directory.type, directory.mode = tarfile.DIRTYPE, 0o755
            self._archive.addfile(directory)
        if AVAILABLE not in self._seen:
            self._archive.addfile(tarfile.TarInfo(f"./{AVAILABLE}"))


def _name(member: tarfile.TarInfo) -> str:
    return PurePosixPath(member.name.removeprefix("/")).as_posix()


def _is_unwanted(member: tarfile.TarInfo) -> bool:
    return _name(member).startswith(f"{DEV}/") or member.ischr() or member.isblk()
