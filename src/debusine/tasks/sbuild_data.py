# SPDX-License-Identifier: GPL-3.0-or-later
"""What a user says about a build, and what the server finds out for it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, StringConstraints, model_validator
from typing_extensions import override

from debusine.domain.result import WorkRequestResults
from debusine.tasks.guide import Guide
from debusine.tasks.models import (
    BaseDynamicTaskDataWithExecutor,
    BaseDynamicTaskDataWithExtraRepositories,
    BaseTaskDataModel,
    BaseTaskDataWithExecutor,
    BaseTaskDataWithExtraRepositories,
    LookupMultiple,
    LookupSingle,
)

Architecture = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]*$")]
BuildProfile = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9.+_-]*$")]
MailAddress = Annotated[str, StringConstraints(pattern=r"^[^<>\n]+ <[^<>@\s]+@[^<>@\s]+>$")]

BUILD_OPTION_PROFILES = ("nocheck", "nodoc")
""":source: Debian Policy 4.9.1: profiles that are build options of the same name too"""


class BuildComponent(StrEnum):
    """What to build."""

    ANY = "any"
    ALL = "all"
    SOURCE = "source"


class BuildDepResolver(StrEnum):
    """What chooses among build dependencies."""

    APT = "apt"
    APTITUDE = "aptitude"
    ASPCUD = "aspcud"
    XAPT = "xapt"


class SbuildInput(BaseTaskDataModel):
    """
    What to build, and with what beside the packages of the environment.

    :param source_artifact: a ``debian:source-package``
    :param extra_binary_artifacts: binary packages or uploads that APT is offered
    """

    source_artifact: LookupSingle
    extra_binary_artifacts: LookupMultiple = Field(default_factory=LookupMultiple)


class SbuildBinNMU(BaseTaskDataModel):
    """
    A rebuild with a version of its own.

    :param changelog: text of the changelog entry
    :param suffix: appended to the version, such as ``+b1``
    :param timestamp: time of the changelog entry
    :param maintainer: ``Name <mail>``; default: the server
    """

    changelog: str
    suffix: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9.+~]+$")]
    timestamp: datetime | None = None
    maintainer: MailAddress | None = None


SBUILD_GUIDE = Guide(
    example="""
        input:
          source_artifact: 3
        environment: debian/match:codename=trixie
        build_architecture: amd64
        build_components: [any, all]
    """,
    results={
        WorkRequestResults.SUCCESS: "sbuild says `successful`, and the files are those that"
        " the `.changes` lists",
        WorkRequestResults.FAILURE: "the build failed, or sbuild skipped it because the package"
        " is not for this architecture; `task_result.log` says at which stage it stopped, and"
        " whether the package or the machine is to blame",
        WorkRequestResults.ERROR: "sbuild claims success without a log, or the task could not"
        " be started",
    },
    limits="A binNMU cannot have the component `all`. The build step has no network.",
)


class SbuildData(BaseTaskDataWithExecutor, BaseTaskDataWithExtraRepositories):
    """
    A build.

    :param environment: what to build in
    :param build_architecture: what to build on, and for
    :param build_components: what to build
    :param build_profiles: such as ``nocheck``
    :param build_dep_resolver: None: sbuild's own choice
    :param aspcud_criteria: for the resolver ``aspcud``
    :param resolve_alternatives: whether alternatives in build dependencies may be chosen
    :param extra_repositories: more archives to take packages from; each is a repository
        anywhere, with ``url``, or a suite that the server publishes
    """

    input: SbuildInput
    environment: LookupSingle
    build_architecture: Architecture
    build_components: list[BuildComponent] = Field(
        default_factory=lambda: [BuildComponent.ANY], min_length=1
    )
    binnmu: SbuildBinNMU | None = None
    build_profiles: list[BuildProfile] | None = None
    build_dep_resolver: BuildDepResolver | None = None
    aspcud_criteria: str | None = None
    resolve_alternatives: bool = False

    @model_validator(mode="after")
    def check_binnmu(self) -> Self:
        """
        Packages for all architectures have no binary version of their own.

        :raises ValueError: if both are asked for
        """
        if self.binnmu and BuildComponent.ALL in self.build_components:
            message = "cannot build architecture-independent packages as part of a binNMU"
            raise ValueError(message)
        return self

    @property
    def host_architecture_label(self) -> str:
        """What the packages are for: an architecture, ``all`` or ``source``."""
        if len(set(self.build_components)) == 1 and self.build_components[0] is not (
            BuildComponent.ANY
        ):
            return self.build_components[0].value
        return self.build_architecture

    @property
    def runtime_context(self) -> str | None:
        """Builds with the same value take about as long; None if it is an unusual build."""
        if self.build_options:
            return None
        components = "+".join(sorted(set(self.build_components)))
        return f"{components}:{self.build_architecture}:{self.host_architecture_label}"

    @property
    def build_options(self) -> list[str]:
        """Words for ``DEB_BUILD_OPTIONS`` that follow from the profiles."""
        return [name for name in BUILD_OPTION_PROFILES if name in (self.build_profiles or ())]


class SbuildDynamicData(BaseDynamicTaskDataWithExecutor, BaseDynamicTaskDataWithExtraRepositories):
    """
    What the server found out.

    :param binnmu_maintainer: for a binNMU whose user names none
    """

    input_source_artifact_id: int
    input_extra_binary_artifacts_ids: list[int] = Field(default_factory=list)
    binnmu_maintainer: str | None = None

    @override
    def get_source_package_name(self) -> str | None:
        return self.subject

    @override
    def get_input_artifacts_ids(self) -> list[int]:
        return [
            *super().get_input_artifacts_ids(),
            self.input_source_artifact_id,
            *self.input_extra_binary_artifacts_ids,
        ]


_SAFE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+~_:%-]*")


def safe_names(names: Iterable[str], *suffixes: str) -> list[str]:
    """
    Choose files by suffix; names that a shell or sbuild would read otherwise are refused.

    :raises ValueError: naming one that is refused
    """
    chosen = [name for name in names if name.endswith(suffixes)]
    for name in chosen:
        if not _SAFE_NAME.fullmatch(name):
            message = f"not a file name of a package: {name!r}"
            raise ValueError(message)
    return chosen
