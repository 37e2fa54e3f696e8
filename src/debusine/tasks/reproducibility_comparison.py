# SPDX-License-Identifier: GPL-3.0-or-later
"""Compare what two builds made, and put it into words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from debusine.artifacts.checksums import digest_file
from debusine.artifacts.deb822 import (
    ControlFile,
    installed_build_depends,
    read_buildinfo,
    read_changes,
)
from debusine.artifacts.kinds.reproducibility import (
    BUILDINFO,
    FileComparison,
    ReproducibilityData,
    VariationRecord,
    VersionRecord,
)
from debusine.domain.reproducibility import (
    Compared,
    FileVerdict,
    OtherVersion,
    Trace,
    Variation,
    compare,
    other_versions,
    summary,
)
from debusine.errors import UserError

CHANGES = ".changes"
PACKAGES = (".deb", ".udeb", ".ddeb")
_SHA256 = "sha256"


@dataclass(frozen=True)
class Build:
    """
    What a build made.

    :param changes: its ``.changes``; the files it names may lie beside it
    """

    changes: ControlFile

    @classmethod
    def read(cls, directory: Path) -> Build:
        """
        Read what lies in a directory.

        :raises UserError: if there is not exactly one ``.changes``, or it is malformed
        """
        found = sorted(directory.glob(f"*{CHANGES}"))
        if len(found) != 1:
            names = ", ".join(path.name for path in found) or "none"
            raise UserError(f"expected one {CHANGES} file, found {names}")
        return cls(read_changes(found[0]))

    @property
    def directory(self) -> Path:
        """Where its files are."""
        return self.changes.path.parent

    @cached_property
    def digests(self) -> dict[str, str]:
        """SHA-256 of each package, by name."""
        names = [name for name in self.changes.listed if name.endswith(PACKAGES)]
        paths = [self.directory / name for name in names]
        return {
            path.name: digest_file(path, {_SHA256}).hexdigests[_SHA256]
            for path in paths
            if path.is_file() and not path.is_symlink()
        }

    @cached_property
    def buildinfo(self) -> ControlFile | None:
        """
        Record of the build; None if there is none.

        :raises UserError: if it is malformed
        """
        found = [name for name in self.changes.listed if name.endswith(BUILDINFO)]
        path = self.directory / found[0] if found else None
        return read_buildinfo(path) if path is not None and path.is_file() else None

    @property
    def versions(self) -> dict[str, str] | None:
        """Versions of the packages that it could use, by name; None if nobody knows."""
        return installed_build_depends(self.buildinfo) if self.buildinfo else None


@dataclass(kw_only=True)
class Comparison:
    """
    How the packages of two builds compare.

    :param causes: what most likely makes a file differ, by name
    :param reports: files about a difference, by name of the file that differs
    :param notes: what could not be done, a line each
    """

    first: Build
    second: Build
    causes: Mapping[str, Sequence[Variation | Trace]] = field(default_factory=dict)
    reports: Mapping[str, Sequence[Path]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    @cached_property
    def files(self) -> list[Compared]:
        """Each package of the two, sorted by name."""
        return compare(self.first.digests, self.second.digests)

    @property
    def different(self) -> list[str]:
        """Names of files that both have, and that differ."""
        return [one.name for one in self.files if one.verdict is FileVerdict.DIFFERS]

    @property
    def is_reproducible(self) -> bool:
        """Whether all are the same, and there is something to compare."""
        same = all(one.verdict is FileVerdict.SAME for one in self.files)
        return same and bool(self.files)

    @property
    def other_versions(self) -> list[OtherVersion] | None:
        """Packages that the builds had in different versions; None if nobody knows."""
        before, after = self.first.versions, self.second.versions
        return None if before is None or after is None else other_versions(before, after)

    @property
    def summary(self) -> str:
        """All of it in a line."""
        causes = [cause for name in self.different for cause in self.causes.get(name, ())]
        return summary(self.files, causes, len(self.other_versions or ()))

    def as_data(
        self, architecture: str, variations: Sequence[VariationRecord]
    ) -> ReproducibilityData:
        """The comparison as the data of an artifact."""
        source, version = self.first.changes.package
        others = self.other_versions
        return ReproducibilityData(
            source=source,
            version=version,
            architecture=architecture,
            reproducible=self.is_reproducible,
            summary=self.summary,
            files=[self._record(one) for one in self.files],
            variations=list(variations),
            other_versions=None
            if others is None
            else [
                VersionRecord(package=one.package, first=one.first, second=one.second)
                for one in others
            ],
            notes=self.notes,
        )

    def artifact_files(self) -> dict[str, Path]:
        """Files of the artifact: the record of the second build, and the reports."""
        paths = [path for found in self.reports.values() for path in found]
        if self.second.buildinfo is not None:
            paths.append(self.second.buildinfo.path)
        return {path.name: path for path in paths}

    def _record(self, one: Compared) -> FileComparison:
        return FileComparison(
            name=one.name,
            verdict=one.verdict,
            first_sha256=one.first,
            second_sha256=one.second,
            causes=list(self.causes.get(one.name, ())),
            reports=[path.name for path in self.reports.get(one.name, ())],
        )
