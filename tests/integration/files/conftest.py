# SPDX-License-Identifier: GPL-3.0-or-later
"""Artifacts with files, and the application that transfers them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from debusine.api import transfer
from debusine.db.models import Artifact, File, FileInArtifact, Scope, User, WorkRequest, Workspace
from debusine.server.stores import Content, default_store
from debusine.testing import factories
from debusine.testing.asgi import Answer, call, http_scope
from debusine.testing.factories import WithKey
from debusine.util.clock import SystemClock


@pytest.fixture(autouse=True)
def directories(tmp_path: Path) -> Iterator[Path]:
    """A store and an upload directory of the test's own."""
    before = settings.DEBUSINE
    settings.DEBUSINE = before.model_copy(update={"data_dir": tmp_path})
    yield tmp_path
    settings.DEBUSINE = before


def make_artifact(
    files: Mapping[str, bytes],
    *,
    workspace: Workspace | None = None,
    incomplete: Mapping[str, bytes] | None = None,
    made_by: WorkRequest | None = None,
    content_types: Mapping[str, str] | None = None,
    **fields: Any,
) -> Artifact:
    """An artifact whose files lie in the store, but for the incomplete ones."""
    now = SystemClock().now()
    artifact = Artifact.objects.create(
        workspace=workspace or factories.make_workspace(),
        created_at=now,
        created_by_work_request=made_by,
        **{"category": "debusine:test", **fields},
    )
    missing = incomplete or {}
    for path, data in {**files, **missing}.items():
        content = Content.of(data)
        is_complete = path not in missing
        if is_complete:
            default_store().add(BytesIO(data), content)
        row, _ = File.objects.get_or_create(
            sha256=content.sha256, size=content.size_bytes, defaults={"created_at": now}
        )
        if is_complete:
            File.objects.filter(pk=row.pk).update(stored=True)
        FileInArtifact.objects.create(
            artifact=artifact,
            path=path,
            file=row,
            complete=is_complete,
            content_type=(content_types or {}).get(path),
        )
    return artifact


class TransferClient:
    """Transfers files as the owner of a key."""

    def __init__(self, key: str | None) -> None:
        self._headers = {} if key is None else {"Token": key}

    def _call(
        self, method: str, url: str, headers: Mapping[str, str] | None = None, **more: Any
    ) -> Answer:
        both = {**self._headers, **(headers or {})}
        assert transfer.handles(http_scope(method, url, both))
        return asyncio.run(call(transfer.application, method, url, headers=both, **more))

    def get(self, url: str, **headers: str) -> Answer:
        return self._call("GET", url, {k.replace("_", "-"): v for k, v in headers.items()})

    def head(self, url: str) -> Answer:
        return self._call("HEAD", url)

    def put(
        self,
        artifact: int,
        path: str,
        body: Iterable[bytes] = (),
        content_range: str | None = None,
        *,
        goes_away: bool = False,
        **headers: str,
    ) -> Answer:
        if content_range is not None:
            headers["Content-Range"] = content_range
        url = f"/api/1.0/artifact/{artifact}/files/{path}/"
        return self._call("PUT", url, headers, body=body, goes_away=goes_away)


@pytest.fixture
def place(transactional_db: None) -> Workspace:
    """The default workspace, in a database that other threads see."""
    return factories.make_workspace()


@pytest.fixture
def scope(place: Workspace) -> Scope:
    return place.scope


@pytest.fixture
def workspace(place: Workspace) -> Workspace:
    return place


@pytest.fixture
def user(place: Workspace) -> User:
    return factories.make_user("alice", superuser=True)


@pytest.fixture
def files(token: WithKey) -> TransferClient:
    """File transfer as ``user`` does it."""
    return TransferClient(token.key)


@pytest.fixture
def nobody(place: Workspace) -> TransferClient:
    return TransferClient(None)
