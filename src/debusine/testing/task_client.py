# SPDX-License-Identifier: GPL-3.0-or-later
"""What a task sees of a server, in memory."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from debusine.artifacts.files import LocalArtifact
from debusine.artifacts.kinds.system_tarball import SystemTarball, SystemTarballData
from debusine.artifacts.relation import RelationType
from debusine.client.upload import Progress
from debusine.domain.result import WorkRequestResults
from debusine.domain.work_request import TaskTypes, WorkRequestStatus
from debusine.errors import NotFoundError
from debusine.wire.artifact import ArtifactResponse, FileResponse, RelationResponse
from debusine.wire.work_request import WorkRequest, WorkRequestCreate

BASE_URL = "https://debusine.example.org"
FIRST_ID = 1000
MOMENT = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredArtifact:
    """
    An artifact that exists.

    :param category: such as ``debian:source-package``
    :param data: as JSON, only the fields that were set
    :param files: contents by path in the artifact
    :param work_request: the request that produced it

    >>> artifact = StoredArtifact(
    ...     id=1, category="debusine:test", data={}, files={"a/b": b"text"}, workspace="System"
    ... )
    >>> artifact.text("a/b")
    'text'
    """

    id: int
    category: str
    data: Mapping[str, Any]
    files: Mapping[str, bytes]
    workspace: str
    work_request: int | None = None

    def text(self, path: str) -> str:
        """
        Content of a file in UTF-8.

        :raises KeyError: if there is no such file
        """
        return self.files[path].decode()


class FakeTaskClient:
    """
    A server as a task sees it: the methods of ``debusine.client.debusine.Debusine`` for
    artifacts, relations and new work requests, in memory.

    Artifacts that the task shall find are added first; what it uploads can be looked at
    afterwards.

    >>> client = FakeTaskClient()
    >>> client.add(1, "debusine:test", {}, {"in.txt": b"hello"})
    >>> client.artifact_get(1).files["in.txt"].size
    5
    >>> client.artifact_get(2)
    Traceback (most recent call last):
    ...
    debusine.errors.NotFoundError: no artifact 2
    """

    def __init__(self) -> None:
        self.artifacts: dict[int, StoredArtifact] = {}
        """Everything that exists, by id."""
        self.uploaded: list[StoredArtifact] = []
        """What the task uploaded, in order; its debug logs come last."""
        self.relations: list[tuple[int, int, RelationType]] = []
        """(artifact, target, type), in order; each stands once."""
        self.work_requests: dict[int, WorkRequest] = {}
        """What the task asked for, by id, all of it pending."""
        self._ids = itertools.count(FIRST_ID)

    def add(
        self,
        artifact_id: int,
        category: str,
        data: Mapping[str, Any],
        files: Mapping[str, bytes] | None = None,
    ) -> None:
        """Let an artifact exist."""
        self.artifacts[artifact_id] = StoredArtifact(
            id=artifact_id, category=category, data=data, files=files or {}, workspace="System"
        )

    def add_local(self, artifact_id: int, local: LocalArtifact) -> None:
        """Let an artifact of local files exist, such as ``SourcePackage.from_dsc(path)``."""
        self.add(artifact_id, local.category, _data_of(local), _files_of(local))

    def add_environment(
        self, artifact_id: int, *, codename: str = "trixie", architecture: str = "amd64"
    ) -> None:
        """Let an environment exist; its tarball is empty, which a fake sandbox does not mind."""
        data = SystemTarballData(
            filename="system.tar.xz",
            vendor="debian",
            codename=codename,
            mirror="https://deb.example.org/debian",
            components=["main"],
            pkglist={},
            architecture=architecture,
            with_dev=True,
            with_init=True,
        )
        fields = data.model_dump(mode="json", exclude_unset=True)
        self.add(artifact_id, SystemTarball.category, fields, {data.filename: b""})

    def uploaded_of(self, category: str) -> list[StoredArtifact]:
        """What the task uploaded of a category, in order."""
        return [artifact for artifact in self.uploaded if artifact.category == category]

    def artifact_get(self, artifact_id: int, *, workspace: str | None = None) -> ArtifactResponse:
        """
        Show an artifact.

        :raises NotFoundError: if it does not exist
        """
        del workspace
        return _response(self._find(artifact_id))

    def download_artifact(
        self,
        artifact_id: int,
        destination: Path,
        *,
        workspace: str | None = None,
        progress: Progress | None = None,
    ) -> ArtifactResponse:
        """
        Write the files of an artifact below a directory, which is made if it is missing.

        :raises NotFoundError: if it does not exist
        """
        del workspace
        stored = self._find(artifact_id)
        destination.mkdir(parents=True, exist_ok=True)
        for path, content in stored.files.items():
            target = destination / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
            if progress is not None and content:
                progress(len(content))
        return _response(stored)

    def upload_artifact(
        self,
        artifact: LocalArtifact,
        *,
        workspace: str | None,
        work_request: int | None = None,
        progress: Progress | None = None,
    ) -> ArtifactResponse:
        """Keep an artifact with its files."""
        stored = StoredArtifact(
            id=next(self._ids),
            category=artifact.category,
            data=_data_of(artifact),
            files=_files_of(artifact),
            workspace=workspace or "System",
            work_request=work_request,
        )
        self.artifacts[stored.id] = stored
        self.uploaded.append(stored)
        for content in filter(None, stored.files.values()):
            if progress is not None:
                progress(len(content))
        return _response(stored)

    def relation_create(
        self, artifact: int, target: int, relation: RelationType
    ) -> RelationResponse:
        """
        Keep a relation; no harm if it exists.

        :raises NotFoundError: if one of the artifacts does not exist
        """
        self._find(artifact)
        self._find(target)
        made = (artifact, target, relation)
        if made not in self.relations:
            self.relations.append(made)
        number = self.relations.index(made) + 1
        return RelationResponse(id=number, artifact=artifact, target=target, type=relation)

    def work_request_create(self, wanted: WorkRequestCreate) -> WorkRequest:
        """Keep a work request; neither its task nor its data are checked."""
        workspace = wanted.workspace or "System"
        number = next(self._ids)
        request = WorkRequest(
            id=number,
            url=f"{BASE_URL}/debusine/{workspace}/work-request/{number}/",
            created_at=MOMENT,
            status=WorkRequestStatus.PENDING,
            result=WorkRequestResults.NONE,
            task_type=TaskTypes.WORKER,
            task_name=wanted.task_name,
            task_data=wanted.task_data,
            event_reactions=wanted.event_reactions,
            priority_base=0,
            priority_adjustment=0,
            artifacts=[],
            scope="debusine",
            workspace=workspace,
        )
        self.work_requests[number] = request
        return request

    def work_request_get(self, work_request_id: int) -> WorkRequest:
        """
        Show a work request.

        :raises NotFoundError: if it does not exist
        """
        try:
            return self.work_requests[work_request_id]
        except KeyError:
            raise NotFoundError(f"no work request {work_request_id}") from None

    def _find(self, artifact_id: int) -> StoredArtifact:
        try:
            return self.artifacts[artifact_id]
        except KeyError:
            raise NotFoundError(f"no artifact {artifact_id}") from None


def _data_of(local: LocalArtifact) -> dict[str, Any]:
    return local.data.model_dump(mode="json", exclude_unset=True)


def _files_of(local: LocalArtifact) -> dict[str, bytes]:
    return {path: file.read_bytes() for path, file in local.files.items()}


def _response(stored: StoredArtifact) -> ArtifactResponse:
    url = f"{BASE_URL}/debusine/{stored.workspace}/artifact/{stored.id}/"
    download = f"{url}download/"
    return ArtifactResponse(
        id=stored.id,
        url=url,
        scope="debusine",
        workspace=stored.workspace,
        category=stored.category,
        created_at=MOMENT,
        data=dict(stored.data),
        download_tar_gz_url=f"{download}?archive=tar.gz",
        files_to_upload=[],
        files={
            path: FileResponse(
                size=len(content),
                checksums={"sha256": hashlib.sha256(content).hexdigest()},
                url=f"{download}{path}",
            )
            for path, content in stored.files.items()
        },
    )
