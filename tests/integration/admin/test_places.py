# SPDX-License-Identifier: GPL-3.0-or-later
"""Scopes, workspaces, groups, users and tokens, by the commands of the server's administrator."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import yaml
from click.testing import CliRunner
from tests.integration.conftest import ApiClient

from debusine.admin import commands
from debusine.db.models import (
    Collection,
    Group,
    GroupAuditLog,
    Scope,
    Token,
    User,
    Workspace,
    WorkspaceRole,
)
from debusine.errors import DebusineError
from debusine.testing import factories
from debusine.util.command_folder import command_folder

Call = Callable[..., str]
cli = command_folder(commands)(name="debusine-admin")


@pytest.fixture
def call(db: None) -> Call:
    def call(*words: str, answer: str = "", status: int = 0) -> str:
        done = CliRunner().invoke(cli, words, input=answer)
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            if not status or not isinstance(done.exception, DebusineError):
                raise done.exception
            return done.exception.explain()
        assert bool(done.exit_code) == bool(status), done.output
        return done.output

    return call


@pytest.fixture
def debian(call: Call) -> Scope:
    call("scope", "create", "debian", "--label", "Debian")
    call("workspace", "create", "debian/developers", "Owners")
    for name in ("alice", "bob"):
        factories.make_user(name)
    return Scope.objects.get(name="debian")


def records(text: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = yaml.safe_load(text)
    return found


def members(call: Call, group: str) -> dict[str, str]:
    found = records(call("group", "members", group, "--yaml"))
    return {one["username"]: one["role"] for one in found}


def test_a_scope_has_members_and_owners(call: Call, debian: Scope) -> None:
    groups = records(call("group", "list", "debian", "--yaml"))
    assert groups == [
        {"name": "debian/Members", "ephemeral": False, "system": True},
        {"name": "debian/Owners", "ephemeral": False, "system": False},
    ]
    [role] = records(call("scope", "list_roles", "debian", "--yaml"))
    assert role == {"role": "owner", "group": "debian/Owners"}
    call("scope", "create", "debian", "--private")
    [shown] = records(call("scope", "show", "debian", "--yaml"))
    assert shown == {"name": "debian", "label": "Debian", "icon": "", "public": False}
    call("scope", "rename", "debian", "ubuntu")
    assert [one["name"] for one in records(call("scope", "list", "--yaml"))] == ["ubuntu"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("scope create api", "'api' is no name for a scope"),
        ("scope create 1st", "'1st' is no name for a scope"),
        ("scope create other --label Debian", "Another scope has the label"),
        ("scope rename debian workspace", "'workspace' is no name"),
        ("scope show none", "there is no scope none"),
        ("scope grant_role debian viewer debian/Owners", "no role on a scope"),
        ("workspace create debian/workspaces", "'workspaces' is no name for a workspace"),
        ("workspace create debian/a/b", "is no workspace"),
        ("workspace create debian/new Nobody", "there is no group debian/Nobody"),
        ("workspace grant_role debian/developers boss Owners", "no role on a workspace"),
        ("workspace list_roles debian/none", "there is no workspace debian/none"),
        ("group create debian/Owners", "There is a group Owners already"),
        ("group create debian/a..b/c", "there is no workspace debian/a..b"),
        ("group create debian/_x", "is no name for a group"),
        ("group create debian", "is no group"),
        ("group delete debian/Members", "is the list of members of its scope"),
        ("group rename debian/Members Other", "is the list of members of its scope"),
        ("group members debian/Owners --remove alice", "alice is not in debian/Owners"),
        ("group members debian/Members --remove alice", "alice is no member of debian"),
        ("group members debian/Owners --add nobody", "there is no user nobody"),
        ("user create 42 a@example.org", "is no user name"),
        ("user create carol nonsense", "is no e-mail address"),
        ("user create alice a@example.org", "There is a user with the name alice"),
        ("create_token alice --expire-at yesterday", "is no time such as"),
        ("create_token alice --expire-at 2001-01-01", "is over already"),
        ("delete_tokens --username alice", "there is no such token"),
    ],
)
def test_what_is_wrong_is_said(call: Call, debian: Scope, words: str, said: str) -> None:
    before = [model.objects.count() for model in (Scope, Workspace, Group, User, Token)]
    assert said in call(*words.split(), status=3)
    assert before == [model.objects.count() for model in (Scope, Workspace, Group, User, Token)]


def test_a_workspace_is_made_changed_and_renamed(call: Call, debian: Scope) -> None:
    place = Workspace.objects.get(name="developers")
    assert (place.public, place.default_expiration_delay) == (False, timedelta(days=30))
    assert Collection.objects.filter(workspace=place, name="_").count() == 3
    assert records(call("workspace", "list_roles", "debian/developers", "--yaml")) == [
        {"role": "owner", "group": "debian/Owners"}
    ]
    call(
        *[
            "workspace",
            "define",
            "debian/developers",
            "--public",
            "--default-expiration-delay",
            "0",
        ],
        "--no-singleton-collections",
    )
    place.refresh_from_db()
    assert (place.public, place.default_expiration_delay) == (True, timedelta(0))
    call("workspace", "create", "debian/bare", "--no-singleton-collections")
    assert not Collection.objects.filter(workspace__name="bare").exists()
    call("workspace", "rename", "debian/bare", "empty")
    names = [one["name"] for one in records(call("workspace", "list", "debian", "--yaml"))]
    assert names == ["debian/developers", "debian/empty"]


def test_a_role_goes_in_one_workspace_only(call: Call, debian: Scope) -> None:
    call("workspace", "create", "debian/other")
    call("group", "create", "debian/Team")
    for place in ("debian/developers", "debian/other"):
        call("workspace", "grant_role", place, "viewer", "Team")
        call("workspace", "grant_role", place, "viewer", "debian/Team")
    assert WorkspaceRole.objects.filter(role="viewer").count() == 2
    call("workspace", "revoke_role", "debian/other", "viewer", "Team")
    assert WorkspaceRole.objects.get(role="viewer").resource.name == "developers"


def test_groups_of_other_scopes_get_no_role(call: Call, debian: Scope) -> None:
    call("scope", "create", "other")
    said = call("workspace", "grant_role", "debian/developers", "viewer", "other/Owners", status=3)
    assert "is a group of another scope" in said


def test_who_joins_a_group_joins_the_scope_and_who_leaves_it_leaves_all(
    call: Call, debian: Scope
) -> None:
    call("group", "create", "debian/Team")
    call("group", "create", "debian/developers/Inner")
    call("group", "members", "debian/Team", "--add", "alice", "--add", "bob")
    call("group", "members", "debian/developers/Inner", "--add", "alice", "--role", "admin")
    assert members(call, "debian/Members") == {"alice": "member", "bob": "member"}
    call("group", "members", "debian/Team", "--add", "alice", "--role", "admin")
    assert members(call, "debian/Team") == {"alice": "admin", "bob": "member"}
    call("group", "members", "debian/Team", "--set", "bob")
    assert members(call, "debian/Team") == {"bob": "member"}
    call("group", "members", "debian/Members", "--remove", "alice")
    assert members(call, "debian/developers/Inner") == {}
    assert members(call, "debian/Members") == {"bob": "member"}


def test_every_change_of_a_group_is_in_its_audit_log(call: Call, debian: Scope) -> None:
    alice = User.objects.get(username="alice").pk
    call("group", "create", "debian/Team")
    group = Group.objects.get(name="Team")
    call("group", "rename", "debian/Team", "Crew")
    call("group", "members", "debian/Crew", "--add", "alice")
    call("group", "members", "debian/Crew", "--add", "alice", "--role", "admin")
    call("group", "members", "debian/Crew", "--remove", "alice")
    lines = GroupAuditLog.objects.filter(group=group).order_by("pk")
    assert [line.changes for line in lines] == [
        {
            "type": "create",
            "actor": None,
            "name": "Team",
            "scope": debian.pk,
            "workspace": None,
            "ephemeral": False,
        },
        {"type": "update", "actor": None, "name": ["Team", "Crew"]},
        {"type": "add_user", "actor": None, "user": alice, "role": "member"},
        {"type": "set_role", "actor": None, "user": alice, "role": "admin"},
        {"type": "del_user", "actor": None, "user": alice},
    ]
    call("group", "delete", "debian/Crew")
    assert not Group.objects.filter(pk=group.pk).exists()


def test_an_account_begins_without_anything(call: Call, debian: Scope) -> None:
    password = call("user", "create", "carol", "carol@example.org").strip()
    carol = User.objects.get(username="carol")
    assert carol.check_password(password)
    assert not carol.memberships.exists()
    assert "has the address" in call("user", "change-email", "alice", carol.email, status=3)
    call("user", "change-email", "carol", "c@example.org")
    shown = {one["username"]: one["email"] for one in records(call("user", "list", "--yaml"))}
    assert shown == {"alice": "", "bob": "", "carol": "c@example.org"}
    assert "carol     c@example.org" in call("user", "list")


def test_a_token_acts_as_its_user_until_it_is_deleted(call: Call, debian: Scope) -> None:
    factories.make_scope()
    key = call("create_token", "alice", "--comment", "laptop").strip()
    assert re.fullmatch("[0-9a-f]{64}", key)
    assert ApiClient(key).get("/whoami/").json()["user"] == "alice"
    [shown] = records(call("list_tokens", "--token", key, "--yaml"))
    assert (shown["user"], shown["comment"], shown["enabled"]) == ("alice", "laptop", True)
    assert key not in call("list_tokens")
    call("create_token", "bob", "--expire-at", "2999-01-01")
    assert "2999-01-01T00:00:00+00:00" in call("list_tokens", "--username", "bob")
    call("delete_tokens", "--username", "alice", answer="n\n", status=1)
    assert ApiClient(key).get("/whoami/").json()["auth"]
    call("delete_tokens", "--username", "alice", "--yes")
    assert not ApiClient(key).get("/whoami/").json()["auth"]
    assert Token.objects.get().user == User.objects.get(username="bob")
    call("delete_tokens", "--username", "alice", "--force", "--yes")


def test_keys_of_workers_are_not_touched(call: Call, debian: Scope) -> None:
    key = factories.make_worker().key
    assert "there is no such token" in call("delete_tokens", "--token", key, "--yes", status=3)
