# SPDX-License-Identifier: GPL-3.0-or-later
"""Artifacts, their files and relations on the wire."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field

from debusine.artifacts.files import LocalArtifact
from debusine.artifacts.relation import RelationType
from debusine.wire.base import Duration, JsonObject, Links, Timestamp, WireModel

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class FileCreate(WireModel):
    """A file that an artifact will hold."""

    size: int = Field(ge=0)
    checksums: dict[str, str]
    type: Literal["file"] = "file"
    content_type: str | None = None


class FileResponse(FileCreate):
    """A file of an artifact."""

    url: str


class ArtifactCreate(WireModel):
    """A request for a new artifact; ``files`` may be empty."""

    category: str
    workspace: str | None = None
    files: dict[str, FileCreate] = Field(default_factory=dict)
    data: JsonObject = Field(default_factory=dict)
    work_request: int | None = None
    expiration_delay: Duration | None = None

    @classmethod
    def from_local(
        cls,
        local: LocalArtifact,
        *,
        workspace: str | None = None,
        work_request: int | None = None,
    ) -> Self:
        """
        Ask for an artifact made of local files, each of which is read once.

        :param workspace: where to create it; unset: where ``work_request`` is
        :param work_request: the request that produced it
        """
        files = {
            path: FileCreate(
                size=digests.size_bytes,
                checksums={"sha256": digests.sha256},
                content_type=local.content_types.get(path),
            )
            for path, digests in local.digests().items()
        }
        return cls(
            category=local.category,
            workspace=workspace,
            files=files,
            data=local.data.model_dump(mode="json", exclude_unset=True),
            work_request=work_request,
        )


class ArtifactResponse(WireModel):
    """An artifact as every endpoint shows it."""

    links: Links = Field(default_factory=dict)
    id: int
    url: str
    scope: str
    workspace: str
    category: str
    created_at: Timestamp
    data: JsonObject
    download_tar_gz_url: str
    files_to_upload: list[str]
    expire_at: Timestamp | None = None
    files: dict[str, FileResponse] = Field(default_factory=dict)


class RelationCreate(WireModel):
    """A request for a relation from ``artifact`` to ``target``."""

    artifact: int
    target: int
    type: RelationType


class RelationResponse(RelationCreate):
    """A relation as every endpoint shows it."""

    id: int
