# SPDX-License-Identifier: GPL-3.0-or-later
"""What people may do with groups and roles, who are no administrators of the server."""

from __future__ import annotations

import pytest
from tests.integration.places.test_permissions import join

from debusine.db.models import Group, GroupAuditLog, MemberRole, Scope, User, Workspace
from debusine.errors import ConflictError, PermissionDeniedError
from debusine.server.actions.change_group import create_group, delete_group, rename_group
from debusine.server.actions.change_members import add_member, leave_scope, remove_member
from debusine.server.actions.change_token import create_token
from debusine.server.actions.create_scope import ensure_scope
from debusine.server.actions.create_user import create_user
from debusine.server.actions.create_workspace import ensure_workspace
from debusine.server.actions.grant_role import grant_role
from debusine.server.actor import SYSTEM, Actor
from debusine.server.groups import members_of, owners_of
from debusine.testing import factories
from debusine.util.clock import SystemClock

NOW = SystemClock().now()


@pytest.fixture
def debian(db: None) -> Scope:
    return ensure_scope(SYSTEM, name="debian", now=NOW)[0]


@pytest.fixture
def team(debian: Scope) -> Group:
    return create_group(SYSTEM, scope=debian, name="Team", now=NOW)


def member(debian: Scope, name: str) -> User:
    return join(factories.make_user(name), members_of(debian))


def test_owners_of_a_scope_lead_it(debian: Scope) -> None:
    owner = Actor(user=join(member(debian, "olga"), owners_of(debian)))
    place, is_new = ensure_workspace(owner, scope=debian, name="new", now=NOW)
    assert is_new
    group = create_group(owner, scope=debian, workspace=place, name="Inner", now=NOW)
    assert grant_role(owner, place=place, role="viewer", group=group)
    add_member(owner, group=group, user=factories.make_user(), now=NOW, to_scope=True)
    assert GroupAuditLog.objects.filter(actor=owner.user).count() == 3
    for refused in (ensure_scope, create_user):
        with pytest.raises(PermissionDeniedError):
            refused(owner, name="x", **({"now": NOW} if refused is ensure_scope else {"email": ""}))


def test_others_lead_nothing(debian: Scope, team: Group) -> None:
    place = factories.make_workspace("w", scope=debian, public=True)
    alice = Actor(user=join(member(debian, "alice"), team))
    bob = member(debian, "bob")
    for attempt in (
        lambda: ensure_workspace(alice, scope=debian, name="new", now=NOW),
        lambda: create_group(alice, scope=debian, name="new", now=NOW),
        lambda: create_group(alice, scope=debian, workspace=place, name="new", now=NOW),
        lambda: rename_group(alice, group=team, name="new", now=NOW),
        lambda: delete_group(alice, group=team),
        lambda: add_member(alice, group=team, user=bob, now=NOW),
        lambda: leave_scope(alice, scope=debian, user=bob, now=NOW),
        lambda: grant_role(alice, place=place, role="owner", group=team),
        lambda: grant_role(alice, place=debian, role="owner", group=team),
        lambda: create_token(alice, user=bob, now=NOW),
    ):
        with pytest.raises(PermissionDeniedError):
            attempt()
    assert not Group.objects.filter(name="new").exists()
    assert not Workspace.objects.filter(name="new").exists()


def test_admins_of_a_group_add_members_of_the_scope_only(debian: Scope, team: Group) -> None:
    admin = Actor(user=join(member(debian, "ada"), team, MemberRole.ADMIN))
    bob, stranger = member(debian, "bob"), factories.make_user()
    add_member(admin, group=team, user=bob, now=NOW)
    with pytest.raises(ConflictError):
        add_member(admin, group=team, user=bob, now=NOW)
    with pytest.raises(ConflictError):
        add_member(admin, group=team, user=stranger, now=NOW)
    with pytest.raises(PermissionDeniedError):
        add_member(admin, group=team, user=stranger, now=NOW, to_scope=True)
    with pytest.raises(ConflictError):
        add_member(admin, group=members_of(debian), user=stranger, now=NOW)
    with pytest.raises(ConflictError):
        remove_member(SYSTEM, group=members_of(debian), user=bob, now=NOW)
    remove_member(admin, group=team, user=bob, now=NOW)
    with pytest.raises(PermissionDeniedError):
        delete_group(admin, group=team)
    assert not stranger.memberships.exists()
