# SPDX-License-Identifier: GPL-3.0-or-later
"""Make one upload of several of the same source package."""

from __future__ import annotations

from pathlib import Path

from typing_extensions import override

from debusine.artifacts.deb822 import ControlFile, read_changes
from debusine.artifacts.kinds.upload import Upload, UploadData
from debusine.domain import tags
from debusine.domain.action_key import Network
from debusine.domain.result import WorkRequestResults
from debusine.errors import UserError
from debusine.tasks.base import BaseExternalTask
from debusine.tasks.checks import ensure_artifact_categories
from debusine.tasks.errors import TaskConfigError
from debusine.tasks.inputs.inputs import MultiInput, Stage
from debusine.tasks.mergeuploads_changes import merge_changes, merged_name, render
from debusine.tasks.mergeuploads_data import (
    MERGE_UPLOADS_GUIDE,
    MergeUploadsData,
    MergeUploadsDynamicData,
)
from debusine.tasks.upload import upload_output

MERGED = "merged"


class MergeUploads(BaseExternalTask[MergeUploadsData, MergeUploadsDynamicData]):
    """Merges source and binary uploads, without a sandbox."""

    TASK_VERSION = 1
    GUIDE = MERGE_UPLOADS_GUIDE
    NETWORK = Network.NONE

    uploads = MultiInput(field="input.uploads", stage=Stage.PENDING, categories=[Upload.category])

    @override
    def post_init(self) -> None:
        super().post_init()
        self.changes: list[ControlFile] = []
        self.merged: Path | None = None

    # what the server asks

    @property
    def _uploads_data(self) -> list[UploadData]:
        found = [artifact.data for artifact in self.uploads.artifacts]
        return [data for data in found if isinstance(data, UploadData)]

    @property
    def _sources(self) -> set[str]:
        return {Upload.source(data).name for data in self._uploads_data}

    @override
    def get_subject(self) -> str | None:
        names = self._sources
        return names.pop() if len(names) == 1 else None

    @override
    def compute_system_provided_tags(self) -> set[str]:
        own = {tags.source_package_tag(name) for name in self._sources}
        return super().compute_system_provided_tags() | own

    @override
    def compute_dynamic_data(self) -> MergeUploadsDynamicData:
        ids = self.uploads.resolved_ids()
        if not ids:
            raise TaskConfigError("input.uploads: there are no uploads to merge")
        architectures = {word for data in self._uploads_data for word in Upload.architectures(data)}
        subject = self.get_subject()
        summary = f"{subject} ({', '.join(sorted(architectures))})"
        return MergeUploadsDynamicData(
            subject=subject,
            parameter_summary=None if subject is None else summary,
            input_uploads_ids=ids,
        )

    # the run

    @override
    def fetch_input(self, destination: Path) -> bool:
        assert self.dynamic_data is not None, "no dynamic data"
        for number in sorted(self.dynamic_data.input_uploads_ids):
            directory = destination / f"upload-{number}"
            directory.mkdir()
            artifact = self.fetch_artifact(number, directory)
            ensure_artifact_categories(
                configuration_key="input.uploads",
                category=artifact.category,
                expected=[Upload.category],
            )
            self.changes.append(self._read(number, directory))
        return True

    def _read(self, number: int, directory: Path) -> ControlFile:
        """Read the .changes of an upload, whose files must be what it says."""
        found = sorted(directory.glob("*.changes"))
        if len(found) != 1:
            raise UserError(f"upload {number} has {len(found)} .changes files, not 1")
        changes = read_changes(found[0])
        changes.check_files()
        return changes

    @override
    def run(self, execute_directory: Path) -> WorkRequestResults:
        """Write the merged .changes, with the files that it lists beside it."""
        fields = merge_changes(self.changes)
        directory = execute_directory / MERGED
        directory.mkdir()
        self.merged = directory / merged_name(fields)
        self.merged.write_text(render(fields), encoding="utf-8")
        for changes in self.changes:
            for name in changes.listed:
                link = directory / name
                # what two of them list has been found to be the same
                if not link.exists():
                    link.hardlink_to(changes.path.with_name(name))
        return WorkRequestResults.SUCCESS

    @override
    def check_directory_for_consistency_errors(self, build_directory: Path) -> list[str]:
        """Read what was merged as everybody else will."""
        if self.merged is None:
            return []
        try:
            return read_changes(self.merged).problems()
        except UserError as error:
            return [error.brief]

    @override
    def upload_artifacts(
        self, execute_directory: Path, *, execution_result: WorkRequestResults
    ) -> None:
        assert self.dynamic_data is not None, "no dynamic data"
        if self.merged is not None:
            upload = Upload.from_changes(self.merged, check=False)
            upload_output(self, upload, extends=sorted(self.dynamic_data.input_uploads_ids))
