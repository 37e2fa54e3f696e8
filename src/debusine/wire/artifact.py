# SPDX-License-Identifier: GPL-3.0-or-later
"""Artifacts, their files and relations on the wire (spec/api.md 2.5)."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import Field

from debusine.artifacts.relation import RelationType
from debusine.wire.base import JsonObject, Links, Timestamp, WireModel

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
    expiration_delay: timedelta | None = None


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
