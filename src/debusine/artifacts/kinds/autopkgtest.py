# SPDX-License-Identifier: GPL-3.0-or-later
"""``debian:autopkgtest``: what a package's own tests said."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator
from typing_extensions import override

from debusine.artifacts.base import ArtifactData, ArtifactKind, NameVersion
from debusine.artifacts.files import LocalArtifact, below
from debusine.artifacts.rules import check_url
from debusine.domain.category import ArtifactCategory
from debusine.errors import UserError

BINARIES = "binaries/"
"""What was tested, in the output directory; other artifacts hold it."""


class TestStatus(StrEnum):
    """How a test ended."""

    __test__ = False

    PASS = "PASS"  # noqa: S105  not a password
    FAIL = "FAIL"
    FLAKY = "FLAKY"
    SKIP = "SKIP"


class TestResult(ArtifactData):
    """What became of one test."""

    __test__ = False

    status: TestStatus
    details: str | None = None


class TestedSource(ArtifactData):
    """The source package the tests are part of."""

    __test__ = False

    name: str
    version: str
    url: Annotated[str, AfterValidator(check_url)]


class AutopkgtestData(ArtifactData):
    """``distribution`` is ``vendor:codename``."""

    results: dict[str, TestResult]
    cmdline: str
    source_package: TestedSource
    architecture: str
    distribution: str


class Autopkgtest(ArtifactKind[AutopkgtestData]):
    """The output directory, without the packages tested."""

    category = ArtifactCategory("debian:autopkgtest")
    title = "autopkgtest results"
    icon = "list-check"

    @classmethod
    @override
    def label(cls, data: AutopkgtestData) -> str:
        return data.source_package.name

    @classmethod
    @override
    def check_files(cls, data: AutopkgtestData, files: Mapping[str, Path | None]) -> None:
        binaries = sorted(path for path in files if path.startswith(BINARIES))
        if binaries:
            raise UserError(f"{cls.title} hold no tested packages, found {', '.join(binaries)}")

    @classmethod
    @override
    def source(cls, data: AutopkgtestData) -> NameVersion:
        return NameVersion(data.source_package.name, data.source_package.version)

    @classmethod
    @override
    def architectures(cls, data: AutopkgtestData) -> frozenset[str]:
        return frozenset({data.architecture})

    @classmethod
    def from_directory(cls, directory: Path, data: AutopkgtestData) -> LocalArtifact:
        """Make an artifact of an output directory; what was tested is left out."""
        files = {
            path: local for path, local in below(directory).items() if not path.startswith(BINARIES)
        }
        return LocalArtifact(category=cls.category, data=data, files=files)
