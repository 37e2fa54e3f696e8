# SPDX-License-Identifier: GPL-3.0-or-later
"""Build a source package with sbuild."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from typing_extensions import override

from debusine.artifacts.base import NameVersion
from debusine.artifacts.deb822 import ControlFile, read_dsc
from debusine.artifacts.kinds.binary_package import BinaryPackage
from debusine.artifacts.kinds.source_package import SourcePackage, SourcePackageData
from debusine.artifacts.kinds.system_tarball import SystemTarballData
from debusine.artifacts.kinds.upload import Upload
from debusine.domain import tags
from debusine.domain.action_key import Network
from debusine.domain.executor import INCUS, BackendType
from debusine.domain.result import WorkRequestResults
from debusine.errors import UserError
from debusine.tasks.apt_indexes import digests_in_log, sbuild_option
from debusine.tasks.apt_lending import options_for_sbuild
from debusine.tasks.capabilities import ProgramsMixin
from debusine.tasks.checks import ensure_artifact_categories
from debusine.tasks.command import RunCommandTask
from debusine.tasks.errors import TaskConfigError
from debusine.tasks.executors.unshare_tree import TreeInstance
from debusine.tasks.extra_repository import ExtraRepositoryMixin
from debusine.tasks.inputs.inputs import (
    DebusineFQDNInput,
    EnvironmentInput,
    MultiInput,
    SingleInput,
    Stage,
)
from debusine.tasks.kept_environment import KeptEnvironment
from debusine.tasks.kinds._sbuild_upload import SbuildUpload
from debusine.tasks.logs import CONFIGURE_LOG, FETCH_LOG, RESULT_LOG
from debusine.tasks.sbuild_command import (
    chosen_options,
    components_options,
    repository_options,
    tarball_options,
    virt_server_options,
    write_configuration,
)
from debusine.tasks.sbuild_data import SBUILD_GUIDE, SbuildData, SbuildDynamicData, safe_names
from debusine.tasks.sbuild_output import (
    SbuildVerdict,
    consistency_errors,
    find_build_log,
    judge,
)
from debusine.tasks.sbuild_tree import environment_of_build, take_tree
from debusine.tasks.with_executor import BaseTaskWithExecutor
from debusine.util.personality import personality_command
from debusine.util.userns import remove_tree
from debusine.wire.work_request import OutputError

ZSTD_KEY = "zstd:available"
ZSTD_SUFFIX = ".zst"
CATEGORIES = {
    "source_artifact": [SourcePackage.category],
    "extra_binary_artifacts": [BinaryPackage.category, Upload.category],
}


class Sbuild(
    ExtraRepositoryMixin[SbuildData, SbuildDynamicData],
    ProgramsMixin[SbuildData, SbuildDynamicData],
    RunCommandTask[SbuildData, SbuildDynamicData],
    BaseTaskWithExecutor[SbuildData, SbuildDynamicData],
):
    """Builds a source package in a clean environment, which sbuild on the worker starts."""

    TASK_VERSION = 1
    GUIDE = SBUILD_GUIDE
    USES_APT = True
    NETWORK = Network.APT
    CAPABILITIES: ClassVar[Mapping[str, str]] = {"available": "sbuild", ZSTD_KEY: "zstd"}

    input_source_artifact = SingleInput(
        field="input.source_artifact",
        stage=Stage.PENDING,
        categories=[SourcePackage.category],
        verbose_name="Source package",
    )
    input_extra_binary_artifacts = MultiInput(
        field="input.extra_binary_artifacts", verbose_name="Extra binary packages"
    )
    environment = EnvironmentInput(stage=Stage.PENDING)
    debusine_fqdn = DebusineFQDNInput(hidden=True)

    @override
    def post_init(self) -> None:
        super().post_init()
        self.source: ControlFile | None = None
        self.verdict: SbuildVerdict | None = None
        self._dsc_name = ""
        self._extra_debs: list[Path] = []
        self._configuration = Path()
        self._apt_options: tuple[str, ...] = ()
        self._tree: Path | None = None

    # what the server asks

    @property
    def _source_name_version(self) -> NameVersion:
        data = self.input_source_artifact.data
        assert isinstance(data, SourcePackageData), "the input checks the category"
        return SourcePackage.source(data)

    @property
    def _environment_data(self) -> SystemTarballData:
        data = self.environment.data
        assert isinstance(data, SystemTarballData), "the input checks the category"
        return data

    @override
    def get_subject(self) -> str:
        return self._source_name_version.name

    @override
    def get_configuration_context(self) -> str:
        return self._environment_data.codename

    @override
    def compute_dynamic_data(self) -> SbuildDynamicData:
        source_id = self.input_source_artifact.artifact_id
        assert source_id is not None, "what is built exists"
        name, version = self._source_name_version
        return SbuildDynamicData(
            subject=self.get_subject(),
            parameter_summary=f"{name}_{version} ({self.data.host_architecture_label})",
            runtime_context=self.data.runtime_context,
            configuration_context=self.get_configuration_context(),
            environment_id=self.environment.artifact_id,
            extra_repositories=self.extra_repositories,
            input_source_artifact_id=source_id,
            input_extra_binary_artifacts_ids=self.input_extra_binary_artifacts.resolved_ids(),
            binnmu_maintainer=(
                f"Debusine <noreply@{self.debusine_fqdn}>" if self.data.binnmu else None
            ),
        )

    @override
    def needed_tools(self) -> dict[str, str]:
        needed = super().needed_tools()
        if self.backend is not BackendType.UNSHARE:
            needed["autopkgtest:available"] = "autopkgtest"
        if self.backend in INCUS:
            needed["autopkgtest:available:incus"] = "autopkgtest-virt-incus"
        # others read the image themselves, or have it read by Incus
        resolved = self.backend is BackendType.UNSHARE and self.field_is_resolved("environment")
        if not (resolved and self._environment_data.filename.endswith(ZSTD_SUFFIX)):
            del needed[self.prefix_with_task_name(ZSTD_KEY)]
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
        assert self.dynamic_data is not None, "no dynamic data"
        try:
            source_id = self.dynamic_data.input_source_artifact_id
            for path in self._fetch("source_artifact", source_id, destination, ".dsc"):
                self._dsc_name = path.name
            for number in self.dynamic_data.input_extra_binary_artifacts_ids:
                directory = destination / f"extra-{number}"
                debs = self._fetch("extra_binary_artifacts", number, directory, ".deb")
                self._extra_debs += debs
        except (TaskConfigError, ValueError) as error:
            self.append_to_log_file(FETCH_LOG, [str(error)])
            return False
        self._prepare_executor()
        self.write_extra_repository_config(self._codename, destination)
        return True

    def _fetch(self, key: str, number: int, destination: Path, suffix: str) -> list[Path]:
        artifact = self.fetch_artifact(number, destination)
        ensure_artifact_categories(
            configuration_key=f"input.{key}",
            category=artifact.category,
            expected=CATEGORIES[key],
        )
        return [destination / name for name in safe_names(artifact.files, suffix)]

    @property
    def _codename(self) -> str:
        assert self.executor is not None, "no executor"
        return str(self.executor.system_image.data["codename"])

    @override
    def configure_for_execution(self, download_directory: Path) -> bool:
        """Check the source before sbuild copies what it lists from this machine."""
        if not self._dsc_name or not (download_directory / self._dsc_name).is_file():
            self.append_to_log_file(CONFIGURE_LOG, ["source package not found"])
            return False
        self.source = read_dsc(download_directory / self._dsc_name)
        self.source.check_files()
        return True

    @override
    def prepare_to_run(self, download_directory: Path, execute_directory: Path) -> None:
        super().prepare_to_run(download_directory, execute_directory)
        directory = self.get_working_directory()
        self._configuration = directory / "sbuild.conf"
        keep = self.keeps_environment and self.backend is BackendType.UNSHARE
        write_configuration(self._configuration, output=execute_directory, keep_tree=keep)
        extra = [str(repository.url) for repository in self._wanted_repositories]
        self._apt_options = options_for_sbuild(self, extra, directory / "apt-access")

    @override
    def _cmdline(self) -> list[str]:
        assert self.source is not None, "not configured"
        assert self.dynamic_data is not None, "no dynamic data"
        data = self.data
        return [
            *personality_command(data.build_architecture),
            "sbuild",
            # without it, the log goes to its file only
            "--verbose",
            "--purge-deps=never",
            "--no-run-lintian",
            *components_options(data.build_components),
            f"--arch={data.build_architecture}",
            f"--dist={self._codename}",
            *self._chroot_options(),
            *self._apt_options,
            sbuild_option(),
            *repository_options(self),
            *chosen_options(data, default_maintainer=self.dynamic_data.binnmu_maintainer),
            "--bd-uninstallable-explainer=dose3",
            *(f"--extra-package={path}" for path in self._extra_debs),
            str(self.source.path),
        ]

    def _chroot_options(self) -> list[str]:
        assert self.executor is not None, "no executor"
        if self.backend is BackendType.UNSHARE:
            return tarball_options(self.executor.image_name())
        return virt_server_options(
            self.executor.autopkgtest_virt_server(), self.executor.autopkgtest_virt_args()
        )

    @override
    def _cmd_env(self) -> dict[str, str]:
        env = super()._cmd_env() | {"SBUILD_CONFIG": str(self._configuration)}
        if self.data.build_options:
            given = env.get("DEB_BUILD_OPTIONS", "").split()
            env["DEB_BUILD_OPTIONS"] = " ".join([*given, *self.data.build_options])
        return env

    @override
    def _remove_leftovers(self, temporary_directory: Path) -> None:
        for tree in temporary_directory.glob("sbuild.*"):
            if self.keeps_environment and self._tree is None:
                self._tree = take_tree(tree, self.get_scratch_directory())
            else:
                remove_tree(tree)

    @override
    def kept_environment(self) -> KeptEnvironment | None:
        """The tree in which sbuild built, as it left it; not of a build that was aborted."""
        if self._tree is None or self.aborted:
            return None
        self.executor_instance = TreeInstance(self._tree, self.get_scratch_directory())
        self.executor_instance.start()
        return environment_of_build(self.executor_instance)

    @override
    def task_result(self, returncode: int | None, execute_directory: Path) -> WorkRequestResults:
        log = find_build_log(execute_directory)
        self.verdict = judge(returncode, log)
        self.apt_indexes = None if log is None else digests_in_log(log)
        if self.verdict.result is not WorkRequestResults.SUCCESS:
            self.append_to_log_file(RESULT_LOG, self.verdict.explain(returncode))
        if (found := self.verdict.explanation) is not None:
            self.reported_errors.append(OutputError(message=found.message, code=found.cause))
        return self.verdict.result

    @override
    def check_directory_for_consistency_errors(self, build_directory: Path) -> list[str]:
        try:
            return consistency_errors(build_directory)
        except UserError as error:
            return [error.brief]

    def _upload_build_log(self, execute_directory: Path) -> tuple[SbuildUpload, int | None]:
        assert self.debusine is not None, "no access to the server"
        assert self.source is not None, "not configured"
        upload = SbuildUpload(
            client=self.debusine,
            workspace=self.workspace_name,
            work_request=self.work_request_id,
            data=self.data,
            source=self.source.package,
            source_ids=list(dict.fromkeys(self._source_artifacts_ids)),
        )
        uninstallable = self.verdict is not None and self.verdict.is_uninstallable
        return upload, upload.build_log(execute_directory, explain=uninstallable)

    @override
    def upload_artifacts(
        self, execute_directory: Path, *, execution_result: WorkRequestResults
    ) -> None:
        upload, log_id = self._upload_build_log(execute_directory)
        if execution_result is WorkRequestResults.SUCCESS:
            symbols = self.get_scratch_directory() / "debug-symbols"
            upload.packages(execute_directory, symbols, log_id)
