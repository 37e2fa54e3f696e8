# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from debusine.tasks.notifications import split_notifications
from debusine.tasks.reactions import (
    Event,
    EventReactions,
    RecordInTaskHistory,
    RetryWithDelays,
    SendNotification,
    SkipIfLookupResultChanged,
    UpdateCollectionWithArtifacts,
    UpdateCollectionWithData,
    parse_delay,
)

NOTIFY = {
    "action": "send-notification",
    "channel": "admins",
    "data": {
        "from": "debusine@example.org",
        "to": ["a@example.org"],
        "cc": [],
        "subject": "$work_request_id",
    },
}
ARTIFACTS = {
    "action": "update-collection-with-artifacts",
    "collection": "sid@debian:suite",
    "artifact_filters": {"category": "debian:upload"},
    "name_template": "{x}",
    "variables": {"$x": "name", "component": "main"},
    "created_at": "2026-01-01T00:00:00Z",
}
DATA = {
    "action": "update-collection-with-data",
    "collection": 5,
    "category": "debian:qa-result",
    "name_template": "{package}",
    "data": {"package": "hello"},
    "created_at": "2026-01-01T00:00:00Z",
}
RETRY = {"action": "retry-with-delays", "delays": ["30m", "2h", "1d", "1w"]}
SKIP = {
    "action": "skip-if-lookup-result-changed",
    "lookup": "x@debian:suite",
    "collection_item_id": None,
    "promise_name": "x",
}
HISTORY = {"action": "record-in-task-history", "subject": "hello", "context": "amd64"}
ALL = [NOTIFY, ARTIFACTS, DATA, RETRY, SKIP, HISTORY]


def read(*actions: dict[str, Any], event: str = "on_success") -> EventReactions:
    return EventReactions.model_validate({event: list(actions)})


@pytest.mark.parametrize("event", list(Event))
def test_all_six_actions_are_read_and_written(event: Event) -> None:
    reactions = read(*ALL, event=event)
    assert reactions.export() == {event.value: ALL}
    assert [type(action) for action in reactions.of(event)] == [
        SendNotification,
        UpdateCollectionWithArtifacts,
        UpdateCollectionWithData,
        RetryWithDelays,
        SkipIfLookupResultChanged,
        RecordInTaskHistory,
    ]
    assert EventReactions.model_validate(reactions.export()) == reactions


@pytest.mark.parametrize("action", ALL, ids=lambda action: str(action["action"]))
def test_what_is_not_given_is_not_written(action: dict[str, Any]) -> None:
    required = {"action", "channel", "collection", "artifact_filters", "category", "delays",
                "lookup", "collection_item_id"}  # fmt: skip
    short = {key: value for key, value in action.items() if key in required}
    assert read(short).export() == {"on_success": [short]}
    for name in sorted(set(short) - {"action"}):
        with pytest.raises(ValidationError, match=name):
            read({key: value for key, value in short.items() if key != name})


