# SPDX-License-Identifier: GPL-3.0-or-later
"""Sign an index of a repository with every key of its suite."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field
from typing_extensions import override

from debusine.artifacts.kinds.repository_index import RepositoryIndex, RepositoryIndexData
from debusine.domain.key_purpose import KeyPurpose
from debusine.domain.result import WorkRequestResults
from debusine.errors import UserError
from debusine.tasks.errors import TaskConfigError
from debusine.tasks.guide import Guide
from debusine.tasks.inputs.inputs import SingleInput, Stage, SuiteArchiveInput
from debusine.tasks.models import BaseDynamicTaskData, BaseTaskData, LookupSingle
from debusine.tasks.signing.base import SigningTask
from debusine.tasks.signing.key_store import Occasion, SigningMode
from debusine.tasks.upload import upload_output
from debusine.wire.asset import AssetPermission

PURPOSE = KeyPurpose.OPENPGP_REPOSITORY


def _file_name(name: str) -> str:
    if "/" in name or name in {"", ".", ".."}:
        message = "must be the name of a file, without '/'"
        raise ValueError(message)
    return name


class SignRepositoryIndexData(BaseTaskData):
    """
    What is submitted for ``signrepositoryindex``.

    :param suite_collection: suite whose keys sign; if it names none, those of its archive
    :param unsigned: repository index
    :param mode: ``detached`` for ``Release.gpg``, ``clear`` for ``InRelease``
    :param signed_name: of the file that is made, beside the index
    """

    suite_collection: LookupSingle
    unsigned: LookupSingle
    mode: Literal[SigningMode.DETACHED, SigningMode.CLEAR]
    signed_name: Annotated[str, AfterValidator(_file_name)]


class SignRepositoryIndexDynamicData(BaseDynamicTaskData):
    """
    What the server found out for ``signrepositoryindex``.

    :param suite_collection_id: the suite
    :param unsigned_id: the index
    :param signing_keys: fingerprints
    """

    suite_collection_id: int
    unsigned_id: int
    signing_keys: list[str] = Field(default_factory=list)

    @override
    def get_input_artifacts_ids(self) -> list[int]:
        return [*super().get_input_artifacts_ids(), self.unsigned_id]


class SignRepositoryIndex(SigningTask[SignRepositoryIndexData, SignRepositoryIndexDynamicData]):
    """Signs one file; all signatures are in one other."""

    TASK_VERSION = 1
    GUIDE = Guide(
        example="""
            suite_collection: trixie@debian:suite
            unsigned: 421
            mode: detached
            signed_name: Release.gpg
        """,
        results={
            WorkRequestResults.SUCCESS: "the index is signed",
            WorkRequestResults.FAILURE: "there are no keys, the server gave no leave for one of"
            " them, or the signing service lacks one",
        },
        limits="The keys are those in `signing_keys` of the suite or, if it has no such key or it"
        " is null, of the archive that the suite is part of.",
    )

    suite_collection = SuiteArchiveInput(stage=Stage.PENDING)
    unsigned = SingleInput(categories=[RepositoryIndex.category])

    @override
    def post_init(self) -> None:
        super().post_init()
        self.index: Path | None = None
        self.path = PurePosixPath()
        self.occasions: list[Occasion] = []

    @override
    def get_subject(self) -> str | None:
        return self.suite_collection[0].name

    @override
    def compute_dynamic_data(self) -> SignRepositoryIndexDynamicData:
        suite, archive = self.suite_collection
        assert self.unsigned.artifact_id is not None, "what is signed exists"
        return SignRepositoryIndexDynamicData(
            subject=self.get_subject(),
            parameter_summary=f"{self.data.signed_name} of {suite.name}",
            suite_collection_id=suite.collection_id,
            unsigned_id=self.unsigned.artifact_id,
            signing_keys=_signing_keys(suite.data, None if archive is None else archive.data),
        )

    # the run

    @override
    def fetch_input(self, destination: Path) -> bool:
        assert self.dynamic_data is not None, "no dynamic data"
        artifact_id = self.dynamic_data.unsigned_id
        if not self.dynamic_data.signing_keys:
            raise UserError("neither the suite nor its archive has a signing key")
        artifact = self.fetch_artifact(artifact_id, destination)
        [name] = artifact.files
        self.index = destination / name
        self.path = PurePosixPath(RepositoryIndexData.model_validate(artifact.data).path or name)
        self.occasions = [
            self.ask_leave(
                PURPOSE,
                fingerprint,
                artifact_id=artifact_id,
                permission=AssetPermission.SIGN_REPOSITORY_WITH,
            )
            for fingerprint in self.dynamic_data.signing_keys
        ]
        return True

    @override
    def run(self, execute_directory: Path) -> WorkRequestResults:
        assert self.dynamic_data is not None, "no dynamic data"
        assert self.index is not None, "no index was fetched"
        self.keys.sign(
            PURPOSE,
            self.dynamic_data.signing_keys,
            self.data.mode,
            source=self.index,
            target=execute_directory / self.data.signed_name,
            occasion=self.occasions[0],
        )
        return WorkRequestResults.SUCCESS

    @override
    def upload_artifacts(
        self, execute_directory: Path, *, execution_result: WorkRequestResults
    ) -> None:
        assert self.dynamic_data is not None, "no dynamic data"
        if execution_result is not WorkRequestResults.SUCCESS:
            return
        signed = RepositoryIndex.from_file(
            execute_directory / self.data.signed_name,
            (self.path.parent / self.data.signed_name).as_posix(),
        )
        upload_output(self, signed, extends=[self.dynamic_data.unsigned_id])


def _signing_keys(suite: dict[str, Any], archive: dict[str, Any] | None) -> list[str]:
    """
    Fingerprints that the data of a suite names, or else that of its archive.

    :raises TaskConfigError: if they are no list of texts
    """
    keys = suite.get("signing_keys")
    if keys is None:
        keys = (archive or {}).get("signing_keys")
    if keys is None:
        return []
    if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys):
        raise TaskConfigError("signing_keys of the suite or its archive is no list of fingerprints")
    return list(keys)
