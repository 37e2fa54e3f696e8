# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole table, written down a second time: who may do what."""

from __future__ import annotations

import pytest

from debusine.domain.condition import holds
from debusine.domain.permission import (
    INTERNAL,
    Caller,
    CallerKind,
    Verb,
    allowed,
    input_artifact_ids,
)
from debusine.domain.role import GIVEN_BY, GRANTABLE, Resource, Role, Standing, Tie

HERE, THERE = 1, 2
ME, OTHER = 10, 11
IT = frozenset({HERE})
# everything is private, made by somebody else, and in scope and workspace 1
THING: dict[str, object] = {
    "scope": HERE,
    "scope_public": False,
    "workspace": HERE,
    "workspace_public": False,
    "group": HERE,
    "group_system": False,
    "user": OTHER,
    "artifact": HERE,
    "made_by": None,
    "collection": HERE,
    "category": "debian:suite",
    "work_request": HERE,
    "created_by": OTHER,
}


def person(*roles: Role, scopes: frozenset[int] = IT, user: int = ME) -> Caller:
    standing = Standing(given=dict.fromkeys(roles, IT), scopes=scopes)
    return Caller(kind=CallerKind.USER, user=user, standing=standing)


def task(*roles: Role, work_request: int = THERE, home: int = HERE) -> Caller:
    """A task of somebody with roles; unless said otherwise it looks at another request."""
    return Caller(
        kind=CallerKind.TASK,
        user=ME,
        standing=person(*roles).standing,
        work_request=work_request,
        home=home,
    )


def group_member(*, admin: bool) -> Caller:
    standing = Standing(scopes=IT, member=IT, admin=IT if admin else frozenset())
    return Caller(kind=CallerKind.USER, user=ME, standing=standing)


def granted(role: Role) -> Caller:
    return Caller(kind=CallerKind.GRANTED, standing=Standing(given={role: IT}))


CALLERS = {
    "anonymous": Caller(kind=CallerKind.ANONYMOUS),
    "worker": Caller(kind=CallerKind.WORKER),
    "server": Caller(kind=CallerKind.SYSTEM),
    "stranger": person(scopes=frozenset()),
    "member-of-scope": person(),
    "observer": person(Role.SCOPE_OBSERVER),
    "viewer": person(Role.WORKSPACE_VIEWER),
    "contributor": person(Role.WORKSPACE_CONTRIBUTOR),
    "owner": person(Role.WORKSPACE_OWNER),
    "scope-owner": person(Role.SCOPE_OWNER),
    "collection-viewer": person(Role.WORKSPACE_VIEWER, Role.COLLECTION_VIEWER),
    "collection-owner": person(Role.WORKSPACE_VIEWER, Role.COLLECTION_OWNER),
    "collection-owner-who-sees-no-workspace": person(Role.COLLECTION_OWNER),
    "owner-who-sees-no-scope": person(Role.WORKSPACE_OWNER, scopes=frozenset()),
    "itself": person(Role.WORKSPACE_VIEWER, user=OTHER),
    "group-member": group_member(admin=False),
    "group-admin": group_member(admin=True),
    "administrator": Caller(kind=CallerKind.USER, user=ME, is_administrator=True),
    "task-of-viewer": task(Role.WORKSPACE_VIEWER),
    "task-of-owner": task(Role.WORKSPACE_OWNER),
    "task-of-stranger": task(),
    "task-elsewhere": task(Role.WORKSPACE_OWNER, home=THERE),
    "task-that-it-is": task(Role.WORKSPACE_VIEWER, work_request=HERE),
    "granted-viewer": granted(Role.COLLECTION_VIEWER),
    "granted-owner": granted(Role.COLLECTION_OWNER),
}

ALL = {"server", "administrator"}
SCOPE_OWNERS = ALL | {"scope-owner"}
OWNERS = SCOPE_OWNERS | {"owner"}
CONTRIBUTORS = OWNERS | {"contributor"}
SEE_WORKSPACE = CONTRIBUTORS | {
    "observer",
    "viewer",
    "collection-viewer",
    "collection-owner",
    "itself",
}
TASKS = {"task-of-viewer", "task-of-owner", "task-elsewhere", "task-that-it-is"}
IN_SCOPE = SEE_WORKSPACE | {
    "member-of-scope",
    "collection-owner-who-sees-no-workspace",
    "group-member",
    "group-admin",
}
PEOPLE = IN_SCOPE | {"stranger", "owner-who-sees-no-scope"}

