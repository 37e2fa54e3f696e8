# SPDX-License-Identifier: GPL-3.0-or-later
"""An artifact, its files and its relations, as they go over the wire."""

from __future__ import annotations

from datetime import datetime
from urllib.parse import quote

from django.db.models import BigIntegerField

from debusine.db.models import Artifact, ArtifactRelation, FileInArtifact
from debusine.db.prepared import Param, Prepared
from debusine.domain.expiry import expires_at
from debusine.wire.artifact import ArtifactResponse, FileResponse, RelationResponse
from debusine.wire.base import Link

_FILES = Prepared(
    lambda: (
        FileInArtifact.objects.filter(artifact=Param("artifact", BigIntegerField()))
        .select_related("file")
        .order_by("path")
    )
)


def artifact_path(artifact: Artifact) -> str:
    """Path of an artifact's page; the workspace and its scope must be loaded."""
    workspace = artifact.workspace
    return f"/{quote(workspace.scope.name)}/{quote(workspace.name)}/artifact/{artifact.pk}/"


def expire_at(artifact: Artifact) -> datetime | None:
    """When an artifact may be deleted; None for never."""
    default = artifact.workspace.default_expiration_delay
    return expires_at(artifact.created_at, artifact.expiration_delay, default)


def view_artifact(artifact: Artifact, *, base_url: str) -> ArtifactResponse:
    """
    Show an artifact; one query, for its files.

    :param artifact: its workspace and scope must be loaded
    :param base_url: scheme and host the client used, without a slash at the end
    """
    path = artifact_path(artifact)
    download = f"{path}download/"
    files = _FILES.all(artifact=artifact.pk)
    return ArtifactResponse(
        id=artifact.pk,
        url=path,
        scope=artifact.workspace.scope.name,
        workspace=artifact.workspace.name,
        category=artifact.category,
        created_at=artifact.created_at,
        data=artifact.data,
        download_tar_gz_url=f"{base_url}{download}?archive=tar.gz",
        files_to_upload=sorted(entry.path for entry in files if not entry.complete),
        expire_at=expire_at(artifact),
        files={
            entry.path: _view_file(entry, f"{base_url}{download}{quote(entry.path)}")
            for entry in files
        },
        links={
            "self": f"/api/1.0/artifact/{artifact.pk}/",
            "webui_self": path,
            "download_tar_gz": Link(href=f"{download}?archive=tar.gz", type="application/tar+gzip"),
        },
    )


def view_relation(relation: ArtifactRelation) -> RelationResponse:
    """Show a relation; no query."""
    return RelationResponse.model_validate(
        {
            "id": relation.pk,
            "artifact": relation.artifact_id,
            "target": relation.target_id,
            "type": relation.type,
        }
    )


def _view_file(entry: FileInArtifact, url: str) -> FileResponse:
    return FileResponse(
        size=entry.file.size,
        checksums={"sha256": entry.file.sha256},
        content_type=entry.content_type,
        url=url,
    )
