# SPDX-License-Identifier: GPL-3.0-or-later
"""Rows and a client for tests with a database."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client

from debusine.db.models import Scope, User, Workspace
from debusine.server import scheduler
from debusine.server.threads import close_connections
from debusine.testing import factories
from debusine.testing.factories import WithKey, WorkerWithKey


class ApiClient:
    """Calls the API as the owner of a key; ``key=None`` is nobody."""

    def __init__(self, key: str | None = None, *, scope: str | None = None) -> None:
        headers = {"Token": key, "X-Debusine-Scope": scope}
        self._headers = {name: value for name, value in headers.items() if value is not None}
        self._client = Client()

    def _call(self, method: str, path: str, body: Any = None, **headers: str) -> HttpResponse:
        arguments: dict[str, Any] = {"headers": {**self._headers, **headers}}
        if body is not None:
            arguments |= {"data": body, "content_type": "application/json"}
        return getattr(self._client, method)(f"/api/1.0{path}", **arguments)

    def get(self, path: str, **headers: str) -> HttpResponse:
        return self._call("get", path, **headers)

    def post(self, path: str, body: Any = None, **headers: str) -> HttpResponse:
        return self._call("post", path, {} if body is None else body, **headers)

    def put(self, path: str, body: Any = None, **headers: str) -> HttpResponse:
        return self._call("put", path, {} if body is None else body, **headers)

    def patch(self, path: str, body: Any = None, **headers: str) -> HttpResponse:
        return self._call("patch", path, {} if body is None else body, **headers)

    def delete(self, path: str, **headers: str) -> HttpResponse:
        return self._call("delete", path, **headers)


@pytest.fixture(scope="session", autouse=True)
def _connections_of_threads(django_db_setup: None) -> Iterator[None]:
    """PostgreSQL drops no database that somebody is connected to."""
    yield
    close_connections()


@pytest.fixture(autouse=True)
def _cheap_passwords(settings: Any) -> None:
    """Hashing a password well takes longer than most tests."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def scope(db: None) -> Scope:
    """The default scope."""
    return factories.make_scope()


@pytest.fixture
def workspace(scope: Scope) -> Workspace:
    """The default workspace."""
    return factories.make_workspace(scope=scope)


@pytest.fixture
def user(db: None) -> User:
    return factories.make_user("alice", superuser=True)


@pytest.fixture
def token(user: User, workspace: Workspace) -> WithKey:
    """A token of ``user``."""
    return factories.make_token(user)


@pytest.fixture
def api(token: WithKey) -> ApiClient:
    """The API as ``user`` sees it."""
    return ApiClient(token.key)


@pytest.fixture
def anonymous(workspace: Workspace) -> ApiClient:
    return ApiClient()


@pytest.fixture
def worker(workspace: Workspace) -> WorkerWithKey:
    """A connected worker that can run noop."""
    return factories.make_worker()


@pytest.fixture
def worker_api(worker: WorkerWithKey) -> ApiClient:
    """The API as ``worker`` sees it."""
    return ApiClient(worker.key)


@pytest.fixture(autouse=True)
def _forget_signatures() -> Iterator[None]:
    """Rows vanish after a test; what the process remembers of them has to, too."""
    yield
    scheduler.forget()
