# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest
from tests.integration.conftest import ApiClient

from debusine.db.models import (
    Group,
    GroupMembership,
    Scope,
    User,
    Workspace,
    WorkspaceChain,
    WorkspaceRole,
)
from debusine.testing import factories

PATH = "/workspace/child/inheritance/"


def grant(user: User, workspace: Workspace, role: str) -> None:
    group = Group.objects.create(name=f"{role}s", scope=workspace.scope, workspace=workspace)
    GroupMembership.objects.create(group=group, user=user)
    WorkspaceRole.objects.create(resource=workspace, group=group, role=role)


@pytest.fixture
def child(scope: Scope) -> Workspace:
    return factories.make_workspace("child", public=True)


@pytest.fixture
def owner(child: Workspace) -> User:
    user = factories.make_user("olga")
    grant(user, child, "owner")
    return user


@pytest.fixture
def api(owner: User) -> ApiClient:
    return ApiClient(factories.make_token(owner).key)


def element(place: Workspace) -> dict[str, Any]:
    return {"id": place.pk, "scope": place.scope.name, "workspace": place.name}


def test_a_chain_is_set_and_shown_in_its_order(api: ApiClient, child: Workspace) -> None:
    other = factories.make_scope("other")
    a, b = factories.make_workspace("a", public=True), factories.make_workspace("b", public=True)
    c = factories.make_workspace("c", scope=other, public=True)
    assert api.get(PATH).json() == {"chain": [], "links": {}}
    wanted = [{"scope": "other", "workspace": "c"}, {"workspace": "a"}, {"id": b.pk}]
    answer = api.post(PATH, {"chain": wanted, "links": {}})
    assert answer.status_code == 200, answer.content
    expected = {"chain": [element(c), element(a), element(b)], "links": {}}
    assert answer.json() == api.get(PATH).json() == expected
    # what is shown may be sent back, in another order and with fewer
    assert api.post(PATH, {"chain": [element(b), element(c)]}).status_code == 200
    rows = WorkspaceChain.objects.filter(child=child).order_by("order")
    assert [(row.parent_id, row.order) for row in rows] == [(b.pk, 0), (c.pk, 1)]


def test_who_may(child: Workspace, worker_api: ApiClient) -> None:
    viewer = factories.make_user()
    grant(viewer, child, "contributor")
    running = factories.make_running(created_by=factories.make_user(superuser=True))
    callers = {
        "nobody": ApiClient(),
        "contributor": ApiClient(factories.make_token(viewer).key),
        "worker": worker_api,
        "task": ApiClient(running.key),
    }
    found = {
        name: (caller.get(PATH).status_code, caller.post(PATH, {"chain": []}).status_code)
        for name, caller in callers.items()
    }
    assert found == {
        "nobody": (403, 403),
        "contributor": (200, 403),
        "worker": (403, 403),
        "task": (403, 403),
    }
    refusal = callers["contributor"].post(PATH, {"chain": []}).json()
    assert refusal["title"].endswith("cannot configure debusine/child")


@pytest.mark.parametrize(
    ("chain", "status", "said"),
    [
        ([{"workspace": "child"}], 400, "debusine/child cannot inherit from itself"),
        ([{"workspace": "a"}, {"workspace": "a"}], 400, "debusine/a is named twice"),
        ([{}], 400, "chain.0: give id or workspace"),
        ([{"workspace": "nowhere"}], 404, "nowhere not found in scope debusine"),
        ([{"workspace": "hidden"}], 404, "hidden not found in scope debusine"),
        ([{"workspace": "a", "scope": "none"}], 404, "a not found in scope none"),
        ([{"id": 2**62}], 404, f"{2**62}"),
        ([{"workspace": "heir"}], 400, "debusine/heir inherits from debusine/child already"),
    ],
)
def test_what_is_refused_changes_nothing(
    api: ApiClient, child: Workspace, chain: list[Any], status: int, said: str
) -> None:
    kept = factories.make_workspace("kept", public=True)
    factories.make_workspace("a", public=True)
    factories.make_workspace("hidden")
    middle = factories.make_workspace("middle")
    heir = factories.make_workspace("heir", public=True)
    WorkspaceChain.objects.create(child=child, parent=kept, order=0)
    WorkspaceChain.objects.create(child=middle, parent=child, order=0)
    WorkspaceChain.objects.create(child=heir, parent=middle, order=0)
    answer = api.post(PATH, {"chain": chain})
    assert answer.status_code == status, answer.content
    assert said in answer.json()["detail"]
    assert [one["workspace"] for one in api.get(PATH).json()["chain"]] == ["kept"]


def test_an_id_has_to_be_that_of_the_name(api: ApiClient, child: Workspace) -> None:
    a = factories.make_workspace("a", public=True)
    for wrong in ({"workspace": "b"}, {"scope": "other"}):
        answer = api.post(PATH, {"chain": [{"id": a.pk, **wrong}]})
        assert answer.status_code == 400
        assert f"Workspace {a.pk} is debusine/a" in answer.json()["detail"]


@pytest.mark.parametrize(
    "chain", [[{"workspace": "x"}] * 101, "child", [7], [{"id": 0}], [{"workspace": "a\0"}]]
)
def test_what_is_no_chain_is_refused_by_field(
    api: ApiClient, child: Workspace, chain: object
) -> None:
    answer = api.post(PATH, {"chain": chain})
    assert answer.status_code == 400
    assert all(path.startswith("chain") for path in answer.json()["validation_errors"])


@pytest.mark.parametrize("is_public_there", [False, True])
def test_private_workspaces_of_other_scopes_are_kept_but_not_added(
    *, is_public_there: bool, api: ApiClient, owner: User, child: Workspace
) -> None:
    """A workspace that is public in a private scope is not public."""
    other = factories.make_scope("other")
    Scope.objects.filter(pk=other.pk).update(public=not is_public_there)
    far = factories.make_workspace("far", scope=other, public=is_public_there)
    grant(owner, far, "viewer")
    wanted = {"chain": [{"scope": "other", "workspace": "far"}]}
    refused = api.post(PATH, wanted)
    assert (refused.status_code, refused.json()["detail"].split("\n")[0]) == (
        403,
        "other/far is private, and in another scope.",
    )
    WorkspaceChain.objects.create(child=child, parent=far, order=0)
    assert api.post(PATH, wanted).status_code == 200


def test_what_cannot_be_seen_is_not_shown(api: ApiClient, child: Workspace) -> None:
    hidden = factories.make_workspace("hidden")
    WorkspaceChain.objects.create(child=child, parent=hidden, order=0)
    assert api.get(PATH).json()["chain"] == []


def test_invisible_workspaces_are_not_there(api: ApiClient) -> None:
    factories.make_workspace("hidden")
    answers = [api.get(f"/workspace/{name}/inheritance/") for name in ("hidden", "nowhere")]
    assert [answer.status_code for answer in answers] == [404, 404]
    assert {answer.json()["title"] for answer in answers} == {"Workspace not found"}


def test_a_long_chain_costs_no_more(
    api: ApiClient, child: Workspace, django_assert_num_queries: Any
) -> None:
    places = [factories.make_workspace(f"w{number}", public=True) for number in range(100)]
    api.get(PATH)
    for chain in ([{"id": places[0].pk}], [element(place) for place in places]):
        # token, scope, workspace, roles; begin, what is named, locks, old chain, heirs, the old
        # one goes, the new one comes, commit
        with django_assert_num_queries(12):
            assert api.post(PATH, {"chain": chain}).status_code == 200
