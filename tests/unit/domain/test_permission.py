# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest

from debusine.domain.permission import (
    Caller,
    CallerKind,
    Role,
    Verb,
    can,
    can_change_artifact,
    can_display_artifact,
    input_artifact_ids,
)


def task(role: Role, *, is_home: bool) -> Caller:
    return Caller(
        kind=CallerKind.TASK,
        role=role,
        work_request=7,
        is_home=is_home,
        inputs=frozenset({1, 2}),
    )


CALLERS = {
    "anonymous": Caller(kind=CallerKind.ANONYMOUS),
    "worker": Caller(kind=CallerKind.WORKER),
    "outsider": Caller(kind=CallerKind.USER),
    "viewer": Caller(kind=CallerKind.USER, role=Role.VIEWER),
    "contributor": Caller(kind=CallerKind.USER, role=Role.CONTRIBUTOR),
    "owner": Caller(kind=CallerKind.USER, role=Role.OWNER),
    "task-of-outsider": task(Role.NONE, is_home=True),
    "task-of-viewer": task(Role.VIEWER, is_home=True),
    "task-of-owner": task(Role.OWNER, is_home=True),
    "task-elsewhere": task(Role.OWNER, is_home=False),
}
SEES_PRIVATE = {"viewer", "contributor", "owner", "task-of-viewer", "task-of-owner"} | {
    "task-elsewhere"
}
ALLOWED = {
    Verb.DISPLAY: SEES_PRIVATE,
    Verb.CREATE_ARTIFACTS: {"contributor", "owner", "task-of-owner"},
    Verb.CREATE_WORK_REQUESTS: {"contributor", "owner"},
    Verb.EDIT_COLLECTIONS: {"owner"},
    Verb.DELETE_RELATIONS: {"owner"},
    Verb.CONFIGURE: {"owner"},
}


@pytest.mark.parametrize("verb", Verb)
@pytest.mark.parametrize("name", CALLERS)
def test_role_and_verb(verb: Verb, name: str) -> None:
    assert can(CALLERS[name], verb, is_public=False) is (name in ALLOWED[verb])
    in_public = name in ALLOWED[verb] or verb is Verb.DISPLAY
    assert can(CALLERS[name], verb, is_public=True) is in_public


@pytest.mark.parametrize("name", CALLERS)
@pytest.mark.parametrize(
    ("artifact", "made_by", "for_task"),
    [(1, None, True), (3, None, False), (3, 7, True), (3, 8, False)],
)
@pytest.mark.parametrize("is_public", [False, True])
def test_who_sees_an_artifact(
    *, name: str, artifact: int, made_by: int | None, for_task: bool, is_public: bool
) -> None:
    sees_workspace = is_public or name in SEES_PRIVATE
    expected = sees_workspace and (for_task or not name.startswith("task"))
    shown = can_display_artifact(
        CALLERS[name], is_public=is_public, artifact=artifact, made_by=made_by
    )
    assert shown is expected


@pytest.mark.parametrize("name", CALLERS)
@pytest.mark.parametrize(("made_by", "for_task"), [(None, False), (7, True), (8, False)])
def test_who_changes_an_artifact(*, name: str, made_by: int | None, for_task: bool) -> None:
    expected = name in ALLOWED[Verb.CREATE_ARTIFACTS]
    expected = expected and (for_task or not name.startswith("task"))
    assert can_change_artifact(CALLERS[name], is_public=True, made_by=made_by) is expected


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
