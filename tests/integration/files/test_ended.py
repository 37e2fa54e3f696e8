# SPDX-License-Identifier: GPL-3.0-or-later
"""A task that goes on after its attempt has ended hears that, and not that its token is wrong."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from tests.integration.conftest import ApiClient
from tests.integration.files.conftest import TransferClient, make_artifact

from debusine.server.actions.abort_work_request import abort_work_request
from debusine.server.actions.requeue_work_request import requeue_work_request
from debusine.server.actor import SYSTEM, Actor, actor_for_key
from debusine.testing import factories
from debusine.testing.factories import RunningWithKey
from debusine.util.clock import SystemClock

NOW = SystemClock().now()
DATA = b"0123456789"


@pytest.fixture
def running(workspace: Any) -> RunningWithKey:
    return factories.make_running(workspace=workspace)


def abort(running: RunningWithKey) -> None:
    boss = Actor(user=factories.make_user(superuser=True))
    abort_work_request(boss, request=running.work_request, now=NOW)


def texts(status: int, body: bytes) -> tuple[str, str]:
    assert status == 403, body
    problem = json.loads(body)
    return problem["title"], problem["detail"]


def test_uploads_after_an_abort(running: RunningWithKey) -> None:
    made = make_artifact({}, incomplete={"f": DATA}, made_by=running.work_request)
    abort(running)
    wanted = {
        "category": "debusine:test",
        "workspace": "System",
        "work_request": running.work_request.pk,
    }
    created = ApiClient(running.key).post("/artifact/", wanted)
    sent = TransferClient(running.key).put(made.pk, "f", [DATA], "bytes 0-9/10")
    expected = f"Attempt 1 of work request {running.work_request.pk} has ended as aborted"
    for status, body in ((created.status_code, created.content), (sent.status, sent.body)):
        title, detail = texts(status, body)
        assert title == "the work request of this token is not running"
        assert detail.startswith(f"{expected}: aborted by a user")
        assert "unknown" not in detail


def test_an_attempt_that_was_lost(running: RunningWithKey) -> None:
    requeue_work_request(SYSTEM, attempt=running.attempt, reason="no sign of life", now=NOW)
    answer = ApiClient(running.key).post(
        "/artifact/", {"category": "debusine:test", "work_request": running.work_request.pk}
    )
    _, detail = texts(answer.status_code, answer.content)
    assert "has ended as lost: no sign of life" in detail


def test_it_costs_one_query_and_only_keys_that_are_good_for_nothing(
    running: RunningWithKey,
) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            actor_for_key(running.key, now=NOW)
        return len(captured)

    assert queries() == 1
    abort(running)
    assert queries() == 2
