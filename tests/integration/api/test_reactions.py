# SPDX-License-Identifier: GPL-3.0-or-later
"""What clients may want beside a request, and which types of tasks they may ask for."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from debusine.db.models import User, WorkRequest, Workspace
from debusine.domain.work_request import TaskTypes
from debusine.errors import UserError
from debusine.server.actions.create_work_request import create_work_request
from debusine.server.actor import Actor

NOW = datetime(2026, 1, 1, tzinfo=UTC)
NOTIFY = {"action": "send-notification", "channel": "admins"}
HISTORY = {"action": "record-in-task-history"}
ACTIONS: list[dict[str, Any]] = [
    {"action": "update-collection-with-artifacts", "collection": 1, "artifact_filters": {}},
    {"action": "update-collection-with-data", "collection": 1, "category": "debusine:test"},
    {"action": "retry-with-delays", "delays": ["1m"]},
    {"action": "skip-if-lookup-result-changed", "lookup": "x", "collection_item_id": None},
    HISTORY,
]


def create(user: User, workspace: Workspace, **fields: Any) -> WorkRequest:
    return create_work_request(
        Actor(user=user),
        workspace=workspace,
        now=NOW,
        by_client=False,
        **{"task_name": "noop", "data": {}, **fields},
    )


@pytest.mark.parametrize("action", ACTIONS, ids=lambda action: str(action["action"]))
def test_clients_may_ask_for_notifications_only(api: Any, action: dict[str, Any]) -> None:
    body = {"task_name": "noop", "event_reactions": {"on_success": [action]}}
    answer = api.post("/work-request/", body)
    assert answer.status_code == 400
    message = f"on_success: action '{action['action']}' is not allowed, only 'send-notification'"
    assert answer.json()["validation_errors"] == {"event_reactions": [message]}
    assert not WorkRequest.objects.exists()


@pytest.mark.parametrize(
    "body",
    [
        {"event_reactions": {"on_failure": [NOTIFY]}},
        {"task_data": {"notifications": {"on_failure": [{"channel": "admins"}]}}},
    ],
)
def test_unknown_channels_are_refused(api: Any, body: dict[str, Any]) -> None:
    answer = api.post("/work-request/", {"task_name": "noop", **body})
    assert answer.status_code == 400
    assert "on_failure: unknown notification channel 'admins'" in answer.json()["detail"]
    assert not WorkRequest.objects.exists()


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"event_reactions": {"on_monday": []}}, "event_reactions"),
        ({"event_reactions": {"on_failure": [{**NOTIFY, "colour": 1}]}}, "event_reactions"),
        ({"event_reactions": {"on_failure": {}}}, "event_reactions"),
        ({"task_data": {"notifications": {"on_failure": [{}]}}},
         "notifications.on_failure.0.channel"),
        ({"task_data": {"notifications": []}}, "notifications"),
    ],
)  # fmt: skip
def test_malformed_wishes_name_the_field(api: Any, body: dict[str, Any], field: str) -> None:
    answer = api.post("/work-request/", {"task_name": "noop", **body})
    assert answer.status_code == 400
    assert list(answer.json()["validation_errors"]) == [field]
    assert not WorkRequest.objects.exists()


def test_no_notifications_are_no_mistake(api: Any) -> None:
    body = {"task_name": "noop", "task_data": {"result": "failure", "notifications": None}}
    record = api.post("/work-request/", body).json()
    assert (record["task_data"], record["event_reactions"]) == ({"result": "failure"}, {})


def test_notifications_are_stored_as_reactions_behind_those_given(
    user: User, workspace: Workspace
) -> None:
    made = create(
        user,
        workspace,
        data={"result": "failure", "notifications": {"on_failure": [{"channel": "admins"}]}},
        event_reactions={"on_failure": [HISTORY, HISTORY], "on_success": []},
    )
    row = WorkRequest.objects.get(pk=made.pk)
    assert row.task_data == {"result": "failure"}
    assert row.event_reactions == {"on_failure": [HISTORY, NOTIFY]}


def test_malformed_reactions_are_refused_from_ourselves_too(
    user: User, workspace: Workspace
) -> None:
    with pytest.raises(UserError, match="Cannot create"):
        create(user, workspace, event_reactions={"on_failure": [{"action": "retry-with-delays"}]})


KEY = {"purpose": "openpgp", "description": "Uploads"}


def test_nobody_asks_for_signing_by_name(api: Any) -> None:
    answer = api.post("/work-request/", {"task_name": "generatekey", "task_data": KEY})
    assert answer.status_code == 400
    problem = answer.json()
    assert problem["title"] == "Cannot create work request"
    assert "'generatekey' is a task of type Signing" in problem["detail"]
    assert list(problem["validation_errors"]) == ["task_name"]
    assert not WorkRequest.objects.exists()


def test_a_signing_task_waits_for_a_signing_worker(
    api: Any, user: User, workspace: Workspace, worker: Any
) -> None:
    made = create(user, workspace, task_name="generatekey", data=KEY, task_type=TaskTypes.SIGNING)
    record = api.get(f"/work-request/{made.pk}/").json()
    assert (record["task_type"], record["status"]) == ("Signing", "pending")
    assert record["scheduler_tags_required"] == [
        "worker:task:signing:generatekey:version:1",
        "worker:type:signing",
    ]
    reason = api.get(f"/work-request/{made.pk}/waiting/").json()["reason"]
    assert "worker:type:signing" in reason


@pytest.mark.parametrize(
    ("task_name", "data", "field"),
    [
        ("generatekey", {"purpose": "ssh", "description": "x"}, "purpose"),
        ("sign", {"purpose": "uefi", "unsigned": "x", "key": "AB"}, "unsigned"),
        ("debsign", {"unsigned": 1}, "key"),
        ("signrepositoryindex", {"suite_collection": 1, "unsigned": 1, "mode": "clear",
                                 "signed_name": "a/b"}, "signed_name"),
        ("noop", {"result": ""}, "result"),
    ],
)  # fmt: skip
def test_data_of_signing_tasks_is_checked(
    user: User, workspace: Workspace, task_name: str, data: dict[str, Any], field: str
) -> None:
    with pytest.raises(UserError) as caught:
        create(user, workspace, task_name=task_name, data=data, task_type=TaskTypes.SIGNING)
    assert list(caught.value.validation_errors or {}) == [field]
    assert not WorkRequest.objects.exists()
