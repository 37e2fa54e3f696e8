# SPDX-License-Identifier: GPL-3.0-or-later
"""What users submit for ``piuparts``, and what the server finds out."""

from __future__ import annotations

from pydantic import Field
from typing_extensions import override

from debusine.domain.lookup import LookupMultiple, LookupSingle
from debusine.domain.result import WorkRequestResults
from debusine.tasks.guide import Guide
from debusine.tasks.models import (
    BaseDynamicTaskDataWithExecutor,
    BaseDynamicTaskDataWithExtraRepositories,
    BaseTaskDataModel,
    BaseTaskDataWithExecutor,
    BaseTaskDataWithExtraRepositories,
)

PIUPARTS_GUIDE = Guide(
    example="""
        input:
          binary_artifacts: [10, 11]
        base_tgz: debian/match:codename=trixie
        environment: debian/match:codename=trixie
        build_architecture: amd64
    """,
    results={
        WorkRequestResults.SUCCESS: "piuparts found nothing that it takes for an error; files that"
        " a package leaves behind when it is purged are a warning in the report",
        WorkRequestResults.FAILURE: "it found an error, or a stage before or after it failed",
        WorkRequestResults.ERROR: "the task could not be started",
    },
    limits="In containers, piuparts of the environment is 1.5 or later, that is of trixie or later."
    " Bad permissions are not looked for, as piuparts stumbles over files of the kernel. APT of the"
    " system to test in is lent nothing that holds a password, as packages run as root there.",
)


class PiupartsInput(BaseTaskDataModel):
    """
    What is tested.

    :param binary_artifacts: ``debian:binary-package`` or ``debian:upload``
    """

    binary_artifacts: LookupMultiple


class PiupartsData(BaseTaskDataWithExecutor, BaseTaskDataWithExtraRepositories):
    """
    What a user submits for ``piuparts``.

    :param base_tgz: system tarball in which packages are installed and removed
    :param environment: where piuparts runs
    :param build_architecture: of the worker, of both environments and of the packages
    :param extra_repositories: more archives to take packages from; each is a repository
        anywhere, with ``url``, or a suite that the server publishes
    """

    input: PiupartsInput
    base_tgz: LookupSingle
    environment: LookupSingle
    build_architecture: str


class PiupartsDynamicData(
    BaseDynamicTaskDataWithExecutor, BaseDynamicTaskDataWithExtraRepositories
):
    """What the server found out for ``piuparts``."""

    base_tgz_id: int
    input_binary_artifacts_ids: list[int] = Field(default_factory=list)

    @override
    def get_input_artifacts_ids(self) -> list[int]:
        own = [self.base_tgz_id, *self.input_binary_artifacts_ids]
        return [*super().get_input_artifacts_ids(), *own]