ALLOWED: dict[Verb, set[str]] = {
    Verb.DISPLAY_SCOPE: IN_SCOPE | TASKS | {"task-of-stranger"},
    Verb.INSPECT_SCOPE: SCOPE_OWNERS | {"observer"},
    Verb.CREATE_WORKSPACES: SCOPE_OWNERS,
    Verb.CREATE_SCOPE_GROUPS: SCOPE_OWNERS,
    Verb.ASSIGN_SCOPE_ROLES: SCOPE_OWNERS,
    Verb.MANAGE_MEMBERS: SCOPE_OWNERS,
    Verb.DISPLAY: SEE_WORKSPACE | TASKS,
    Verb.CONFIGURE: OWNERS,
    Verb.CREATE_COLLECTIONS: OWNERS,
    Verb.CREATE_GROUPS: OWNERS,
    Verb.EDIT_TASK_CONFIGURATION: OWNERS,
    Verb.ASSIGN_ROLES: OWNERS,
    Verb.CREATE_ARTIFACTS: CONTRIBUTORS | {"task-of-owner"},
    Verb.CREATE_WORK_REQUESTS: CONTRIBUTORS,
    Verb.CREATE_CHILD_WORKSPACE: CONTRIBUTORS | {"task-of-owner"},
    Verb.DELETE_RELATIONS: OWNERS,
    Verb.DISPLAY_GROUP: SEE_WORKSPACE,
    Verb.DISPLAY_AUDIT_LOG: SEE_WORKSPACE,
    Verb.MANAGE_GROUP: OWNERS,
    Verb.GRANT_GROUP: OWNERS,
    Verb.DELETE_GROUP: OWNERS,
    Verb.DISPLAY_USER: PEOPLE | TASKS | {"task-of-stranger"},
    Verb.MANAGE_USER: {"server", "itself"},
    Verb.DISPLAY_ARTIFACT: SEE_WORKSPACE,
    Verb.CHANGE_ARTIFACT: CONTRIBUTORS,
    Verb.DISPLAY_COLLECTION: SEE_WORKSPACE | TASKS | {"granted-viewer", "granted-owner"},
    Verb.CONFIGURE_COLLECTION: OWNERS | {"collection-owner"},
    Verb.EDIT_CONTENTS: OWNERS
    | {"collection-owner", "task-of-owner", "task-elsewhere", "granted-owner"},
    Verb.DELETE_COLLECTION: OWNERS | {"collection-owner"},
    Verb.ASSIGN_COLLECTION_ROLES: OWNERS | {"collection-owner"},
    Verb.DISPLAY_WORK_REQUEST: SEE_WORKSPACE | {"task-that-it-is"},
    Verb.RETRY: CONTRIBUTORS,
    Verb.ABORT: OWNERS | {"itself"},
    Verb.CONFIRM: OWNERS | {"itself"},
    Verb.UNBLOCK: OWNERS,
}
PUBLIC = {"scope_public": True, "workspace_public": True}
SHOWN_TO_ALL = {
    Verb.DISPLAY_SCOPE,
    Verb.DISPLAY,
    Verb.DISPLAY_ARTIFACT,
    Verb.DISPLAY_COLLECTION,
    Verb.DISPLAY_WORK_REQUEST,
}


def may(name: str, verb: Verb, **facts: object) -> bool:
    return holds(allowed(CALLERS[name], verb), (THING | facts).__getitem__)


def who(verb: Verb, **facts: object) -> set[str]:
    return {name for name in CALLERS if may(name, verb, **facts)}


@pytest.mark.parametrize("verb", Verb)
def test_who_may(verb: Verb) -> None:
    assert who(verb) == ALLOWED[verb]


