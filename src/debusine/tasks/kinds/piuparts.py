# SPDX-License-Identifier: GPL-3.0-or-later
"""Install, upgrade and remove packages with piuparts."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

from debian.debian_support import Version
from typing_extensions import override

from debusine.artifacts.deb import read_deb
from debusine.artifacts.files import LocalArtifact
from debusine.artifacts.kinds.binary_package import BinaryPackage
from debusine.artifacts.kinds.piuparts import Piuparts as PiupartsKind
from debusine.artifacts.kinds.piuparts import PiupartsData as PiupartsReportData
from debusine.artifacts.kinds.system_tarball import SystemTarball, SystemTarballData
from debusine.artifacts.kinds.upload import Upload
from debusine.domain.action_key import Network
from debusine.domain.executor import BackendType
from debusine.domain.result import WorkRequestResults
from debusine.tasks.apt_lending import access_for
from debusine.tasks.apt_sources import KEYRINGS, SOURCES
from debusine.tasks.bootstrap_cause import end_of
from debusine.tasks.errors import TaskConfigError
from debusine.tasks.extra_repository import ExtraRepositoryMixin
from debusine.tasks.inputs.inputs import EnvironmentInput, MultiInput, Stage
from debusine.tasks.install import install_missing
from debusine.tasks.piuparts_base import UNPACKERS, change, needs_change
from debusine.tasks.piuparts_cause import explain_failure
from debusine.tasks.piuparts_data import PIUPARTS_GUIDE, PiupartsData, PiupartsDynamicData
from debusine.tasks.piuparts_scripts import (
    APT_ACCESS,
    EXTRA_REPOSITORIES,
    access_script,
    files_script,
    repository_files,
    write_scripts,
)
from debusine.tasks.report import ReportTask
from debusine.util.tar import suffix_of

DEB = ".deb"
OWN_SCRIPTS = "/etc/piuparts/scripts"
FIRST_IN_CONTAINERS = Version("1.5~")
"""Older ones want to make device nodes."""
VIRTUAL_MACHINES = frozenset({BackendType.INCUS_VM, BackendType.QEMU})


class Piuparts(
    ExtraRepositoryMixin[PiupartsData, PiupartsDynamicData],
    ReportTask[PiupartsData, PiupartsDynamicData],
):
    """Installs packages in a system of their own, upgrades, removes and purges them."""

    TASK_VERSION = 1
    GUIDE = PIUPARTS_GUIDE
    # what APT of the system that is tested in fetches is not recorded
    NETWORK = Network.UNKNOWN
    CAPTURE_OUTPUT_FILENAME = PiupartsKind.file_name
    PACKAGES: ClassVar[tuple[str, ...]] = ("piuparts",)

    base_tgz = EnvironmentInput(
        stage=Stage.PENDING,
        categories=[SystemTarball.category],
        image_category=SystemTarball.category,
        set_backend=False,
        try_variant=False,
        verbose_name="System to test in",
    )
    environment = EnvironmentInput()
    input_binary_artifacts = MultiInput(
        field="input.binary_artifacts",
        stage=Stage.PENDING,
        categories=[BinaryPackage.category, Upload.category],
        verbose_name="Binary packages",
    )

    @override
    def post_init(self) -> None:
        super().post_init()
        self._base: SystemTarballData | None = None
        self._tarball = Path()
        self._scripts = Path()
        self._debs: list[Path] = []
        self._packages: dict[str, str] = {}
        self._version = Version("0")

    # what the server asks

    @property
    def _base_data(self) -> SystemTarballData:
        data = self.base_tgz.data
        assert isinstance(data, SystemTarballData), "the input checks the category"
        return data

    @override
    def get_subject(self) -> str:
        found = (one.source_package() for one in self.input_binary_artifacts.artifacts)
        return " ".join(sorted({source.name for source in found if source is not None}))

    @override
    def get_configuration_context(self) -> str:
        return self._base_data.codename

    @override
    def compute_dynamic_data(self) -> PiupartsDynamicData:
        base_id, base = self.base_tgz.artifact_id, self._base_data
        assert base_id is not None, "what is tested in exists"
        subject = self.get_subject()
        found = (one.source_package() for one in self.input_binary_artifacts.artifacts)
        sources = {source for source in found if source is not None}
        label = "_".join(next(iter(sources))) if len(sources) == 1 else subject
        return PiupartsDynamicData(
            subject=subject,
            parameter_summary=f"{label} ({self.data.build_architecture})",
            runtime_context=f"{base.codename}:{base.architecture}",
            configuration_context=base.codename,
            environment_id=self.environment.artifact_id,
            extra_repositories=self.extra_repositories,
            base_tgz_id=base_id,
            input_binary_artifacts_ids=self.input_binary_artifacts.resolved_ids(),
        )

    # the run

    @override
    def fetch_input(self, destination: Path) -> bool:
        assert self.dynamic_data is not None, "no dynamic data"
        for number in self.dynamic_data.input_binary_artifacts_ids:
            self.fetch_artifact(number, destination)
        place = destination / "base_tar"
        base = self.fetch_artifact(self.dynamic_data.base_tgz_id, place)
        self._base = SystemTarballData.model_validate(base.data)
        self._tarball = place / self._base.filename
        self._scripts = destination / "scripts"
        return True

    @override
    def configure_for_execution(self, download_directory: Path) -> bool:
        self._debs = sorted(download_directory.glob(f"*{DEB}"))
        if not self._debs:
            return self._refuse(f"no {DEB} files to test")
        for path in self._debs:
            fields = read_deb(path).fields
            self._packages[fields["Package"]] = fields["Version"]
        self._prepare_program()
        self._version = self.get_package_version("piuparts")
        if not self._is_virtual_machine and self._version < FIRST_IN_CONTAINERS:
            raise TaskConfigError(
                f"piuparts {self._version} of the environment does not work in containers;"
                " use an environment of trixie or later, or backend incus-vm"
            )
        self._prepare_base()
        write_scripts(self._scripts, dict(self._chosen_scripts()))
        return True

    @property
    def _is_virtual_machine(self) -> bool:
        return self.backend in VIRTUAL_MACHINES

    def _prepare_base(self) -> None:
        assert self._base is not None, "nothing was fetched"
        if needs_change(self._tarball, with_dev=self._base.with_dev):
            changed = change(self._tarball, compress=self._is_virtual_machine)
            # what lies here goes into the instance
            self._tarball.unlink()
            self._tarball = changed
        unpacker = UNPACKERS.get(suffix_of(self._tarball.name))
        if unpacker is not None:
            install_missing(self, [unpacker])

    def _chosen_scripts(self) -> Iterator[tuple[str, str]]:
        """Scripts that say where APT finds packages."""
        assert self._base is not None, "nothing was fetched"
        mirrors = [str(repository.url) for repository in self._wanted_repositories]
        with tempfile.TemporaryDirectory(dir=self.get_scratch_directory()) as name:
            access = access_script(access_for(self, mirrors), Path(name, "apt"))
            if access is not None:
                yield APT_ACCESS, access
            place = Path(name)
            self.write_extra_repository_config(self._base.codename, place)
            files = repository_files(self.extra_repository_keys, KEYRINGS) | repository_files(
                [*self.extra_repository_sources, *self.extra_repository_lists], SOURCES
            )
        if files:
            yield EXTRA_REPOSITORIES, files_script(files)

    @override
    def _cmdline(self) -> list[str]:
        return [
            "piuparts",
            "--keep-sources-list",
            "--allow-database",
            "--warn-on-leftovers-after-purge",
            f"--basetgz={self._tarball}",
            f"--scriptsdir={OWN_SCRIPTS}",
            f"--scriptsdir={self._scripts}",
            *map(str, self._debs),
        ]

    @staticmethod
    @override
    def _cmdline_as_root() -> bool:
        return True

    @override
    def task_result(self, returncode: int | None, execute_directory: Path) -> WorkRequestResults:
        result = super().task_result(returncode, execute_directory)
        if result is not WorkRequestResults.SUCCESS and returncode is not None:
            report = end_of(self._output(execute_directory))
            self.reported_errors.append(explain_failure(report))
        return result

    @override
    def _report(self, output: Path) -> LocalArtifact:
        assert self._base is not None, "nothing was fetched"
        data = PiupartsReportData(
            piuparts_version=str(self._version),
            binary_packages=self._packages,
            architecture=self.data.build_architecture,
            distribution=f"{self._base.vendor}:{self._base.codename}",
        )
        return PiupartsKind.from_output(output, data)
