# SPDX-License-Identifier: GPL-3.0-or-later
"""
Why packages cannot be installed together, as dose-distcheck explains it.

:source: dose-distcheck(1), option ``--explain``
"""

from __future__ import annotations

from typing import Literal

from pydantic import ConfigDict, Field

from debusine.artifacts.base import ArtifactData


def _hyphens(name: str) -> str:
    return name.replace("_", "-")


class DoseModel(ArtifactData):
    """Keys are written with hyphens."""

    model_config = ConfigDict(alias_generator=_hyphens)


class Dependency(DoseModel):
    """A link of a chain of dependencies."""

    package: str
    version: str
    architecture: str | None = None
    depends: str | None = None


class DependencyChain(DoseModel):
    """One way in which a package is needed."""

    depchain: list[Dependency]


class UnsatisfiedDependency(DoseModel):
    """A package whose dependency nothing satisfies."""

    package: str
    version: str
    architecture: str | None = None
    unsat_dependency: str | None = None


class MissingPackage(DoseModel):
    """What is missing, and who needs it."""

    pkg: UnsatisfiedDependency
    depchains: list[DependencyChain] = Field(default_factory=list)


class UnsatisfiedConflict(DoseModel):
    """A package that conflicts with another."""

    package: str
    version: str
    architecture: str | None = None
    unsat_conflict: str | None = None


class PackageConflict(DoseModel):
    """Two packages that exclude each other, and who needs each."""

    pkg1: UnsatisfiedConflict
    pkg2: UnsatisfiedConflict
    depchain1: list[DependencyChain] = Field(default_factory=list)
    depchain2: list[DependencyChain] = Field(default_factory=list)


class MissingReason(DoseModel):
    """A package is missing."""

    missing: MissingPackage


class ConflictReason(DoseModel):
    """Packages conflict."""

    conflict: PackageConflict


class DosePackage(DoseModel):
    """What was found about one package."""

    package: str
    version: str
    architecture: str | None = None
    essential: bool | None = None
    type: str | None = None
    source: str | None = None
    status: Literal["broken", "ok"]
    success: str | None = None
    reasons: list[MissingReason | ConflictReason] = Field(default_factory=list)


class DoseReport(DoseModel):
    """Everything that was found."""

    output_version: str
    native_architecture: str | None = None
    foreign_architecture: str | None = None
    host_architecture: str | None = None
    report: list[DosePackage]
    total_packages: int
    broken_packages: int
    background_packages: int
    foreground_packages: int
