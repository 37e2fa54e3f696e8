# SPDX-License-Identifier: GPL-3.0-or-later
"""What a user says about a run of a package's own tests, and what the server finds out for it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, NonNegativeInt, StringConstraints
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
from debusine.tasks.sbuild_data import Architecture

MAX_DEBUG_LEVEL = 3

TestName = Annotated[str, StringConstraints(pattern=r"^[^\s,]+$")]
Release = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._/+-]*$")]
PinnedPackage = Annotated[str, StringConstraints(pattern=r"^(src:)?[A-Za-z0-9*][A-Za-z0-9.+*-]*$")]
VariableName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
# autopkgtest puts it between single quotes, as it is
VariableValue = Annotated[str, StringConstraints(pattern=r"^[^'\x00]*$")]


class AutopkgtestInput(BaseTaskDataModel):
    """
    What is tested, and with what beside the packages of the environment.

    :param source_artifact: source package that holds the tests, or the upload with it
    :param binary_artifacts: binary packages or uploads that are tested
    :param context_artifacts: binary packages or uploads that are there beside them
    """

    source_artifact: LookupSingle
    binary_artifacts: LookupMultiple
    context_artifacts: LookupMultiple = Field(default_factory=LookupMultiple)


class AutopkgtestFailOn(BaseTaskDataModel):
    """
    What makes the task fail.

    :param failed_test: a test that fails
    :param flaky_test: a test that is marked as flaky and fails
    :param skipped_test: a test that is skipped
    """

    failed_test: bool = True
    flaky_test: bool = False
    skipped_test: bool = False


class AutopkgtestTimeout(BaseTaskDataModel):
    """
    How long things may take, in seconds.

    :param global_: the whole run; null or 0: no limit
    :param factor: what autopkgtest's own limits are multiplied with, where no other is given
    :param short: what should not take long, such as looking at the testbed
    :param install: installing packages
    :param test: one test
    :param copy_: copying files from or to the testbed
    :param build: building the source package, for tests that need that
    """

    global_: NonNegativeInt | None = Field(default=None, alias="global")
    factor: NonNegativeInt | None = None
    short: NonNegativeInt | None = None
    install: NonNegativeInt | None = None
    test: NonNegativeInt | None = None
    copy_: NonNegativeInt | None = Field(default=None, alias="copy")
    build: NonNegativeInt | None = None


AUTOPKGTEST_GUIDE = Guide(
    example="""
        input:
          source_artifact: 3
          binary_artifacts: [10, 11]
        environment: debian/match:codename=trixie
        build_architecture: amd64
        fail_on:
          flaky_test: true
        timeout:
          global: 7200
    """,
    results={
        WorkRequestResults.SUCCESS: "whatever did not pass is of no account, as `fail_on` says",
        WorkRequestResults.FAILURE: "a test ended as `fail_on` forbids, a package or its"
        " dependencies cannot be used, the run took longer than `timeout.global`, or a stage before"
        " or after it failed; `task_result.log` says why",
        WorkRequestResults.TEMPORARY_FAILURE: "the testbed could not be made, was lost or could not"
        " download packages, which says nothing about the package",
        WorkRequestResults.SKIPPED: "no test was run, and `fail_on` does not forbid that",
        WorkRequestResults.ERROR: "the task could not be started",
    },
    limits="The source package is never built for its binary packages. Tests share the network of"
    " the worker. APT is lent nothing that holds a password, as tests may run as root.",
)


class AutopkgtestData(BaseTaskDataWithExecutor, BaseTaskDataWithExtraRepositories):
    """
    A run of a package's own tests.

    :param environment: what to test in
    :param build_architecture: what to test on
    :param extra_repositories: more archives to take packages from; each is a repository
        anywhere, with ``url``, or a suite that the server publishes
    :param include_tests: names of tests; empty: all
    :param exclude_tests: names of tests that do not run
    :param debug_level: 0 to 3: how much autopkgtest says
    :param use_packages_from_base_repository: prefer the release of the environment to
        extra repositories
    :param pin_packages: packages to take from a release, by release; ``src:NAME`` is all of a
        source package
    :param extra_environment: variables for the tests; values hold no single quote
    :param needs_internet: what becomes of tests that need the internet; with ``try``, failures
        of them count as flaky
    """

    input: AutopkgtestInput
    environment: LookupSingle
    build_architecture: Architecture
    include_tests: list[TestName] = Field(default_factory=list)
    exclude_tests: list[TestName] = Field(default_factory=list)
    debug_level: int = Field(default=0, ge=0, le=MAX_DEBUG_LEVEL)
    use_packages_from_base_repository: bool = False
    pin_packages: dict[Release, list[PinnedPackage]] = Field(default_factory=dict)
    extra_environment: dict[VariableName, VariableValue] = Field(default_factory=dict)
    needs_internet: Literal["run", "try", "skip"] = "run"
    fail_on: AutopkgtestFailOn = Field(default_factory=AutopkgtestFailOn)
    timeout: AutopkgtestTimeout | None = None


class AutopkgtestDynamicData(
    BaseDynamicTaskDataWithExecutor, BaseDynamicTaskDataWithExtraRepositories
):
    """What the server found out for ``autopkgtest``."""

    environment_id: int
    input_source_artifact_id: int
    input_binary_artifacts_ids: list[int]
    input_context_artifacts_ids: list[int] = Field(default_factory=list)

    @override
    def get_source_package_name(self) -> str | None:
        return self.subject

    @override
    def get_input_artifacts_ids(self) -> list[int]:
        return [
            *super().get_input_artifacts_ids(),
            self.input_source_artifact_id,
            *self.input_binary_artifacts_ids,
            *self.input_context_artifacts_ids,
        ]