@pytest.mark.parametrize("verb", Verb)
def test_who_may_where_all_is_public(verb: Verb) -> None:
    expected = set(ALLOWED[verb])
    # a collection inside of what everybody sees can be reached, a workspace in such a scope too
    if ALLOWED[verb] >= OWNERS and "owner" in ALLOWED[verb]:
        expected.add("owner-who-sees-no-scope")
    if "collection-owner" in expected and verb not in {Verb.DISPLAY, Verb.DISPLAY_SCOPE}:
        expected.add("collection-owner-who-sees-no-workspace")
    if verb in SHOWN_TO_ALL:
        expected |= PEOPLE | {"anonymous"}
    if verb in {Verb.DISPLAY_SCOPE, Verb.DISPLAY, Verb.DISPLAY_COLLECTION}:
        expected |= TASKS | {"task-of-stranger"}
    if verb in {Verb.DISPLAY_GROUP, Verb.DISPLAY_AUDIT_LOG}:
        expected |= PEOPLE
    if verb in {Verb.MANAGE_GROUP, Verb.GRANT_GROUP}:
        expected |= {"group-admin"}
    if verb is Verb.GRANT_GROUP:
        expected |= {"group-member"}
    assert who(verb, **PUBLIC) == expected


def test_public_workspaces_of_private_scopes_are_private() -> None:
    for verb in SHOWN_TO_ALL - {Verb.DISPLAY_SCOPE}:
        seen = who(verb, workspace_public=True)
        assert not seen & {"anonymous", "stranger", "owner-who-sees-no-scope"}
    assert who(Verb.DISPLAY, workspace_public=True) >= {"member-of-scope"}


def test_groups_without_a_workspace_are_seen_in_their_scope() -> None:
    assert who(Verb.DISPLAY_GROUP, workspace=None) == IN_SCOPE
    assert who(Verb.MANAGE_GROUP, workspace=None) == SCOPE_OWNERS | {"group-admin"}
    assert who(Verb.GRANT_GROUP, workspace=None) == SCOPE_OWNERS | {"group-admin", "group-member"}
    assert who(Verb.DELETE_GROUP, workspace=None) == SCOPE_OWNERS


def test_members_lists_and_internal_collections_are_left_alone() -> None:
    for verb in (Verb.MANAGE_GROUP, Verb.DELETE_GROUP):
        assert who(verb, group_system=True) == {"server"}
    for verb in (Verb.DELETE_COLLECTION, Verb.ASSIGN_COLLECTION_ROLES):
        assert who(verb, category=INTERNAL) == {"server"}


@pytest.mark.parametrize(
    ("made_by", "inputs", "reads", "changes"),
    [
        (None, set(), False, False),
        (None, {HERE}, True, False),
        (THERE, set(), True, True),
        (HERE, set(), False, False),
    ],
)
def test_a_task_reads_its_inputs_and_changes_what_it_made(
    *, made_by: int | None, inputs: set[int], reads: bool, changes: bool
) -> None:
    caller = Caller(
        kind=CallerKind.TASK,
        user=ME,
        standing=person(Role.WORKSPACE_CONTRIBUTOR).standing,
        work_request=THERE,
        home=HERE,
        inputs=frozenset(inputs),
    )
    fact = (THING | {"made_by": made_by}).__getitem__
    assert holds(allowed(caller, Verb.DISPLAY_ARTIFACT), fact) is reads
    assert holds(allowed(caller, Verb.CHANGE_ARTIFACT), fact) is changes


def test_every_role_is_given_by_something_and_used() -> None:
    assert set(GIVEN_BY) == set(Role)
    used = {verb.rule.needs for verb in Verb} | {
        source for sources in GIVEN_BY.values() for source in sources
    }
    assert set(Role) <= used
    assert set(Tie) <= used
    assert {role.resource for role in GRANTABLE} == {
        Resource.SCOPE,
        Resource.WORKSPACE,
        Resource.COLLECTION,
    }


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (None, set()),
        ({}, set()),
        ({"environment_id": 3, "subject": "hello", "other": 9}, {3}),
        ({"environment_id": None, "is_id": True}, set()),
        ({"input_binary_artifacts_ids": [[1, 2], [3]]}, {1, 2, 3}),
        ({"task_input_fields": None}, set()),
        (
            {
                "task_input_fields": {
                    "architecture": "amd64",
                    "one": {"artifact_id": 4, "label": "x", "lookup": 4},
                    "many": {"label": "y", "lookup": [5], "artifacts": [{"artifact_id": 5}]},
                    "lists": [{"artifacts": [{"artifact_id": 6}, {"artifact_id": None}]}],
                    "absent": None,
                    "suite": [{"collection_id": 8}, None],
                }
            },
            {4, 5, 6},
        ),
    ],
)
def test_inputs_of_a_task(data: dict[str, object] | None, expected: set[int]) -> None:
    assert input_artifact_ids(data) == expected
