# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json

from debusine.client.debusine import Debusine
from debusine.testing.server import MemoryServer
from debusine.wire.asset import (
    AssetCreate,
    AssetPermission,
    AssetPermissionAnswer,
    AssetPermissionQuery,
)

KEY = AssetCreate(
    category="debusine:signing-key",
    data={"purpose": "uefi", "fingerprint": "ab", "public_key": "", "description": None},
    workspace="System",
    work_request=5,
)
SLUG = "openpgp:AB"
QUERY = AssetPermissionQuery(artifact_id=1, work_request_id=5, workspace="System")


def test_a_key_is_made_once(client: Debusine, server: MemoryServer) -> None:
    made = client.asset_create(KEY)
    assert (made.category, made.data, made.workspace) == (KEY.category, KEY.data, "System")
    assert client.asset_create(KEY) == made
    # null is a value of the description
    assert json.loads(server.requests[0].body) == KEY.model_dump()


def test_leave_is_asked_for_one_asset(client: Debusine, server: MemoryServer) -> None:
    path = f"debusine:signing-key/{SLUG}/sign_with"
    server.assets.permissions[path] = {
        "has_permission": True,
        "username": "jo",
        "user_id": 3,
        "resource": {"path": "Release"},
    }

    def ask(permission: AssetPermission) -> AssetPermissionAnswer:
        return client.asset_permission(KEY.category, SLUG, permission, QUERY)

    assert ask(AssetPermission.SIGN_WITH) == AssetPermissionAnswer(
        has_permission=True, username="jo", user_id=3, resource={"path": "Release"}
    )
    assert not ask(AssetPermission.SIGN_REPOSITORY_WITH).has_permission
    assert json.loads(server.requests[0].body) == QUERY.model_dump()
