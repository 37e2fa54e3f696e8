# SPDX-License-Identifier: GPL-3.0-or-later
"""A source package on this machine, and what a user can name one by."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path

from debusine.artifacts.deb822 import PACKAGE_NAME, read_dsc
from debusine.artifacts.files import LocalArtifact
from debusine.artifacts.kinds.source_package import SourcePackage
from debusine.cli.building.changelog import find_changelog
from debusine.errors import UserError

Say = Callable[[str], None]

_URL = re.compile(r"^[A-Za-z][A-Za-z0-9+.-]*://")


class SourceKind(Enum):
    """The four things SOURCE can be."""

    DSC = auto()
    URL = auto()
    TREE = auto()
    NAME = auto()


def classify(source: str) -> SourceKind:
    """
    Tell which of the four a user means; what exists on disk comes first.

    :raises UserError: if it is none of them

    >>> classify("https://deb.example.org/hello_2.10-3.dsc"), classify("hello=2.10-3")
    (<SourceKind.URL: 2>, <SourceKind.NAME: 4>)
    """
    if not source:
        raise UserError(
            "SOURCE is empty",
            resolution="For the directory you are in, give a dot: debusine build .",
        )
    if _URL.match(source):
        return SourceKind.URL
    path = Path(source)
    if path.is_dir():
        if (path / "debian").is_dir():
            return SourceKind.TREE
        raise UserError(
            f"{source} has no debian directory",
            resolution="Name the top directory of a source package.",
        )
    if path.exists():
        if path.is_file() and path.suffix == ".dsc":
            return SourceKind.DSC
        raise UserError(f"{source} is neither a .dsc file nor a directory with debian/")
    is_name = "/" not in source and PACKAGE_NAME.fullmatch(source.partition("=")[0])
    if is_name and not source.endswith(".dsc"):
        return SourceKind.NAME
    raise UserError(
        f"no such file or directory: {source}",
        resolution="Name a .dsc file, its URL, a directory with debian/, or a source package.",
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Source:
    """
    A source package that is complete and fits its checksums.

    :param dsc: its control file; the other files lie beside it
    :param distribution: what its changelog aims at, None if nothing says so
    :param architectures: of the binary packages: words as in the field Architecture of the .dsc
    """

    dsc: Path
    name: str
    version: str
    distribution: str | None
    architectures: frozenset[str]
    artifact: LocalArtifact

    @property
    def file_version(self) -> str:
        """The version as in file names: without the epoch."""
        return self.version.partition(":")[2] or self.version


def load_source(dsc: Path) -> Source:
    """
    Read a source package.

    :raises UserError: if the .dsc is malformed, or a file is missing or damaged
    """
    artifact = SourcePackage.from_dsc(dsc)
    control = read_dsc(dsc)
    entry = find_changelog(dsc.parent / name for name in control.listed)
    name, version = control.package
    return Source(
        dsc=dsc,
        name=name,
        version=version,
        distribution=entry.distribution if entry else None,
        architectures=control.architectures,
        artifact=artifact,
    )
