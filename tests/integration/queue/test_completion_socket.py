# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import pytest

from debusine.db.models import WorkRequest, Workspace
from debusine.domain.result import WorkRequestResults
from debusine.domain.work_request import WorkRequestStatus
from debusine.server.actions.complete_work_request import complete_work_request
from debusine.server.actor import SYSTEM
from debusine.testing import factories
from debusine.wire.base import to_wire_time
from debusine.wire.work_request import WorkRequestCompleted

PATH = "work-request/on-completed/"
THEN = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def key(transactional_db: None) -> str:
    factories.make_workspace()
    return factories.make_token(factories.make_user(superuser=True)).key


def done(at: datetime, workspace: Workspace | None = None, result: str = "success") -> int:
    return factories.make_work_request(
        status=WorkRequestStatus.COMPLETED, result=result, completed_at=at, workspace=workspace
    ).pk


def complete(result: WorkRequestResults) -> WorkRequest:
    running = factories.make_running()
    complete_work_request(
        SYSTEM,
        token_hash=running.token.hash,
        work_request_id=running.work_request.pk,
        report=WorkRequestCompleted(result=result),
        now=datetime.now(UTC),  # noqa: TID251  the socket goes by the real clock
    )
    running.work_request.refresh_from_db()
    return running.work_request


def test_completions_are_told_but_not_skipped_ones(dial: Any, key: str) -> None:
    done(THEN)
    peer = dial(PATH, key)
    assert peer.next() == {"type": "websocket.send", "text": "connected"}
    complete(WorkRequestResults.SKIPPED)
    request = complete(WorkRequestResults.TEMPORARY_FAILURE)
    assert request.completed_at is not None
    assert peer.next() == {
        "type": "websocket.send",
        "text": "work_request_completed",
        "work_request_id": request.pk,
        "completed_at": to_wire_time(request.completed_at),
        "result": "temporary failure",
    }
    again = complete(WorkRequestResults.SUCCESS)
    assert peer.next()["work_request_id"] == again.pk


def test_missed_ones_are_told_first(dial: Any, key: str) -> None:
    done(THEN - timedelta(days=1))
    first = done(THEN)
    later = [done(THEN + timedelta(hours=1)), done(THEN + timedelta(hours=2))]
    since = quote(to_wire_time(THEN))
    peer = dial(f"{PATH}?completed_at_since={since}", key)
    peer.next()
    assert [peer.next()["work_request_id"] for _ in later] == later
    twin = done(THEN)
    peer = dial(f"{PATH}?completed_at_since={since}", key)
    peer.next()
    assert [peer.next()["work_request_id"] for _ in range(2)] == [first, twin]


def test_only_named_workspaces_are_told(dial: Any, key: str) -> None:
    other = factories.make_workspace("Other")
    done(THEN)
    wanted = done(THEN, workspace=other)
    peer = dial(f"{PATH}?workspaces=Other&completed_at_since=2025-01-01T00:00:00Z", key)
    peer.next()
    assert peer.next()["work_request_id"] == wanted


def test_only_what_may_be_seen_is_told(dial: Any, key: str) -> None:
    public = factories.make_workspace("Public", public=True)
    done(THEN)
    seen = done(THEN + timedelta(hours=1), workspace=public)
    peer = dial(f"{PATH}?completed_at_since=2025-01-01T00:00:00Z", factories.make_token().key)
    peer.next()
    assert peer.next()["work_request_id"] == seen


@pytest.mark.parametrize(
    "query",
    ["?workspaces=Nowhere", "?completed_at_since=soon", "?completed_at_since=2025-01-01T00:00:00"],
)
def test_bad_question_is_rejected(dial: Any, key: str, query: str) -> None:
    (frame,) = dial(f"{PATH}{query}", key).rest()
    assert set(frame) == {"type", "reason"}


def test_nobody_is_rejected(dial: Any, key: str) -> None:
    (frame,) = dial(PATH).rest()
    assert set(frame) == {"type", "reason"}
