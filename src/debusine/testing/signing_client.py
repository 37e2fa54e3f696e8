# SPDX-License-Identifier: GPL-3.0-or-later
"""What a signing task sees of a server, in memory."""

from __future__ import annotations

from datetime import UTC, datetime

from debusine.artifacts.assets.signing_key import SigningKey
from debusine.testing.task_client import FakeTaskClient
from debusine.wire.asset import (
    AssetCreate,
    AssetPermission,
    AssetPermissionAnswer,
    AssetPermissionQuery,
    AssetResponse,
)

NOW = datetime(2026, 1, 1, tzinfo=UTC)


class FakeSigningClient(FakeTaskClient):
    """
    The methods of :class:`debusine.client.debusine.Debusine` that signing tasks use.

    It gives leave for everything until a test says otherwise.
    """

    def __init__(self) -> None:
        super().__init__()
        self.assets: list[AssetCreate] = []
        """What the task created, in order."""
        self.asked: list[tuple[str, AssetPermission, AssetPermissionQuery]] = []
        """(slug, permission, query) that the task asked leave for, in order."""
        self.answer = AssetPermissionAnswer(has_permission=True, username="user", user_id=2)
        """What it is told."""

    def asset_create(self, wanted: AssetCreate) -> AssetResponse:
        """Keep an asset."""
        self.assets.append(wanted)
        return AssetResponse(
            id=len(self.assets), created_at=NOW, scope="debusine", **wanted.model_dump()
        )

    def asset_permission(
        self,
        category: str,
        slug: str,
        permission: AssetPermission,
        query: AssetPermissionQuery,
    ) -> AssetPermissionAnswer:
        """
        Give the answer that was set.

        :raises AssertionError: if it is not about a signing key
        """
        assert category == SigningKey.category
        self.asked.append((slug, permission, query))
        return self.answer
