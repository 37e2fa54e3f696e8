# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks on rows and conditions in SQL say the same, and cost little."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from django.db.models import Model

from debusine.db.models import (
    Artifact,
    Collection,
    CollectionRole,
    CollectionTokenGrant,
    Group,
    GroupMembership,
    MemberRole,
    Scope,
    ScopeRole,
    Token,
    TokenType,
    User,
    WorkRequest,
    Workspace,
    WorkspaceRole,
)
from debusine.domain.permission import Verb
from debusine.server.access import may, visible_workspaces, where
from debusine.server.actor import ANONYMOUS, SYSTEM, Actor
from debusine.testing import factories
from debusine.util.clock import SystemClock

NOW = SystemClock().now()
MODELS: dict[str, type[Model]] = {
    "scope": Scope,
    "workspace": Workspace,
    "group": Group,
    "user": User,
    "artifact": Artifact,
    "collection": Collection,
    "work request": WorkRequest,
}


def make_group(name: str, scope: Scope, workspace: Workspace | None = None) -> Group:
    return Group.objects.create(name=name, scope=scope, workspace=workspace)


def join(user: User, group: Group, role: str = MemberRole.MEMBER) -> User:
    GroupMembership.objects.create(user=user, group=group, role=role)
    return user


@pytest.fixture
def world(db: None) -> dict[str, Actor]:
    """Two scopes and four workspaces with one of everything, and somebody with each role."""
    actors = {"nobody": ANONYMOUS, "the server": SYSTEM}
    people = itertools.count()

    def person(*groups: Group, role: str = MemberRole.MEMBER) -> User:
        user = factories.make_user(f"person{next(people)}")
        for group in groups:
            join(user, group, role)
        return user

    for public in (True, False):
        scope = factories.make_scope(f"scope-{public}")
        Scope.objects.filter(pk=scope.pk).update(public=public)
        Group.objects.create(name="Members", scope=scope, system=True)
        for label in ("owner", "observer"):
            group = make_group(f"scope-{label}", scope)
            ScopeRole.objects.create(resource=scope, group=group, role=label)
            actors[f"{label} of {scope}"] = Actor(user=person(group))
        for shown in (True, False):
            place = factories.make_workspace(f"w-{shown}", scope=scope, public=shown)
            creator = person(make_group(f"creators-{shown}", scope))
            request = factories.make_work_request(workspace=place, created_by=creator)
            Artifact.objects.create(workspace=place, category="debusine:test", created_at=NOW)
            Artifact.objects.create(
                workspace=place,
                category="debusine:test",
                created_at=NOW,
                created_by_work_request=request,
            )
            for category in ("debusine:test", "debusine:workflow-internal"):
                Collection.objects.create(workspace=place, category=category, name="it")
            for label in ("owner", "contributor", "viewer"):
                group = make_group(label, scope, place)
                WorkspaceRole.objects.create(resource=place, group=group, role=label)
                actors[f"{label} of {place}"] = Actor(user=person(group))
            actors[f"group admin in {place}"] = Actor(user=person(group, role=MemberRole.ADMIN))
            running = factories.make_running(work_request=request)
            actors[f"task in {place}"] = Actor(user=creator, attempt=running.attempt)
    collection = Collection.objects.filter(category="debusine:test").last()
    assert collection is not None
    group = make_group("of-collection", collection.workspace.scope)
    CollectionRole.objects.create(resource=collection, group=group, role="owner")
    actors["owner of a collection"] = Actor(user=person(group))
    token = Token.objects.create(
        token_type=TokenType.EXTERNAL_USER,
        hash="x",
        external_username="apt",
        explicit_grants_only=True,
        enabled=True,
        created_at=NOW,
    )
    CollectionTokenGrant.objects.create(
        token=token, collection=collection, role="viewer", created_at=NOW
    )
    actors["external user"] = Actor(token=token)
    actors["a stranger"] = Actor(user=person())
    actors["an administrator"] = Actor(user=factories.make_user("root", superuser=True))
    actors["a worker"] = Actor(worker=factories.make_worker().worker)
    return actors


def test_rows_and_conditions_agree(world: dict[str, Actor]) -> None:
    checked = 0
    for verb in Verb:
        model: Any = MODELS[verb.rule.on]
        rows = list(model.objects.all())
        for name, actor in world.items():
            selected = set(
                model.objects.filter(where(actor, verb, model)).values_list("pk", flat=True)
            )
            assert {row.pk for row in rows if may(actor, verb, row)} == selected, (name, verb)
            checked += bool(selected) and len(selected) < len(rows)
    # not all of them were all or nothing
    assert checked > len(Verb)


def test_an_external_user_sees_what_was_granted_only(world: dict[str, Actor]) -> None:
    actor = world["external user"]
    visible = Collection.objects.filter(where(actor, Verb.DISPLAY_COLLECTION, Collection))
    assert [one.category for one in visible] == ["debusine:test"]
    assert not Workspace.objects.filter(visible_workspaces(actor))


def test_a_grant_on_an_archive_is_one_on_its_suites(world: dict[str, Actor]) -> None:
    actor = world["external user"]
    places = list(Workspace.objects.order_by("pk")[:2])
    for place in places:
        for category, name in (("debian:archive", "_"), ("debian:suite", "trixie")):
            Collection.objects.create(workspace=place, category=category, name=name)
    archive = Collection.objects.get(workspace=places[0], category="debian:archive")
    CollectionTokenGrant.objects.create(
        token=actor.token, collection=archive, role="owner", created_at=NOW
    )
    edited = Collection.objects.filter(where(actor, Verb.EDIT_CONTENTS, Collection))
    assert {(one.workspace_id, one.category) for one in edited} == {
        (places[0].pk, "debian:archive"),
        (places[0].pk, "debian:suite"),
    }


def test_roles_cost_one_query_per_request(
    world: dict[str, Actor], django_assert_num_queries: Any
) -> None:
    rows = list(Workspace.objects.select_related("scope"))
    actor = world["viewer of scope-False/w-False"]
    with django_assert_num_queries(1):
        for verb in (Verb.DISPLAY, Verb.CONFIGURE):
            for row in rows:
                may(actor, verb, row)
        where(actor, Verb.DISPLAY, Workspace)
    for free in ("nobody", "the server", "an administrator", "a worker"):
        with django_assert_num_queries(0):
            where(world[free], Verb.DISPLAY, Workspace)
            [may(world[free], Verb.CONFIGURE, row) for row in rows]
    [shown] = [row for row in rows if row.public and row.scope.public]
    with django_assert_num_queries(0):
        assert may(world["a stranger"], Verb.DISPLAY, shown)


def test_who_stays_connected_loses_roles_too(world: dict[str, Actor]) -> None:
    actor = world["viewer of scope-False/w-False"]
    assert Workspace.objects.filter(visible_workspaces(actor), public=False)
    GroupMembership.objects.filter(user=actor.user).delete()
    assert Workspace.objects.filter(visible_workspaces(actor), public=False)
    assert not Workspace.objects.filter(visible_workspaces(actor.renewed()), public=False)
