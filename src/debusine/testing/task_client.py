# SPDX-License-Identifier: GPL-3.0-or-later
"""What a task sees of a server, in memory."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from debusine.artifacts.files import LocalArtifact
from debusine.artifacts.relation import RelationType
from debusine.errors import NotFoundError
from debusine.wire.artifact import ArtifactResponse, FileResponse

BASE_URL = "https://debusine.example.org"
FIRST_ID = 1000


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredArtifact:
    """
    An artifact that exists.

    :param files: contents by path in the artifact
    """

    id: int
    category: str
    data: Mapping[str, Any]
    files: Mapping[str, bytes]
    workspace: str
    work_request: int | None


class FakeTaskClient:
    """
    The methods of :class:`debusine.client.debusine.Debusine` that tasks use.

    Keeps what is uploaded; artifacts that a task shall find are added first.
    """

    def __init__(self) -> None:
        self.artifacts: dict[int, StoredArtifact] = {}
        self.uploaded: list[StoredArtifact] = []
        """What the task uploaded, in order."""
        self.relations: list[tuple[int, int, RelationType]] = []
        """(artifact, target, type), in order."""
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
            id=artifact_id,
            category=category,
            data=data,
            files=files or {},
            workspace="System",
            work_request=None,
        )

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
        self, artifact_id: int, destination: Path, *, workspace: str | None = None
    ) -> ArtifactResponse:
        """
        Write the files of an artifact below a directory.

        :raises NotFoundError: if it does not exist
        """
        del workspace
        stored = self._find(artifact_id)
        for path, content in stored.files.items():
            target = destination / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
        return _response(stored)

    def upload_artifact(
        self, artifact: LocalArtifact, *, workspace: str | None, work_request: int | None = None
    ) -> ArtifactResponse:
        """Keep an artifact with its files."""
        stored = StoredArtifact(
            id=next(self._ids),
            category=artifact.category,
            data=artifact.data.model_dump(mode="json", exclude_unset=True),
            files={path: local.read_bytes() for path, local in artifact.files.items()},
            workspace=workspace or "System",
            work_request=work_request,
        )
        self.artifacts[stored.id] = stored
        self.uploaded.append(stored)
        return _response(stored)

    def relation_create(self, artifact: int, target: int, relation: RelationType) -> None:
        """Keep a relation."""
        self.relations.append((artifact, target, relation))

    def _find(self, artifact_id: int) -> StoredArtifact:
        try:
            return self.artifacts[artifact_id]
        except KeyError:
            raise NotFoundError(f"no artifact {artifact_id}") from None


def _response(stored: StoredArtifact) -> ArtifactResponse:
    url = f"{BASE_URL}/debusine/{stored.workspace}/artifact/{stored.id}/"
    return ArtifactResponse(
        id=stored.id,
        url=url,
        scope="debusine",
        workspace=stored.workspace,
        category=stored.category,
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
        data=dict(stored.data),
        download_tar_gz_url=f"{url}?archive=tar.gz",
        files_to_upload=[],
        files={
            path: FileResponse(size=len(content), checksums={}, url=f"{url}{path}")
            for path, content in stored.files.items()
        },
    )
