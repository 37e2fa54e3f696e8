# SPDX-License-Identifier: GPL-3.0-or-later
"""
Disks of virtual machines, as programs of this machine may read them.

A qcow2 file can name other files that its disk consists of. QEMU reads them as whoever
runs it, and shows them to the guest: a disk of strangers must name none.

:source: QEMU, docs/interop/qcow2.rst; qemu-img(1)
"""

from __future__ import annotations

import os
import struct
from pathlib import Path
from typing import IO

from debusine.tasks.executors.base import ImageImportError
from debusine.util.command import Command, CommandError, run
from debusine.util.tar import open_tar

QCOW2_SUFFIX = ".qcow2"
DISK = "disk.qcow2"
_RAW = "root.img"
# magic, version, offset of the name of the file below
_HEADER = struct.Struct(">4sIQ")
_MAGIC = b"QFI\xfb"
_FEATURES_OFFSET = 72
_FEATURES = struct.Struct(">Q")
_WITH_FEATURES = 3
_EXTERNAL_DATA = 1 << 2
_KNOWN_VERSIONS = frozenset({2, 3})
_BLOCK_BYTES = 1024 * 1024
_CONVERT_S = 3600


def bootable_disk(image: Path, directory: Path) -> Path:
    """
    The disk of an image as qcow2.

    :param image: qcow2 already, or an archive of one raw disk
    :param directory: where it is put if it has to be converted
    :raises ImageImportError: if it is neither, or names other files
    :raises ArchiveError: if the archive is damaged or too large
    """
    if image.name.endswith(QCOW2_SUFFIX):
        check_self_contained(image)
        return image
    raw, disk = directory / _RAW, directory / DISK
    try:
        _extract_raw(image, raw)
        # said, not guessed: what a raw disk starts with may look like qcow2
        convert = ["qemu-img", "convert", "-f", "raw", "-O", "qcow2", str(raw), str(disk)]
        run(Command(convert, timeout_s=_CONVERT_S))
    except CommandError as error:
        raise ImageImportError(
            f"cannot convert {image.name} to qcow2", details=error.explain()
        ) from error
    finally:
        raw.unlink(missing_ok=True)
    return disk


def check_self_contained(disk: Path) -> None:
    """
    Refuse a qcow2 file that names other files.

    :raises ImageImportError: if it does, or is no qcow2 file
    """
    with disk.open("rb") as stream:
        start = stream.read(_FEATURES_OFFSET + _FEATURES.size)
    if len(start) < _FEATURES_OFFSET or not start.startswith(_MAGIC):
        raise ImageImportError(f"not a qcow2 file: {disk.name}")
    _, version, backing = _HEADER.unpack_from(start)
    features = 0
    if version >= _WITH_FEATURES and len(start) == _FEATURES_OFFSET + _FEATURES.size:
        [features] = _FEATURES.unpack_from(start, _FEATURES_OFFSET)
    if version not in _KNOWN_VERSIONS:
        raise ImageImportError(f"{disk.name} is of version {version} of qcow2; known are 2 and 3")
    if backing or features & _EXTERNAL_DATA:
        raise ImageImportError(
            f"{disk.name} names another file as part of its disk",
            resolution="Make it whole: qemu-img convert -O qcow2 DISK WHOLE.qcow2",
        )


def _extract_raw(archive: Path, target: Path) -> None:
    found = False
    with open_tar(archive) as members:
        for member in members:
            content = members.extractfile(member) if member.isreg() else None
            if found or content is None or "/" in member.name.removeprefix("./"):
                raise ImageImportError(
                    f"{archive.name} does not hold exactly one file without directories"
                )
            with content, target.open("wb") as stream:
                _copy_sparsely(content, stream, member.size)
            found = True
    if not found:
        raise ImageImportError(f"{archive.name} is empty")


def _copy_sparsely(source: IO[bytes], target: IO[bytes], size_bytes: int) -> None:
    """Copy, and leave holes where there are zeros."""
    empty = bytes(_BLOCK_BYTES)
    while block := source.read(_BLOCK_BYTES):
        if block == empty[: len(block)]:
            target.seek(len(block), os.SEEK_CUR)
        else:
            target.write(block)
    target.truncate(size_bytes)
