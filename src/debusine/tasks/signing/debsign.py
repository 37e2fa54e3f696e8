# SPDX-License-Identifier: GPL-3.0-or-later
"""Sign an upload, as ``debsign`` does."""

from __future__ import annotations

from pathlib import Path

from typing_extensions import override

from debusine.artifacts.changes import add_fields
from debusine.artifacts.kinds.upload import Upload
from debusine.artifacts.rules import only_file
from debusine.domain.key_purpose import KeyPurpose
from debusine.domain.result import WorkRequestResults
from debusine.tasks.guide import Guide
from debusine.tasks.inputs.inputs import DebusineFQDNInput, SingleInput, Stage
from debusine.tasks.models import BaseDynamicTaskData, BaseTaskData, LookupSingle
from debusine.tasks.signing.base import SigningTask
from debusine.tasks.signing.key_store import Occasion
from debusine.tasks.upload import upload_output

PURPOSE = KeyPurpose.OPENPGP_UPLOAD
LINKS = {
    "Debusine-User": "webui_created_by",
    "Debusine-Work-Request": "webui_self",
    "Debusine-Workflow": "webui_workflow_root",
}
"""Fields that say where an upload comes from, and the links of the work request they hold."""


class DebsignData(BaseTaskData):
    """
    What is submitted for ``debsign``.

    :param unsigned: an upload
    :param key: fingerprint of a key for uploads
    """

    unsigned: LookupSingle
    key: str


class DebsignDynamicData(BaseDynamicTaskData):
    """
    What the server found out for ``debsign``.

    :param unsigned_id: the upload
    """

    unsigned_id: int

    @override
    def get_input_artifacts_ids(self) -> list[int]:
        return [*super().get_input_artifacts_ids(), self.unsigned_id]

    @override
    def get_source_package_name(self) -> str | None:
        return self.subject


class Debsign(SigningTask[DebsignData, DebsignDynamicData]):
    """Signs one upload; other signatures that are on it are replaced."""

    TASK_VERSION = 1
    GUIDE = Guide(
        example="""
            unsigned: 421
            key: 0D7A4C5E8F90A1B2C3D4E5F60718293A4B5C6D7E
        """,
        results={
            WorkRequestResults.SUCCESS: "the upload is signed",
            WorkRequestResults.FAILURE: "the server gave no leave, there is no such key, or the"
            " upload cannot be signed",
        },
        limits="Signatures that are there are replaced.",
    )
    CAPABILITIES = {"available": "debsign"}  # noqa: RUF012  never changed

    unsigned = SingleInput(categories=[Upload.category], stage=Stage.PENDING)
    debusine_fqdn = DebusineFQDNInput(hidden=True)

    occasion_of_upload: Occasion | None = None
    changes: Path | None = None

    @override
    def get_subject(self) -> str | None:
        assert self.unsigned.data is not None, "an upload has data"
        return Upload.source(self.unsigned.data).name  # type: ignore[arg-type]  # by its category

    @override
    def compute_dynamic_data(self) -> DebsignDynamicData:
        assert self.unsigned.data is not None, "an upload has data"
        assert self.unsigned.artifact_id is not None, "what is signed exists"
        return DebsignDynamicData(
            subject=self.get_subject(),
            parameter_summary=Upload.label(self.unsigned.data),  # type: ignore[arg-type]  # as above
            unsigned_id=self.unsigned.artifact_id,
        )

    # the run

    @override
    def fetch_input(self, destination: Path) -> bool:
        assert self.dynamic_data is not None, "no dynamic data"
        artifact_id = self.dynamic_data.unsigned_id
        artifact = self.fetch_artifact(artifact_id, destination)
        name = only_file(Upload.title, dict.fromkeys(artifact.files), ".changes")
        self.changes = destination / name
        self.occasion_of_upload = self.ask_leave(PURPOSE, self.data.key, artifact_id=artifact_id)
        return True

    @override
    def run(self, execute_directory: Path) -> WorkRequestResults:
        assert self.changes is not None, "no upload was fetched"
        assert self.occasion_of_upload is not None, "nobody was asked"
        add_fields(self.changes, self._origin())
        self.keys.debsign(self.data.key, self.changes, occasion=self.occasion_of_upload)
        return WorkRequestResults.SUCCESS

    def _origin(self) -> dict[str, str]:
        """Fields of the .changes that say who signed it for whom."""
        assert self.debusine is not None, "no access to the server"
        assert self.work_request_id is not None, "no work request"
        links = self.debusine.work_request_get(self.work_request_id).links
        base = f"https://{self.debusine_fqdn}"
        return {
            field: f"{base}{path}"
            for field, link in LINKS.items()
            if isinstance(path := links.get(link), str)
        }

    @override
    def upload_artifacts(
        self, execute_directory: Path, *, execution_result: WorkRequestResults
    ) -> None:
        assert self.dynamic_data is not None, "no dynamic data"
        if self.changes is None or execution_result is not WorkRequestResults.SUCCESS:
            return
        upload = Upload.from_changes(self.changes)
        upload_output(self, upload, relates_to=[self.dynamic_data.unsigned_id])
