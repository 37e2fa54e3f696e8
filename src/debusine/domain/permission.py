# SPDX-License-Identifier: GPL-3.0-or-later
"""
Who may do what: pure functions of the caller, the workspace and the thing.

A running task acts with the role of the person who asked for it, and within
narrower bounds: it reads its inputs and what it made, and changes only what it
made.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum, IntEnum
from typing import Any

MAX_ID = 2**63 - 1
"""Larger numbers cannot be ids; databases refuse to compare with them."""


class Role(IntEnum):
    """What somebody is in a workspace; each includes those before it."""

    NONE = 0
    VIEWER = 1
    CONTRIBUTOR = 2
    OWNER = 3


class CallerKind(Enum):
    """What shows the token."""

    ANONYMOUS = "anonymous"
    USER = "user"
    WORKER = "worker"
    TASK = "task"


@dataclass(frozen=True, kw_only=True, slots=True)
class Caller:
    """
    Who asks, in relation to one workspace.

    :param role: in that workspace; of a task, the role of who asked for it
    :param work_request: what a task runs for
    :param is_home: whether that work request belongs to the workspace
    :param inputs: ids of the artifacts a task may read
    """

    kind: CallerKind
    role: Role = Role.NONE
    work_request: int | None = None
    is_home: bool = False
    inputs: frozenset[int] = frozenset()


class Verb(Enum):
    """What can be done in a workspace; the value is how messages name it."""

    DISPLAY = "display"
    CREATE_ARTIFACTS = "create artifacts in"
    CREATE_WORK_REQUESTS = "create work requests in"
    EDIT_COLLECTIONS = "edit collections in"
    DELETE_RELATIONS = "delete relations in"
    CONFIGURE = "configure"


_NEEDED = {
    Verb.DISPLAY: Role.VIEWER,
    Verb.CREATE_ARTIFACTS: Role.CONTRIBUTOR,
    Verb.CREATE_WORK_REQUESTS: Role.CONTRIBUTOR,
    Verb.EDIT_COLLECTIONS: Role.OWNER,
    Verb.DELETE_RELATIONS: Role.OWNER,
    Verb.CONFIGURE: Role.OWNER,
}


def can(caller: Caller, verb: Verb, *, is_public: bool) -> bool:
    """
    Whether something may be done in a workspace.

    :param is_public: whether everybody may see the workspace

    >>> can(Caller(kind=CallerKind.ANONYMOUS), Verb.DISPLAY, is_public=True)
    True
    """
    if verb is Verb.DISPLAY and is_public:
        return True
    if caller.role < _NEEDED[verb]:
        return False
    match caller.kind:
        case CallerKind.USER:
            return True
        case CallerKind.TASK:
            return verb is Verb.DISPLAY or (verb is Verb.CREATE_ARTIFACTS and caller.is_home)
        case CallerKind.ANONYMOUS | CallerKind.WORKER:
            return False


def can_display_artifact(
    caller: Caller, *, is_public: bool, artifact: int, made_by: int | None
) -> bool:
    """
    Whether an artifact may be seen and downloaded.

    :param artifact: its id
    :param made_by: the work request it was made by
    """
    if not can(caller, Verb.DISPLAY, is_public=is_public):
        return False
    if caller.kind is not CallerKind.TASK:
        return True
    return artifact in caller.inputs or _is_own(caller, made_by)


def can_change_artifact(caller: Caller, *, is_public: bool, made_by: int | None) -> bool:
    """Whether declared files may be uploaded and relations may be added."""
    if not can(caller, Verb.CREATE_ARTIFACTS, is_public=is_public):
        return False
    return caller.kind is not CallerKind.TASK or _is_own(caller, made_by)


def _is_own(caller: Caller, made_by: int | None) -> bool:
    return made_by is not None and made_by == caller.work_request


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
