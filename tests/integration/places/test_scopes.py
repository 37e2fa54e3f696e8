# SPDX-License-Identifier: GPL-3.0-or-later
"""Scopes that are invisible answer 403, what is invisible in them 404."""

from __future__ import annotations

import pytest
from django.test import Client
from tests.integration.conftest import ApiClient
from tests.integration.places.test_permissions import join, make_group

from debusine.db.models import Artifact, Scope, Workspace, WorkspaceRole
from debusine.testing import factories
from debusine.util.clock import SystemClock


@pytest.fixture
def hidden(workspace: Workspace) -> Workspace:
    scope = factories.make_scope("hidden")
    Scope.objects.filter(pk=scope.pk).update(public=False)
    return factories.make_workspace("inside", scope=scope, public=True)


@pytest.fixture
def artifact(hidden: Workspace) -> Artifact:
    return Artifact.objects.create(
        workspace=hidden, category="debusine:test", created_at=SystemClock().now()
    )


def test_the_api_tells_scopes_that_are_not_there_from_invisible_ones(
    hidden: Workspace, artifact: Artifact
) -> None:
    outsider = factories.make_token(factories.make_user())
    member = factories.make_token(join(factories.make_user(), make_group("any", hidden.scope)))
    found = {
        (name, scope): ApiClient(key, scope=scope).get(f"/artifact/{artifact.pk}/").status_code
        for name, key in (("nobody", None), ("outsider", outsider.key), ("member", member.key))
        for scope in ("hidden", "nowhere", "debusine")
    }
    assert found == {
        (name, scope): {"nowhere": 404, "debusine": 404, "hidden": 200 if inside else 403}[scope]
        for name, inside in (("nobody", False), ("outsider", False), ("member", True))
        for scope in ("hidden", "nowhere", "debusine")
    }


def test_a_public_workspace_of_a_private_scope_is_not_public(hidden: Workspace) -> None:
    outsider = factories.make_token(factories.make_user())
    listed = ApiClient(outsider.key).get("/collection/inside/")
    assert (listed.status_code, listed.json()["title"]) == (404, "Workspace not found")
    assert ApiClient(outsider.key, scope="hidden").get("/collection/inside/").status_code == 403


def test_workers_need_no_scope(hidden: Workspace) -> None:
    Scope.objects.update(public=False)
    worker = ApiClient(factories.make_worker().key)
    assert worker.post("/work-request/get-next-for-worker/").status_code == 204


def test_roles_count_from_the_next_request_on(hidden: Workspace) -> None:
    place = factories.make_workspace("private")
    group = make_group("viewers", place.scope)
    viewer = ApiClient(factories.make_token(join(factories.make_user(), group)).key)
    assert viewer.get("/collection/private/").status_code == 404
    role = WorkspaceRole.objects.create(resource=place, group=group, role="viewer")
    assert viewer.get("/collection/private/").status_code == 200
    role.delete()
    assert viewer.get("/collection/private/").status_code == 404


def test_pages_of_an_invisible_scope_are_refused(hidden: Workspace, artifact: Artifact) -> None:
    outsider = factories.make_user()
    browser = Client()
    browser.force_login(outsider)
    assert browser.get("/hidden/inside/").status_code == 403
    assert browser.get(f"/hidden/inside/artifact/{artifact.pk}/").status_code == 403
    assert browser.get("/hidden/inside/work-request/1/").status_code == 403
    assert browser.get("/nowhere/inside/").status_code == 404
    assert browser.get("/debusine/inside/").status_code == 404
