# SPDX-License-Identifier: GPL-3.0-or-later
"""The assets of a server in memory."""

from __future__ import annotations

import json

from debusine.testing.server_artifacts import MOMENT
from debusine.testing.server_wire import Answer, Json, Request, as_json, route
from debusine.wire.asset import AssetCreate, AssetPermissionQuery


class MemoryAssets:
    """Assets, and who may use them; everything may be looked at and changed."""

    def __init__(self) -> None:
        self.records: list[dict[str, Json]] = []
        self.permissions: dict[str, dict[str, Json]] = {}
        """Answers to those who ask for leave, by ``CATEGORY/SLUG/PERMISSION``."""

    @route("POST", r"/api/1\.0/asset/")
    def _create(self, request: Request) -> Answer:
        wanted = AssetCreate.model_validate_json(request.body).model_dump(mode="json")
        for record in self.records:
            if (record["category"], record["data"]) == (wanted["category"], wanted["data"]):
                return as_json(record)
        record = {**wanted, "id": len(self.records) + 1, "created_at": MOMENT, "scope": "debusine"}
        self.records.append(record)
        return as_json(record, 201)

    @route("POST", r"/api/1\.0/asset/[^/]+/[^/]+/[a-z_]+/")
    def _permission(self, request: Request) -> Answer:
        AssetPermissionQuery.model_validate(json.loads(request.body))
        key = request.path.partition("/asset/")[2].strip("/")
        denied: dict[str, Json] = {"has_permission": False}
        return as_json(self.permissions.get(key, denied))
