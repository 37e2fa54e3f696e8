# SPDX-License-Identifier: GPL-3.0-or-later
"""Run a package's own tests with autopkgtest."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from typing_extensions import override

from debusine.artifacts.base import NameVersion, kind_for
from debusine.artifacts.deb822 import ControlFile, read_dsc
from debusine.artifacts.kinds.autopkgtest import Autopkgtest as AutopkgtestKind
from debusine.artifacts.kinds.binary_package import BinaryPackage
from debusine.artifacts.kinds.source_package import SourcePackage
from debusine.artifacts.kinds.system_tarball import SystemTarballData
from debusine.artifacts.kinds.upload import Upload
from debusine.domain import tags
from debusine.domain.executor import INCUS
from debusine.domain.result import WorkRequestResults
from debusine.errors import UserError
from debusine.tasks.apt_lending import access_for
from debusine.tasks.autopkgtest_command import (
    OUTPUT,
    SUMMARY,
    access_options,
    chosen_options,
    limit_prefix,
    output_options,
    repository_options,
    trust_options,
)
from debusine.tasks.autopkgtest_data import (
    AUTOPKGTEST_GUIDE,
    AutopkgtestData,
    AutopkgtestDynamicData,
)
from debusine.tasks.autopkgtest_report import make_report
from debusine.tasks.autopkgtest_summary import Summary, SummaryError, read_summary
from debusine.tasks.autopkgtest_testbed import Testbed, own_testbed, serving, virt_server
from debusine.tasks.autopkgtest_verdict import Verdict, judge
from debusine.tasks.capabilities import ProgramsMixin
from debusine.tasks.command import RunCommandTask
from debusine.tasks.command_runner import CommandRunner, TaskCommand
from debusine.tasks.extra_repository import ExtraRepositoryMixin
from debusine.tasks.inputs.inputs import EnvironmentInput, MultiInput, SingleInput, Stage
from debusine.tasks.kept_environment import KeptEnvironment
from debusine.tasks.logs import CONFIGURE_LOG, RESULT_LOG
from debusine.tasks.process import Ended
from debusine.tasks.upload import upload_output
from debusine.tasks.with_executor import BaseTaskWithExecutor
from debusine.util.apt_hooks import CHROOT_DIRECTORY
from debusine.util.userns import remove_tree

INCUS_KEY = "available:incus"
INCUS_SERVER = "autopkgtest-virt-incus"


class Autopkgtest(
    ExtraRepositoryMixin[AutopkgtestData, AutopkgtestDynamicData],
    ProgramsMixin[AutopkgtestData, AutopkgtestDynamicData],
    RunCommandTask[AutopkgtestData, AutopkgtestDynamicData],
    BaseTaskWithExecutor[AutopkgtestData, AutopkgtestDynamicData],
):
    """Runs the tests that a source package holds against binary packages."""

    TASK_VERSION = 1
    GUIDE = AUTOPKGTEST_GUIDE
    USES_APT = True
    CAPABILITIES: ClassVar[Mapping[str, str]] = {
        "available": "autopkgtest",
        INCUS_KEY: INCUS_SERVER,
    }

    source_artifact = SingleInput(
        field="input.source_artifact",
        stage=Stage.PENDING,
        categories=[SourcePackage.category, Upload.category],
        verbose_name="Source package",
    )
    binary_artifacts = MultiInput(
        field="input.binary_artifacts",
        categories=[BinaryPackage.category, Upload.category],
        verbose_name="Binary packages",
    )
    context_artifacts = MultiInput(
        field="input.context_artifacts",
        categories=[BinaryPackage.category, Upload.category],
        verbose_name="Context packages",
    )
    environment = EnvironmentInput(stage=Stage.PENDING)

    @override
    def post_init(self) -> None:
        super().post_init()
        self.source: ControlFile | None = None
        self.summary = Summary()
        self.verdict: Verdict | None = None
        self._dsc_name = ""
        self._dsc_url = ""
        self._targets: list[Path] = []
        self._access_files: list[Path] = []
        self._testbed: Testbed | None = None

    # what the server asks

    @property
    def _source_name_version(self) -> NameVersion:
        artifact = self.source_artifact
        assert artifact.category is not None, "the input checks the category"
        data: Any = artifact.data
        found = kind_for(artifact.category).source(data)
        assert found is not None, "both categories have a source"
        return found

    @override
    def get_subject(self) -> str:
        return self._source_name_version.name

    @override
    def get_configuration_context(self) -> str:
        data = self.environment.data
        assert isinstance(data, SystemTarballData), "the input checks the category"
        return data.codename

    @override
    def compute_dynamic_data(self) -> AutopkgtestDynamicData:
        environment_id, source_id = self.environment.artifact_id, self.source_artifact.artifact_id
        assert environment_id is not None, "the environment exists"
        assert source_id is not None, "what is tested exists"
        name, version = self._source_name_version
        architecture = self.data.build_architecture
        return AutopkgtestDynamicData(
            subject=name,
            parameter_summary=f"{name}_{version} ({architecture})",
            runtime_context=f"{architecture}:{self.backend}",
            configuration_context=self.get_configuration_context(),
            environment_id=environment_id,
            extra_repositories=self.extra_repositories,
            input_source_artifact_id=source_id,
            input_binary_artifacts_ids=self.binary_artifacts.resolved_ids(),
            input_context_artifacts_ids=self.context_artifacts.resolved_ids(),
        )

    @override
    def needed_tools(self) -> dict[str, str]:
        needed = super().needed_tools()
        if self.backend not in INCUS:
            del needed[self.prefix_with_task_name(INCUS_KEY)]
        return needed

    @override
    def compute_system_provided_tags(self) -> set[str]:
        return {
            *super().compute_system_provided_tags(),
            tags.source_package_tag(self._source_name_version.name),
        }

    # the run

    @override
    def fetch_input(self, destination: Path) -> bool:
        dynamic = self.dynamic_data
        assert dynamic is not None, "no dynamic data"
        source = self.fetch_artifact(dynamic.input_source_artifact_id, destination)
        for name, file in source.files.items():
            if name.endswith(".dsc") and not self._dsc_name:
                self._dsc_name, self._dsc_url = name, file.url
        for number in (*dynamic.input_binary_artifacts_ids, *dynamic.input_context_artifacts_ids):
            self.fetch_artifact(number, destination)
        self._prepare_executor()
        self.write_extra_repository_config(self._codename, destination)
        return True

    @property
    def _codename(self) -> str:
        assert self.executor is not None, "no executor"
        return str(self.executor.system_image.data["codename"])

    @override
    def configure_for_execution(self, download_directory: Path) -> bool:
        """Check the source before autopkgtest copies what it lists from this machine."""
        dsc = download_directory / self._dsc_name
        if not self._dsc_name or not dsc.is_file():
            self.append_to_log_file(CONFIGURE_LOG, ["source package not found"])
            return False
        try:
            self.source = read_dsc(dsc)
            self.source.check_files()
        except UserError as error:
            self.append_to_log_file(CONFIGURE_LOG, [error.explain()])
            return False
        debs = (path for path in download_directory.glob("*.deb") if path.is_file())
        self._targets = [*sorted(debs), dsc]
        return True

    @override
    def prepare_to_run(self, download_directory: Path, execute_directory: Path) -> None:
        """Write what APT is lent; no secrets, as tests run as root of the testbed."""
        super().prepare_to_run(download_directory, execute_directory)
        assert self.executor is not None, "no executor"
        directory = self.get_working_directory()
        self._testbed = own_testbed(
            self.executor, self.data.timeout, directory / "testbed", base=execute_directory
        )
        if self._testbed is not None:
            self._testbed.keeps = self.keeps_environment
        extra = [str(repository.url) for repository in self._wanted_repositories]
        access = access_for(self, extra).without_secrets()
        if access.is_needed:
            access.write(directory / "apt-access", seen_at=CHROOT_DIRECTORY)
            self._access_files = sorted((directory / "apt-access").iterdir())
            for path in self._access_files:
                path.chmod(0o644)

    @override
    def _cmdline(self) -> list[str]:
        assert self.executor is not None, "no executor"
        return [
            *limit_prefix(self.data.timeout),
            "autopkgtest",
            *trust_options(self),
            "--apt-upgrade",
            *output_options(),
            *chosen_options(self.data, codename=self._codename),
            *repository_options(self),
            *access_options(self._access_files),
            *(str(path) for path in self._targets),
            "--",
            *virt_server(self.executor, self._testbed),
        ]

    @override
    def _run_on_host(self, runner: CommandRunner, command: TaskCommand) -> Ended:
        if self._testbed is None:
            return super()._run_on_host(runner, command)
        with serving(self._testbed):
            return super()._run_on_host(runner, command)

    @override
    def _remove_leftovers(self, temporary_directory: Path) -> None:
        for path in temporary_directory.iterdir():
            remove_tree(path)

    @override
    def kept_environment(self) -> KeptEnvironment | None:
        """The last testbed, as the tests left it."""
        return None if self._testbed is None else self._testbed.kept()

    @override
    def task_result(self, returncode: int | None, execute_directory: Path) -> WorkRequestResults:
        unreadable: SummaryError | None = None
        try:
            self.summary = read_summary(execute_directory / OUTPUT / SUMMARY)
        except SummaryError as error:
            unreadable = error
        self.verdict = judge(returncode, self.summary, self.data.fail_on)
        is_temporary = self.verdict.result is WorkRequestResults.TEMPORARY_FAILURE
        if unreadable is not None and not is_temporary:
            raise unreadable
        if (reason := self.verdict.error) is not None:
            self.append_to_log_file(RESULT_LOG, [f"exit status {returncode}", reason.message])
            self.reported_errors.append(reason)
        said = [*self.summary.troubles, *(self._testbed.troubles if self._testbed else ())]
        if said:
            self.append_to_log_file(RESULT_LOG, said)
        return self.verdict.result

    @override
    def check_directory_for_consistency_errors(self, build_directory: Path) -> list[str]:
        result = None if self.verdict is None else self.verdict.result
        there = (build_directory / OUTPUT / SUMMARY).is_file()
        if there or result is WorkRequestResults.TEMPORARY_FAILURE:
            return []
        return [f"{OUTPUT}/{SUMMARY} not in {build_directory}"]

    @override
    def upload_artifacts(
        self, execute_directory: Path, *, execution_result: WorkRequestResults
    ) -> None:
        output = execute_directory / OUTPUT
        if not output.is_dir():
            # nothing was begun
            return
        assert self.source is not None, "not configured"
        assert self.executor is not None, "no executor"
        report = make_report(
            self.summary,
            self.source.package,
            url=self._dsc_url,
            command=shlex.join(self._cmdline()),
            architecture=self.data.build_architecture,
            environment=self.executor.system_image.data,
        )
        dynamic = self.dynamic_data
        assert dynamic is not None, "no dynamic data"
        about = [dynamic.input_source_artifact_id, *dynamic.input_binary_artifacts_ids]
        upload_output(self, AutopkgtestKind.from_directory(output, report), relates_to=about)
