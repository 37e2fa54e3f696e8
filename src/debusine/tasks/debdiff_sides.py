# SPDX-License-Identifier: GPL-3.0-or-later
"""What is compared with what, before and after it is downloaded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from debusine.artifacts.kinds.binary_package import BinaryPackage, BinaryPackageData
from debusine.artifacts.kinds.upload import UploadData
from debusine.tasks.errors import TaskConfigError
from debusine.tasks.inputs.values import BaseTaskInputArtifact

CHANGES = ".changes"
DEBS = (".deb", ".udeb")
DSC = ".dsc"

Side = Sequence[BaseTaskInputArtifact]


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """
    What is compared, in words.

    :param name: source packages
    :param old: versions
    :param new: versions
    """

    name: str
    old: str
    new: str

    def summary(self, what: str) -> str:
        """
        All of it in a line.

        >>> Comparison(name="hello", old="1.0-1", new="1.0-2").summary("source")
        'hello: 1.0-1 → 1.0-2 (source)'
        """
        return f"{self.name}: {self.old} → {self.new} ({what})"


def source_names(*sides: Side) -> list[str]:
    """Source packages of artifacts, sorted, each once."""
    found = (artifact.source_package() for side in sides for artifact in side)
    return sorted({source.name for source in found if source is not None})


def compare(old: Side, new: Side) -> Comparison:
    """
    Say what is compared.

    :raises TaskConfigError: if the two sides cannot be compared
    """
    check_sides(old, new)
    return Comparison(name=" ".join(source_names(old, new)), old=_versions(old), new=_versions(new))


def check_sides(old: Side, new: Side) -> None:
    """
    Check that two sides can be compared.

    :raises TaskConfigError: if one is empty, they mix categories, or hold several artifacts
        that are no single binary packages
    """
    for index, side in enumerate((old, new)):
        if not side:
            raise TaskConfigError(f"input.binary_artifacts[{index}]: nothing to compare was found")
    categories = sorted({str(artifact.category) for artifact in (*old, *new)})
    if len(categories) > 1:
        raise TaskConfigError(
            f"input.binary_artifacts: cannot compare artifacts of several categories: {categories}"
        )
    if max(len(old), len(new)) > 1 and categories != [BinaryPackage.category]:
        raise TaskConfigError(
            f"input.binary_artifacts: several artifacts can be compared only if they are"
            f" {BinaryPackage.category}, not {categories[0]}"
        )


def _versions(side: Side) -> str:
    return " ".join(sorted({_version(artifact) for artifact in side}))


def _version(artifact: BaseTaskInputArtifact) -> str:
    """Version of what an artifact holds: that of a binNMU differs from that of its source."""
    match artifact.data:
        case BinaryPackageData(deb_fields=fields) | UploadData(changes_fields=fields):
            own = fields.get("Version")
        case _:
            own = None
    source = artifact.source_package()
    return str(own or (source.version if source is not None else "unknown"))


def file_to_compare(directory: Path) -> Path | None:
    """The file that stands for an artifact: its .changes, else the one package in it."""
    paths = sorted(path for path in directory.iterdir() if path.is_file())
    for suffixes in ((CHANGES,), (*DEBS, DSC)):
        found = [path for path in paths if path.suffix in suffixes]
        if found:
            return found[0] if len(found) == 1 else None
    return None


def arguments(old: Sequence[Path], new: Sequence[Path]) -> list[str]:
    """
    Name files the way debdiff wants them.

    :source: debdiff(1)

    >>> arguments([Path("a.dsc")], [Path("b.dsc")])
    ['a.dsc', 'b.dsc']
    >>> arguments([Path("a.deb")], [Path("b.deb"), Path("c.deb")])
    ['--from', 'a.deb', '--to', 'b.deb', 'c.deb']
    """
    olds, news = [str(path) for path in old], [str(path) for path in new]
    if all(path.suffix in DEBS for path in (*old, *new)):
        return ["--from", *olds, "--to", *news]
    return [*olds, *news]