@pytest.mark.parametrize(
    ("action", "message"),
    [
        ({}, "action"),
        ({"action": "explode"}, "explode"),
        *[({**action, "colour": "red"}, "colour") for action in ALL],
        ({**NOTIFY, "data": {"bcc": []}}, "bcc"),
        ({**NOTIFY, "data": {"to": "a@example.org"}}, "to"),
        ({**ARTIFACTS, "collection": None}, "collection"),
        ({**ARTIFACTS, "artifact_filters": []}, "artifact_filters"),
        ({**ARTIFACTS, "variables": {"x": 1, "$x": "y"}}, "both as a value and as a path: x"),
        ({**ARTIFACTS, "created_at": "2026-01-01T00:00:00"}, "timezone"),
        ({**DATA, "category": "debian:upload"}, "unknown bare data category"),
        ({**DATA, "category": "nonsense"}, "vendor:name"),
        ({**RETRY, "delays": []}, "at least 1 item"),
        ({**SKIP, "lookup": 5}, "lookup"),
    ],
)
def test_malformed_actions_are_refused(action: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        read(action)


@pytest.mark.parametrize("delay", ["", "5", "m", "5s", "5 m", "-5m", "5m\n", "\u0665m", "1.5h",
                                   "9" * 30 + "w"])  # fmt: skip
def test_malformed_delays_are_refused(delay: str) -> None:
    with pytest.raises(ValidationError, match="delays"):
        read({**RETRY, "delays": [delay]})


def test_delays_are_used_one_after_the_other() -> None:
    retry = RetryWithDelays(delays=["30m", "2h", "1d", "1w"])
    assert [retry.delay(count) for count in range(5)] == [
        timedelta(minutes=30),
        timedelta(hours=2),
        timedelta(days=1),
        timedelta(weeks=1),
        None,
    ]
    assert parse_delay("0m") == timedelta(0)


def test_unknown_events_are_refused() -> None:
    with pytest.raises(ValidationError, match="unknown events: on_monday"):
        EventReactions.model_validate({"on_monday": []})


def test_an_equal_action_twice_is_one() -> None:
    longer = {**HISTORY, "subject": "hello2"}
    assert read(HISTORY, longer, HISTORY).export() == {"on_success": [HISTORY, longer]}
    # null and not given are the same
    null = {"action": "record-in-task-history", "subject": None}
    assert len(read({"action": "record-in-task-history"}, null).on_success) == 1
    one = RecordInTaskHistory()
    same = RecordInTaskHistory(subject=None)
    reactions = EventReactions().add(Event.ON_FAILURE, one).add(Event.ON_FAILURE, same)
    assert reactions.of(Event.ON_FAILURE) == (one,)
    assert reactions.add(Event.ON_SUCCESS, one).of(Event.ON_SUCCESS) == (one,)


ACTIONS = st.lists(st.sampled_from(ALL), max_size=8)


@given(ACTIONS, ACTIONS)
def test_merging_keeps_the_order_and_repeats_nothing(
    first: list[dict[str, Any]], second: list[dict[str, Any]]
) -> None:
    wanted = []
    for action in [*first, *second]:
        if action not in wanted:
            wanted.append(action)
    merged = read(*first).merge(read(*second))
    assert merged.export() == ({"on_success": wanted} if wanted else {})
    assert merged.merge(merged) == merged


def test_notifications_become_reactions() -> None:
    given_data = {key: NOTIFY[key] for key in ("channel", "data")}
    task_data = {
        "result": "failure",
        "notifications": {"on_failure": [given_data, given_data], "on_success": [{"channel": "b"}]},
    }
    rest, reactions = split_notifications(task_data)
    assert rest == {"result": "failure"}
    assert reactions.export() == {
        "on_failure": [NOTIFY],
        "on_success": [{"action": "send-notification", "channel": "b"}],
    }
    assert "notifications" in task_data


@pytest.mark.parametrize("task_data", [{}, {"notifications": None}, {"notifications": {}}])
def test_no_notifications_are_no_reactions(task_data: dict[str, Any]) -> None:
    assert split_notifications({"result": "failure", **task_data}) == (
        {"result": "failure"},
        EventReactions(),
    )


@pytest.mark.parametrize(
    ("notifications", "path"),
    [
        ([], ("notifications",)),
        ({"on_monday": []}, ("notifications", "on_monday")),
        ({"on_failure": [{}]}, ("notifications", "on_failure", 0, "channel")),
        (
            {"on_failure": [{"channel": "a", "data": {"bcc": 1}}]},
            ("notifications", "on_failure", 0, "data", "bcc"),
        ),
    ],
)
def test_malformed_notifications_name_the_field(
    notifications: object, path: tuple[object, ...]
) -> None:
    with pytest.raises(ValidationError) as caught:
        split_notifications({"notifications": notifications})
    assert [error["loc"] for error in caught.value.errors()] == [path]
