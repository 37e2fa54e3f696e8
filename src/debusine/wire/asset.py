# SPDX-License-Identifier: GPL-3.0-or-later
"""Assets on the wire."""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field

from debusine.wire.base import JsonObject, StrictWireModel, Timestamp, WireModel


class AssetPermission(StrEnum):
    """What a signing task may ask leave for."""

    SIGN_WITH = "sign_with"
    SIGN_REPOSITORY_WITH = "sign_repository_with"


class AssetCreate(StrictWireModel):
    """What a client asks for."""

    category: str
    data: JsonObject
    workspace: str
    work_request: int | None = None


class AssetResponse(WireModel):
    """An asset as endpoints show it."""

    id: int
    created_at: Timestamp
    category: str
    scope: str
    workspace: str | None = None
    data: JsonObject
    work_request: int | None = None


class AssetPermissionQuery(StrictWireModel):
    """Ask whether a task may use an asset on an artifact."""

    artifact_id: int
    work_request_id: int
    workspace: str


class AssetPermissionAnswer(WireModel):
    """
    Whether a task may use an asset, and for whom it does.

    :param resource: what the artifact is, for the records of the signing service
    """

    has_permission: bool
    username: str | None = None
    user_id: int | None = None
    resource: dict[str, str] | None = Field(default=None)
