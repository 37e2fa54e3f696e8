# SPDX-License-Identifier: GPL-3.0-or-later
"""Look for missing hardening flags in a build log."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from debian.debian_support import Version
from pydantic import Field
from typing_extensions import override

from debusine.artifacts.files import LocalArtifact
from debusine.artifacts.kinds.blhc import Blhc as BlhcKind
from debusine.artifacts.kinds.blhc import BlhcData as BlhcReportData
from debusine.artifacts.kinds.build_log import SUFFIX, BuildLog, BuildLogData
from debusine.domain import tags
from debusine.domain.action_key import Network
from debusine.domain.result import WorkRequestResults
from debusine.tasks.guide import Guide
from debusine.tasks.inputs.inputs import EnvironmentInput, SingleInput, Stage
from debusine.tasks.models import (
    BaseDynamicTaskDataWithExecutor,
    BaseTaskDataModel,
    BaseTaskDataWithExecutor,
    LookupSingle,
)
from debusine.tasks.report import ReportTask

FIRST_WITH_DEBIAN = Version("0.07+20170817+gita232d32")
"""What knows ``--debian``."""


BLHC_GUIDE = Guide(
    example="""
        input:
          artifact: 12
        environment: debian/match:codename=trixie
        build_architecture: amd64
        extra_flags: [--all]
    """,
    results={
        WorkRequestResults.SUCCESS: "no flag is missing (exit status 0), or the log shows no"
        " compiler (1): nothing was compiled, or nothing could be seen of it",
        WorkRequestResults.FAILURE: "blhc found something (its exit status is a sum of 4: commands"
        " are not shown, 8: flags are missing, 16: hardening-wrapper, 32: CMake ignores flags), it"
        " does not take the options (2), or a stage before or after it failed",
        WorkRequestResults.ERROR: "the task could not be started",
    },
    limits="`--debian` is given in any case, unless blhc is older than 0.07+20170817 and does not"
    " know it.",
)


class BlhcInput(BaseTaskDataModel):
    """
    What is looked at.

    :param artifact: a ``debian:package-build-log``
    """

    artifact: LookupSingle


class BlhcData(BaseTaskDataWithExecutor):
    """
    What a user submits for ``blhc``.

    :param extra_flags: options of blhc
    :param environment: where blhc runs
    :param build_architecture: of the worker and the environment
    """

    input: BlhcInput
    extra_flags: list[
        Literal["--all", "--bindnow", "--buildd", "--color", "--debian", "--line-numbers", "--pie"]
    ] = Field(default_factory=list)
    environment: LookupSingle
    build_architecture: str


class BlhcDynamicData(BaseDynamicTaskDataWithExecutor):
    """
    What the server found out for ``blhc``.

    :param input_artifact_data: what the log is of, without why it could not be built
    """

    input_artifact_id: int
    input_artifact_data: BuildLogData | None = None

    @override
    def get_source_package_name(self) -> str | None:
        return self.subject

    @override
    def get_input_artifacts_ids(self) -> list[int]:
        return [*super().get_input_artifacts_ids(), self.input_artifact_id]


class Blhc(ReportTask[BlhcData, BlhcDynamicData]):
    """Checks whether a build used the compiler flags that harden programs."""

    TASK_VERSION = 1
    GUIDE = BLHC_GUIDE
    NETWORK = Network.APT
    CAPTURE_OUTPUT_FILENAME = BlhcKind.file_name
    PACKAGES = ("blhc",)
    # 1: nothing was compiled
    GOOD_STATUSES = frozenset({0, 1})

    input_artifact = SingleInput(
        field="input.artifact",
        stage=Stage.PENDING,
        categories=[BuildLog.category],
        verbose_name="Build log",
    )
    environment = EnvironmentInput(stage=Stage.PENDING, categories=None)

    @override
    def post_init(self) -> None:
        super().post_init()
        self._log: Path | None = None

    # what the server asks

    @property
    def _log_data(self) -> BuildLogData:
        data = self.input_artifact.data
        assert isinstance(data, BuildLogData), "the input checks the category"
        return data

    @override
    def get_subject(self) -> str:
        return self._log_data.source

    @override
    def compute_system_provided_tags(self) -> set[str]:
        own = tags.source_package_tag(self._log_data.source)
        return {*super().compute_system_provided_tags(), own}

    @override
    def compute_dynamic_data(self) -> BlhcDynamicData:
        log_id, log = self.input_artifact.artifact_id, self._log_data
        assert log_id is not None, "what is looked at exists"
        architecture = f" ({log.architecture})" if log.architecture else ""
        return BlhcDynamicData(
            subject=self.get_subject(),
            parameter_summary=f"{log.source}_{log.version}{architecture}",
            environment_id=self.environment.artifact_id,
            input_artifact_id=log_id,
            input_artifact_data=BuildLogData(
                source=log.source,
                version=log.version,
                architecture=log.architecture,
                filename=log.filename,
            ),
        )

    # the run

    @override
    def fetch_input(self, destination: Path) -> bool:
        assert self.dynamic_data is not None, "no dynamic data"
        self.fetch_artifact(self.dynamic_data.input_artifact_id, destination)
        return True

    @override
    def configure_for_execution(self, download_directory: Path) -> bool:
        self._log = min(download_directory.glob(f"*{SUFFIX}"), default=None)
        if self._log is None:
            return self._refuse(f"no {SUFFIX} file to look at")
        self._prepare_program()
        return True

    @override
    def _cmdline(self) -> list[str]:
        knows_debian = self.get_package_version("blhc") >= FIRST_WITH_DEBIAN
        flags = [*(["--debian"] if knows_debian else []), *self.data.extra_flags]
        return ["blhc", *dict.fromkeys(flags), str(self._log)]

    @override
    def _report(self, output: Path) -> LocalArtifact:
        assert self.dynamic_data is not None, "no dynamic data"
        log = self.dynamic_data.input_artifact_data
        data = BlhcReportData()
        if log is not None:
            data = BlhcReportData(
                source=log.source, version=log.version, architecture=log.architecture
            )
        return BlhcKind.from_output(output, data)
