# SPDX-License-Identifier: GPL-3.0-or-later
"""Check packages against policy with lintian."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from typing_extensions import override

from debusine.artifacts.base import NameVersion
from debusine.artifacts.deb import read_deb
from debusine.artifacts.deb822 import read_dsc
from debusine.artifacts.kinds.binary_package import BinaryPackage
from debusine.artifacts.kinds.lintian import ANALYSIS, OUTPUT
from debusine.artifacts.kinds.lintian import Lintian as LintianKind
from debusine.artifacts.kinds.source_package import SourcePackage
from debusine.artifacts.kinds.upload import Upload
from debusine.domain import tags as tag_names
from debusine.domain.action_key import Network
from debusine.domain.result import WorkRequestResults
from debusine.errors import UserError
from debusine.tasks.command import RunCommandTask
from debusine.tasks.inputs.inputs import (
    MultiInput,
    OptionalEnvironmentInput,
    OptionalSingleInput,
    Stage,
)
from debusine.tasks.install import install_packages
from debusine.tasks.lintian_data import LINTIAN_GUIDE, UNKNOWN, LintianData, LintianDynamicData
from debusine.tasks.lintian_list import list_findings
from debusine.tasks.lintian_output import (
    LintianOutputError,
    LintianTag,
    Severity,
    analysis,
    parse_output,
    reaches,
    summarise,
)
from debusine.tasks.logs import CONFIGURE_LOG
from debusine.tasks.upload import upload_output
from debusine.tasks.with_executor import BaseTaskWithExecutor

FOUND_SOMETHING = 2
_SHOWN_BYTES = 64 * 1024
DEB_SUFFIXES = frozenset({".deb", ".udeb"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Target:
    """
    A file that lintian checks.

    :param package: as lintian names it in its output
    """

    path: Path
    package: str
    architecture: str


class Lintian(
    RunCommandTask[LintianData, LintianDynamicData],
    BaseTaskWithExecutor[LintianData, LintianDynamicData],
):
    """Checks source and binary packages in a clean environment."""

    TASK_VERSION = 1
    GUIDE = LINTIAN_GUIDE
    USES_APT = True
    NETWORK = Network.APT
    CAPTURE_OUTPUT_FILENAME = OUTPUT
    # it explains every kind of finding at length
    STREAM_CAPTURED_OUTPUT = False

    source_artifact = OptionalSingleInput(
        field="input.source_artifact",
        stage=Stage.PENDING,
        categories=[SourcePackage.category, Upload.category],
        verbose_name="Source package",
    )
    binary_artifacts = MultiInput(
        field="input.binary_artifacts",
        stage=Stage.PENDING,
        categories=[BinaryPackage.category, Upload.category],
        verbose_name="Binary packages",
    )
    environment = OptionalEnvironmentInput(stage=Stage.PENDING)

    @override
    def post_init(self) -> None:
        super().post_init()
        self.targets: list[Target] = []

    # what the server asks

    @property
    def _first_source(self) -> NameVersion:
        """Source package of what is checked."""
        for artifact in (self.source_artifact, *self.binary_artifacts.artifacts):
            if artifact is not None and (found := artifact.source_package()) is not None:
                return found
        return NameVersion(UNKNOWN, "")

    @override
    def get_subject(self) -> str:
        return self._first_source.name

    @override
    def get_configuration_context(self) -> str | None:
        environment = self.environment
        return None if environment is None else getattr(environment.data, "codename", None)

    @override
    def compute_system_provided_tags(self) -> set[str]:
        own = set()
        if self.source_artifact is not None:
            own.add(tag_names.source_package_tag(self._first_source.name))
        return super().compute_system_provided_tags() | own

    @override
    def compute_dynamic_data(self) -> LintianDynamicData:
        name, version = self._first_source
        codename = self.get_configuration_context()
        source, environment = self.source_artifact, self.environment
        return LintianDynamicData(
            subject=name,
            parameter_summary=f"{name}_{version}",
            configuration_context=codename,
            runtime_context=f"{self.data.output.label}:{codename}" if codename else None,
            environment_id=None if environment is None else environment.artifact_id,
            input_source_artifact_id=None if source is None else source.artifact_id,
            input_binary_artifacts_ids=self.binary_artifacts.resolved_ids(),
        )

    # the run

    @override
    def fetch_input(self, destination: Path) -> bool:
        assert self.dynamic_data is not None, "no dynamic data"
        source = self.dynamic_data.input_source_artifact_id
        if source is not None:
            self.fetch_artifact(source, destination)
        for number in self.dynamic_data.input_binary_artifacts_ids:
            self.fetch_artifact(number, destination)
        return True

    @override
    def configure_for_execution(self, download_directory: Path) -> bool:
        self.targets = list(self._find_targets(download_directory))
        if not self.targets:
            self.append_to_log_file(CONFIGURE_LOG, ["no .dsc, .deb or .udeb files to check"])
            return False
        self._prepare_executor_instance()
        self._install_lintian()
        return True

    def _find_targets(self, directory: Path) -> Iterator[Target]:
        files = sorted(path for path in directory.iterdir() if path.is_file())
        # lintian relates binary packages to a source package that comes first
        for path in (path for path in files if path.suffix == ".dsc"):
            try:
                name = read_dsc(path).package.name
            except UserError as error:
                self.append_to_log_file(CONFIGURE_LOG, [error.explain()])
            else:
                yield Target(path=path, package=f"{name} source", architecture="source")
        for path in (path for path in files if path.suffix in DEB_SUFFIXES):
            fields = read_deb(path).fields
            yield Target(path=path, package=fields["Package"], architecture=fields["Architecture"])

    def _install_lintian(self) -> None:
        there = self._instance().run(["test", "-x", "/usr/bin/lintian"], run_as_root=True)
        if there.returncode != 0:
            install_packages(self, ["lintian"])

    @override
    def _cmdline(self) -> list[str]:
        data = self.data
        return [
            "lintian",
            "--no-cfg",
            "--display-level", ">=classification",
            "--display-experimental",
            "--info",
            "--show-overrides",
            *([f"--tags={','.join(data.wanted_tags)}"] if data.wanted_tags else []),
            *([f"--suppress-tags={','.join(data.exclude_tags)}"] if data.exclude_tags else []),
            *(str(target.path) for target in self.targets),
        ]  # fmt: skip

    @override
    def task_result(self, returncode: int | None, execute_directory: Path) -> WorkRequestResults:
        if returncode not in {0, FOUND_SOMETHING}:
            if returncode is not None:
                self._show_raw(execute_directory)
            return WorkRequestResults.ERROR
        covered = {
            target.package
            for target in self.targets
            if self.data.output.covers(target.architecture)
        }
        try:
            found = [tag for tag in self._tags(execute_directory) if tag.package in covered]
        except LintianOutputError:
            self._show_raw(execute_directory)
            raise
        limit = self.data.fail_on_severity
        threshold = None if limit == "none" else Severity(limit)
        self._show("".join(f"{line}\n" for line in list_findings(found, threshold)).encode())
        failed = threshold is not None and reaches(found, threshold)
        return WorkRequestResults.FAILURE if failed else WorkRequestResults.SUCCESS

    def _show_raw(self, directory: Path) -> None:
        """Show live what cannot be made a list of."""
        path = directory / OUTPUT
        if path.is_file():
            with path.open("rb") as file:
                file.seek(max(0, path.stat().st_size - _SHOWN_BYTES))
                self._show(file.read(_SHOWN_BYTES))

    def _show(self, data: bytes) -> None:
        if self.log_sender is not None and data:
            self.log_sender.send(data, "stdout")

    @override
    def check_directory_for_consistency_errors(self, build_directory: Path) -> list[str]:
        return (
            [] if (build_directory / OUTPUT).is_file() else [f"{OUTPUT} not in {build_directory}"]
        )

    @override
    def upload_artifacts(
        self, execute_directory: Path, *, execution_result: WorkRequestResults
    ) -> None:
        if execution_result is WorkRequestResults.ERROR:
            return
        version = self._lintian_version()
        found = self._tags(execute_directory)
        for architecture in sorted({target.architecture for target in self.targets}):
            if self.data.output.covers(architecture):
                self._upload(architecture, found, version, execute_directory)

    def _upload(
        self, architecture: str, found: list[LintianTag], version: str, directory: Path
    ) -> None:
        targets = [target for target in self.targets if target.architecture == architecture]
        packages = {target.package for target in targets}
        own = [tag for tag in found if tag.package in packages]
        summary = summarise(
            own,
            package_filename={
                target.package.removesuffix(" source"): target.path.name for target in targets
            },
            lintian_version=version,
            distribution=self.data.target_distribution,
        )
        report = directory / f"analysis-{architecture}"
        report.mkdir()
        (report / ANALYSIS).write_text(json.dumps(analysis(own, summary), indent=1))
        made = LintianKind.from_files(
            report / ANALYSIS, directory / OUTPUT, summary=summary, architecture=architecture
        )
        upload_output(self, made, relates_to=self._source_artifacts_ids)

    def _tags(self, directory: Path) -> list[LintianTag]:
        return parse_output((directory / OUTPUT).read_text(encoding="utf-8", errors="replace"))

    def _lintian_version(self) -> str:
        done = self._instance().run(["lintian", "--print-version"], check=True)
        return done.stdout.decode(errors="replace").strip()
