# SPDX-License-Identifier: GPL-3.0-or-later
"""Make an upload of a source package, as ``dpkg-genchanges`` does."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from typing_extensions import override

from debusine.artifacts.base import NameVersion
from debusine.artifacts.deb822 import ControlFile, read_changes, read_dsc
from debusine.artifacts.kinds.source_package import SourcePackage, SourcePackageData
from debusine.artifacts.kinds.upload import Upload
from debusine.domain import tags
from debusine.domain.action_key import Network
from debusine.domain.result import WorkRequestResults
from debusine.errors import UserError
from debusine.tasks.checks import ensure_artifact_categories
from debusine.tasks.command import RunCommandTask
from debusine.tasks.errors import TaskConfigError
from debusine.tasks.inputs.inputs import EnvironmentInput, SingleInput, Stage
from debusine.tasks.install import install_missing
from debusine.tasks.logs import FETCH_LOG
from debusine.tasks.makesourcepackageupload_data import (
    MAKE_SOURCE_PACKAGE_UPLOAD_GUIDE,
    MakeSourcePackageUploadData,
    MakeSourcePackageUploadDynamicData,
)
from debusine.tasks.sandbox import pull_limited
from debusine.tasks.sbuild_data import safe_names
from debusine.tasks.upload import upload_output
from debusine.tasks.with_executor import BaseTaskWithExecutor

SCRIPT_NAME = "make-changes.sh"
MAX_CHANGES_BYTES = 32 * 1024 * 1024
# arguments: the .dsc, name of the .changes beside it, version to begin after, distribution
SCRIPT = """\
#!/bin/bash
# the last two may be empty
dsc=$1 changes=$2 since=$3 distribution=$4
cd "$(dirname "$dsc")"
dpkg-source -x "$dsc" package/
cd package/
dpkg-genchanges -S -sa ${since:+"-v$since"} \\
    ${distribution:+"-DDistribution=$distribution"} >"../$changes"
ls -l ..
"""


class MakeSourcePackageUpload(
    RunCommandTask[MakeSourcePackageUploadData, MakeSourcePackageUploadDynamicData],
    BaseTaskWithExecutor[MakeSourcePackageUploadData, MakeSourcePackageUploadDynamicData],
):
    """Makes the .changes of a source-only upload."""

    TASK_VERSION = 1
    GUIDE = MAKE_SOURCE_PACKAGE_UPLOAD_GUIDE
    USES_APT = True
    NETWORK = Network.APT

    input_source_artifact = SingleInput(
        field="input.source_artifact",
        stage=Stage.PENDING,
        categories=[SourcePackage.category],
        verbose_name="Source package",
    )
    environment = EnvironmentInput()

    @override
    def post_init(self) -> None:
        super().post_init()
        self.dsc: ControlFile | None = None

    # what the server asks

    @property
    def _source(self) -> NameVersion:
        data = self.input_source_artifact.data
        assert isinstance(data, SourcePackageData), "the input checks the category"
        return SourcePackage.source(data)

    @override
    def get_subject(self) -> str:
        return self._source.name

    @override
    def compute_system_provided_tags(self) -> set[str]:
        own = {tags.source_package_tag(self._source.name)}
        return super().compute_system_provided_tags() | own

    @override
    def compute_dynamic_data(self) -> MakeSourcePackageUploadDynamicData:
        source_id = self.input_source_artifact.artifact_id
        assert source_id is not None, "what is uploaded exists"
        name, version = self._source
        return MakeSourcePackageUploadDynamicData(
            subject=name,
            parameter_summary=f"{name}_{version}",
            environment_id=self.environment.artifact_id,
            input_source_artifact_id=source_id,
        )

    # the run

    @override
    def fetch_input(self, destination: Path) -> bool:
        assert self.dynamic_data is not None, "no dynamic data"
        try:
            artifact = self.fetch_artifact(self.dynamic_data.input_source_artifact_id, destination)
            ensure_artifact_categories(
                configuration_key="input.source_artifact",
                category=artifact.category,
                expected=[SourcePackage.category],
            )
            dsc = _only(safe_names(artifact.files, ".dsc"))
            self.dsc = read_dsc(destination / dsc)
            self.dsc.check_files()
        except (TaskConfigError, UserError, ValueError) as error:
            text = error.explain() if isinstance(error, UserError) else str(error)
            self.append_to_log_file(FETCH_LOG, [text])
            return False
        return True

    @override
    def configure_for_execution(self, download_directory: Path) -> bool:
        (download_directory / SCRIPT_NAME).write_text(SCRIPT)
        self._prepare_executor_instance()
        install_missing(self, ["dpkg-dev"])
        return True

    @property
    def _dsc(self) -> ControlFile:
        assert self.dsc is not None, "nothing was fetched"
        return self.dsc

    @property
    def _changes(self) -> Path:
        """Where the .changes is, inside of the sandbox and outside."""
        return self._dsc.path.with_name(f"{self._dsc.path.stem}_source.changes")

    @override
    def _cmdline(self) -> list[str]:
        dsc = self._dsc.path
        return [
            "bash", "-x", "-e", str(dsc.with_name(SCRIPT_NAME)),
            str(dsc),
            self._changes.name,
            self.data.since_version or "",
            self.data.target_distribution or "",
        ]  # fmt: skip

    @override
    def run(self, execute_directory: Path) -> WorkRequestResults:
        """Make the .changes, and fetch it from the sandbox."""
        result = super().run(execute_directory)
        if result is WorkRequestResults.SUCCESS:
            pull_limited(
                self._instance(), self._changes, self._changes, max_bytes=MAX_CHANGES_BYTES
            )
        return result

    @override
    def check_directory_for_consistency_errors(self, build_directory: Path) -> list[str]:
        """Compare the .changes, if one was made, with the source package that it is about."""
        if not self._changes.is_file():
            return []
        try:
            changes = read_changes(self._changes)
        except UserError as error:
            return [error.brief]
        errors = changes.problems()
        if changes.package != self._dsc.package:
            (name, version), (own, own_version) = changes.package, self._dsc.package
            errors.append(f"{changes.path.name} is about {name} {version}, not {own} {own_version}")
        expected = {self._dsc.path.name, *self._dsc.listed}
        errors += [
            f"{changes.path.name} lists {name}, which is not of the source package"
            for name in changes.listed
            if name not in expected
        ]
        return errors

    @override
    def upload_artifacts(
        self, execute_directory: Path, *, execution_result: WorkRequestResults
    ) -> None:
        if execution_result is not WorkRequestResults.SUCCESS:
            return
        assert self.dynamic_data is not None, "no dynamic data"
        source = [self.dynamic_data.input_source_artifact_id]
        # the files were compared with what it says a moment ago
        upload = Upload.from_changes(self._changes, check=False)
        upload_output(self, upload, extends=source, relates_to=source)


def _only(names: Sequence[str]) -> str:
    if len(names) != 1:
        raise UserError(f"the source package has {len(names)} .dsc files, not 1")
    return names[0]
