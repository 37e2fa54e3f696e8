# SPDX-License-Identifier: GPL-3.0-or-later
"""Collections with items."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from debusine.db.models import Artifact, Collection, CollectionItem, ItemType, Workspace
from debusine.server.actions.change_collection import Change, put_artifact
from debusine.testing import factories

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)


def make_artifact(
    category: str = "debusine:test", *, workspace: Workspace | None = None, **fields: Any
) -> Artifact:
    return Artifact.objects.create(
        **{
            "category": category,
            "workspace": workspace or factories.make_workspace(),
            "created_at": BEGIN,
            **fields,
        }
    )


def make_tarball(
    codename: str = "trixie",
    architecture: str = "amd64",
    *,
    pkglist: dict[str, str] | None = None,
    **fields: Any,
) -> Artifact:
    return make_artifact(
        "debian:system-tarball",
        data={
            "filename": "system.tar.zst",
            "vendor": "debian",
            "codename": codename,
            "mirror": "https://deb.example.org/debian",
            "components": ["main"],
            "pkglist": {"dpkg": "1.22"} if pkglist is None else pkglist,
            "architecture": architecture,
            "with_dev": True,
            "with_init": False,
        },
        **fields,
    )


def make_collection(
    name: str = "debian",
    category: str = "debian:environments",
    *,
    workspace: Workspace | None = None,
    **fields: Any,
) -> Collection:
    return Collection.objects.create(
        name=name, category=category, workspace=workspace or factories.make_workspace(), **fields
    )


def add(
    collection: Collection, artifact: Artifact, *, day: int = 0, **variables: str
) -> CollectionItem:
    """Put an artifact into a collection on a day of January 2026, counted from 0."""
    return put_artifact(
        collection,
        artifact,
        change=Change(user=None, now=BEGIN + timedelta(days=day)),
        variables=variables,
    )


def add_bare(
    collection: Collection, name: str, category: str = "debusine:test", **data: Any
) -> CollectionItem:
    return CollectionItem.objects.create(
        collection=collection,
        name=name,
        child_type=ItemType.BARE,
        category=category,
        data=data,
        created_at=BEGIN,
    )


@pytest.fixture
def environments(workspace: Workspace) -> Collection:
    return make_collection(workspace=workspace)
