# SPDX-License-Identifier: GPL-3.0-or-later
"""
Read binary packages without dpkg.

:source: deb(5)
"""

from __future__ import annotations

import lzma
import tarfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, cast

import zstandard
from debian import deb822
from debian.arfile import ArError, ArFile

from debusine.artifacts.base import NameVersion
from debusine.artifacts.deb822 import MAX_BYTES, VERSION, source_of_fields
from debusine.errors import UserError

_BROKEN = (
    ArError,
    tarfile.TarError,
    lzma.LZMAError,
    zlib.error,
    zstandard.ZstdError,
    EOFError,
    UnicodeError,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class BinaryPackageInfo:
    """
    What the control archive of a binary package says.

    :param fields: the control paragraph, in its order
    :param control_files: names in the control archive, sorted, without ``./``
    """

    fields: Mapping[str, str]
    control_files: tuple[str, ...]

    @property
    def source(self) -> NameVersion:
        """Source package and version it was built from."""
        return source_of_fields(self.fields)


def read_deb(path: Path) -> BinaryPackageInfo:
    """
    Read the control archive of a .deb or .udeb.

    :raises UserError: if it is damaged or lacks a field it needs
    """
    fields: dict[str, str] = {}
    names: list[str] = []
    with open_member(path, "control.tar") as archive:
        for member in archive:
            name = PurePosixPath(member.name).as_posix()
            if member.isreg():
                names.append(name)
            if name == "control" and member.isreg():
                fields = _control_fields(path, archive, member)
    for field in ("Package", "Version", "Architecture"):
        if not fields.get(field):
            raise UserError(f"{path.name}: field {field} is missing")
    if not VERSION.fullmatch(fields["Version"]):
        raise UserError(f"{path.name}: field Version: not a version: {fields['Version']!r}")
    return BinaryPackageInfo(fields=fields, control_files=tuple(sorted(names)))


@contextmanager
def open_member(path: Path, stem: str) -> Iterator[tarfile.TarFile]:
    """
    Open an archive inside a binary package, to be read from front to back once.

    :param stem: ``control.tar`` or ``data.tar``
    :raises UserError: if the package is damaged; also while the archive is being read
    """
    try:
        with path.open("rb") as file:
            members = [m for m in ArFile(fileobj=file) if m.name.startswith(stem)]
            if len(members) != 1:
                raise UserError(f"{path.name}: has {len(members)} members called {stem}*")
            stream = cast("IO[bytes]", members[0])
            if members[0].name.endswith(".zst"):
                stream = zstandard.ZstdDecompressor().stream_reader(stream)
            with tarfile.open(fileobj=stream, mode="r|*") as archive:
                yield archive
    except OSError as error:
        raise UserError(f"cannot read {path}: {error}") from error
    except _BROKEN as error:
        raise UserError(f"{path.name} is not an intact Debian package: {error}") from error


def _control_fields(
    path: Path, archive: tarfile.TarFile, member: tarfile.TarInfo
) -> dict[str, str]:
    """Parse the control paragraph."""
    if member.size > MAX_BYTES:
        raise UserError(f"{path.name}: the control paragraph is larger than {MAX_BYTES} bytes")
    file = archive.extractfile(member)
    text = file.read().decode("utf-8") if file else ""
    paragraph = deb822.Deb822(text.splitlines())
    return {str(key): str(value) for key, value in paragraph.items()}
