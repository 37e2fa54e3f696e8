# SPDX-License-Identifier: GPL-3.0-or-later
"""
Who may do what: one flat table.

Everything that decides derives from it: checks on a row, conditions in SQL, buttons of pages,
and the documentation. A running task acts with the roles of the person who asked for it,
within narrower bounds: it reads its inputs and what it made, and changes only what it made.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum, unique
from typing import Any

from debusine.domain.condition import (
    ALWAYS,
    NEVER,
    Among,
    Condition,
    all_of,
    among,
    any_of,
    negated,
)
from debusine.domain.role import NOTHING, Resource, Role, Standing, Tie, has_role, has_tie
from debusine.domain.workflow import INTERNAL

MAX_ID = 2**63 - 1
"""Larger numbers cannot be ids; databases refuse to compare with them."""


class Task(Enum):
    """What a running task may do, given the roles of who asked for it."""

    NO = "no"
    YES = "yes"
    HOME = "in its own workspace"
    READS = "its inputs, and what it made"
    MADE = "what it made"
    ITSELF = "its own"


class Only(Enum):
    """To which things a rule is limited."""

    ANY = ""
    NO_SYSTEM = "no system group"
    NO_INTERNAL = "no internal collection"


@dataclass(frozen=True, kw_only=True, slots=True)
class Rule:
    """
    One line of the table.

    :param on: kind of thing
    :param says: what is done, for messages: "USER cannot SAYS THING"
    :param needs: role on the thing or on what is around it, or a tie to it
    :param task: what a running task may
    :param anonymous: whether somebody without a token may, as far as roles go
    :param grant: what a token with explicit grants only has to have been granted; None
        if none suffices
    :param only: to which things it is limited
    """

    on: str
    says: str
    needs: Role | Tie
    task: Task = Task.NO
    anonymous: bool = False
    grant: Role | None = None
    only: Only = Only.ANY


def _rule(  # noqa: PLR0913  each line of the table names what differs from the common case
    on: str,
    says: str,
    needs: Role | Tie,
    task: Task = Task.NO,
    *,
    anonymous: bool = False,
    grant: Role | None = None,
    only: Only = Only.ANY,
) -> Rule:
    return Rule(
        on=on, says=says, needs=needs, task=task, anonymous=anonymous, grant=grant, only=only
    )


@unique
class Verb(Enum):
    """
    What can be done: the table, one line each. Verbs without a noun are for workspaces.

    Add a line, and it can be checked, selected by, shown and read about; the list of who may
    is kept in ``tests/unit/domain/test_permission.py``.
    """

    DISPLAY_SCOPE = _rule("scope", "display scope", Role.SCOPE_AWARE, Task.YES, anonymous=True)
    INSPECT_SCOPE = _rule("scope", "inspect scope", Role.SCOPE_OBSERVER)
    CREATE_WORKSPACES = _rule("scope", "create workspaces in", Role.SCOPE_OWNER)
    CREATE_SCOPE_GROUPS = _rule("scope", "create groups in scope", Role.SCOPE_OWNER)
    ASSIGN_SCOPE_ROLES = _rule("scope", "assign roles in scope", Role.SCOPE_OWNER)
    MANAGE_MEMBERS = _rule("scope", "manage members of", Role.SCOPE_OWNER)

    DISPLAY = _rule("workspace", "display", Role.WORKSPACE_VIEWER, Task.YES, anonymous=True)
    CONFIGURE = _rule("workspace", "configure", Role.WORKSPACE_OWNER)
    CREATE_COLLECTIONS = _rule("workspace", "create collections in", Role.WORKSPACE_OWNER)
    CREATE_GROUPS = _rule("workspace", "create groups in", Role.WORKSPACE_OWNER)
    EDIT_TASK_CONFIGURATION = _rule("workspace", "edit task configuration in", Role.WORKSPACE_OWNER)
    ASSIGN_ROLES = _rule("workspace", "assign roles in", Role.WORKSPACE_OWNER)
    CREATE_ARTIFACTS = _rule(
        "workspace", "create artifacts in", Role.WORKSPACE_CONTRIBUTOR, Task.HOME
    )
    CREATE_WORK_REQUESTS = _rule("workspace", "create work requests in", Role.WORKSPACE_CONTRIBUTOR)
    CREATE_CHILD_WORKSPACE = _rule(
        "workspace", "create child workspaces of", Role.WORKSPACE_CONTRIBUTOR, Task.HOME
    )
    DELETE_RELATIONS = _rule("workspace", "delete relations in", Role.WORKSPACE_OWNER)

    DISPLAY_GROUP = _rule("group", "display group", Role.GROUP_VIEWER)
    DISPLAY_AUDIT_LOG = _rule("group", "display the audit log of", Role.GROUP_VIEWER)
    MANAGE_GROUP = _rule("group", "manage group", Role.GROUP_ADMIN, only=Only.NO_SYSTEM)
    GRANT_GROUP = _rule("group", "grant group", Role.GROUP_MEMBER)
    DELETE_GROUP = _rule("group", "delete group", Role.GROUP_OWNER, only=Only.NO_SYSTEM)

    DISPLAY_USER = _rule("user", "display user", Tie.LOGGED_IN, Task.YES)
    MANAGE_USER = _rule("user", "manage user", Tie.IS_THE_USER)

    DISPLAY_ARTIFACT = _rule(
        "artifact", "display artifact", Role.WORKSPACE_VIEWER, Task.READS, anonymous=True
    )
    CHANGE_ARTIFACT = _rule("artifact", "change artifact", Role.WORKSPACE_CONTRIBUTOR, Task.MADE)

    DISPLAY_COLLECTION = _rule(
        "collection",
        "display collection",
        Role.COLLECTION_VIEWER,
        Task.YES,
        anonymous=True,
        grant=Role.COLLECTION_VIEWER,
    )
    CONFIGURE_COLLECTION = _rule("collection", "configure collection", Role.COLLECTION_OWNER)
    EDIT_CONTENTS = _rule(
        "collection",
        "edit the contents of",
        Role.COLLECTION_OWNER,
        Task.YES,
        grant=Role.COLLECTION_OWNER,
    )
    DELETE_COLLECTION = _rule(
        "collection", "delete collection", Role.COLLECTION_OWNER, only=Only.NO_INTERNAL
    )
    ASSIGN_COLLECTION_ROLES = _rule(
        "collection", "assign roles on", Role.COLLECTION_OWNER, only=Only.NO_INTERNAL
    )

    DISPLAY_WORK_REQUEST = _rule(
        "work request", "display", Role.WORK_REQUEST_VIEWER, Task.ITSELF, anonymous=True
    )
    RETRY = _rule("work request", "retry", Role.WORK_REQUEST_CONTRIBUTOR)
    ABORT = _rule("work request", "abort", Role.WORK_REQUEST_CREATOR)
    CONFIRM = _rule("work request", "confirm", Role.WORK_REQUEST_CREATOR)
    UNBLOCK = _rule("work request", "unblock", Role.WORK_REQUEST_OWNER)

    @property
    def rule(self) -> Rule:
        """The line."""
        return self.value


class CallerKind(Enum):
    """What shows the token; the server itself shows none."""

    SYSTEM = "the server"
    ANONYMOUS = "anonymous"
    USER = "user"
    WORKER = "worker"
    TASK = "task"
    GRANTED = "token with explicit grants only"


@dataclass(frozen=True, kw_only=True, slots=True)
class Caller:
    """
    Who asks.

    :param user: id of a person; of a task, of the one who asked for it
    :param is_administrator: whether that person leads this server
    :param standing: what that person, or the token, was given
    :param work_request: what a task runs for
    :param home: the workspace of that
    :param inputs: ids of the artifacts a task may read
    """

    kind: CallerKind
    user: int | None = None
    is_administrator: bool = False
    standing: Standing = NOTHING
    work_request: int | None = None
    home: int | None = None
    inputs: frozenset[int] = frozenset()


def allowed(caller: Caller, verb: Verb) -> Condition:
    """
    Say with which things somebody may do something.

    >>> allowed(Caller(kind=CallerKind.ANONYMOUS), Verb.CONFIGURE) == NEVER
    True
    >>> root = Caller(kind=CallerKind.USER, user=1, is_administrator=True)
    >>> allowed(root, Verb.CONFIGURE) == ALWAYS
    True
    """
    rule = verb.rule
    match caller.kind:
        case CallerKind.SYSTEM:
            return ALWAYS
        case CallerKind.WORKER:
            return NEVER
        case CallerKind.GRANTED:
            return _by_grant(rule, caller)
        case CallerKind.ANONYMOUS if not rule.anonymous:
            return NEVER
        case CallerKind.TASK:
            return all_of(_bounds(rule.task, caller), _by_role(rule, caller))
        case _:
            return _by_role(rule, caller)


def _by_role(rule: Rule, caller: Caller) -> Condition:
    needs = rule.needs
    if isinstance(needs, Tie):
        has = has_tie(needs, None, user=caller.user, standing=caller.standing)
    else:
        has = has_role(
            needs,
            user=caller.user,
            standing=caller.standing,
            is_administrator=caller.is_administrator,
        )
    return all_of(has, _limits(rule.only))


def _by_grant(rule: Rule, caller: Caller) -> Condition:
    """What owners may, viewers may not; a grant as owner is one as viewer, too."""
    if rule.grant is None:
        return NEVER
    roles = {rule.grant, Role.COLLECTION_OWNER}
    given = (among(Resource.COLLECTION, *caller.standing.given.get(role, ())) for role in roles)
    return all_of(any_of(*given), _limits(rule.only))


def _limits(only: Only) -> Condition:
    match only:
        case Only.ANY:
            return ALWAYS
        case Only.NO_SYSTEM:
            return negated(Among("group_system", frozenset({True})))
        case Only.NO_INTERNAL:
            return negated(among("category", INTERNAL))


def _bounds(task: Task, caller: Caller) -> Condition:
    made = among("made_by", caller.work_request)
    match task:
        case Task.NO:
            return NEVER
        case Task.YES:
            return ALWAYS
        case Task.HOME:
            return among(Resource.WORKSPACE, caller.home)
        case Task.READS:
            return any_of(among("artifact", *caller.inputs), made)
        case Task.MADE:
            return made
        case Task.ITSELF:
            return among(Resource.WORK_REQUEST, caller.work_request)


def input_artifact_ids(dynamic_data: Mapping[str, Any] | None) -> frozenset[int]:
    """
    Which artifacts a task takes, read off its resolved data.

    Every kind of task names them ``..._id`` or ``..._ids``, the latter in lists
    of any depth; fields that were looked up stand in ``task_input_fields``.

    >>> sorted(input_artifact_ids({"environment_id": 3, "input_ids": [[1], [2]]}))
    [1, 2, 3]
    """
    found: set[int] = set()
    for key, value in (dynamic_data or {}).items():
        if key.endswith(("_id", "_ids")):
            found.update(_numbers(value))
    fields = (dynamic_data or {}).get("task_input_fields")
    if isinstance(fields, dict):
        for value in fields.values():
            found.update(_artifact_ids(value))
    return frozenset(found)


def _numbers(value: Any) -> Iterator[int]:
    if isinstance(value, int) and not isinstance(value, bool):
        yield value
    elif isinstance(value, list):
        for part in value:
            yield from _numbers(part)


def _artifact_ids(value: Any) -> Iterator[int]:
    """Ids in the value of one input field: an artifact, several, or lists of those."""
    if isinstance(value, list):
        for part in value:
            yield from _artifact_ids(part)
    elif isinstance(value, dict):
        yield from _numbers(value.get("artifact_id"))
        yield from _artifact_ids(value.get("artifacts"))
