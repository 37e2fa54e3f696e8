# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import requests
from django.test import Client

from debusine.db.models import Attempt, WorkRequest
from debusine.domain.work_request import WorkRequestStatus
from debusine.server.actions.complete_work_request import complete_work_request
from debusine.server.actions.requeue_work_request import requeue_work_request
from debusine.server.actor import SYSTEM
from debusine.server.attempt_log import AttemptLog
from debusine.testing import factories
from debusine.testing.factories import RunningWithKey
from debusine.testing.waiting import PATIENCE_S
from debusine.util.clock import SystemClock
from debusine.wire.work_request import WorkRequestCompleted

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def key(transactional_db: None) -> str:
    """Of somebody who sees everything."""
    return factories.make_token(factories.make_user("alice", superuser=True)).key


@pytest.fixture
def running(transactional_db: None) -> RunningWithKey:
    return factories.make_running()


def add(data_dir: Path, attempt: Attempt, data: bytes, stream: Any = "stdout") -> None:
    log = AttemptLog(data_dir / "logs", attempt.pk)
    log.append(data, offset=None, stream=stream, timestamp=NOW)


def complete(running: RunningWithKey) -> None:
    complete_work_request(
        SYSTEM,
        token_hash=running.token.hash,
        work_request_id=running.work_request.pk,
        report=WorkRequestCompleted(result="success"),
        now=SystemClock().now(),
    )


def path(running: RunningWithKey, query: str = "") -> str:
    return f"work-request/{running.work_request.pk}/logs/{query}"


def text(frames: list[dict[str, Any]]) -> str:
    return "".join(frame["data"] for frame in frames if frame["type"] == "log_data")


def test_reader_gets_old_and_new_and_the_end(
    dial: Any, key: str, running: RunningWithKey, data_dir: Path
) -> None:
    add(data_dir, running.attempt, b"old\n", "internal")
    peer = dial(path(running), key)
    assert peer.next() == {"type": "connected"}
    assert peer.next() == {
        "type": "log_data", "data": "old\n", "stream": "internal",
        "timestamp": "2026-01-01T00:00:00.000000Z", "offset": 0, "length": 4, "attempt": 1,
    }  # fmt: skip
    add(data_dir, running.attempt, b"new\n")
    frame = peer.next()
    assert (frame["data"], frame["offset"]) == ("new\n", 4)
    log = AttemptLog(data_dir / "logs", running.attempt.pk)
    log.end(3, timestamp=NOW)
    complete(running)
    (end,) = peer.rest()
    assert (end["type"], end["exit_code"]) == ("log_data_end", 3)


def test_end_without_exit_code_is_minus_one(dial: Any, key: str, running: RunningWithKey) -> None:
    peer = dial(path(running), key)
    assert peer.next() == {"type": "connected"}
    complete(running)
    assert peer.rest()[-1]["exit_code"] == -1


def test_offset_passes_bytes_over(
    dial: Any, key: str, running: RunningWithKey, data_dir: Path
) -> None:
    add(data_dir, running.attempt, b"0123456789")
    complete(running)
    frames = dial(path(running, "?offset=4"), key).rest()
    assert text(frames) == "456789"
    assert frames[1]["offset"] == 4


@pytest.mark.parametrize(("attempt", "expected"), [(1, "456789"), (7, "0123456789")])
def test_an_offset_counts_in_the_attempt_it_is_of(
    dial: Any, key: str, running: RunningWithKey, data_dir: Path, attempt: int, expected: str
) -> None:
    add(data_dir, running.attempt, b"0123456789")
    complete(running)
    frames = dial(path(running, f"?offset=4&attempt={attempt}"), key).rest()
    assert text(frames) == expected


def test_character_cut_in_two_is_put_together(
    dial: Any, key: str, running: RunningWithKey, data_dir: Path
) -> None:
    data = "aäb€".encode()
    for position in range(len(data)):
        add(data_dir, running.attempt, data[position : position + 1])
    add(data_dir, running.attempt, b"\xff\xe2")
    complete(running)
    frames = dial(path(running, "?offset=0"), key).rest()
    assert text(frames) == "aäb€\ufffd\ufffd"
    pieces = [(frame["offset"], frame["length"]) for frame in frames if "offset" in frame]
    assert sum(length for _, length in pieces) == len(data) + 2
    assert pieces == sorted(pieces)


def test_without_offset_only_running_requests_are_shown(
    dial: Any, key: str, running: RunningWithKey
) -> None:
    complete(running)
    (frame,) = dial(path(running), key).rest()
    assert frame["reason_code"] == "not_running"


def test_with_offset_a_waiting_request_is_waited_for(dial: Any, key: str, data_dir: Path) -> None:
    request = factories.make_work_request()
    peer = dial(f"work-request/{request.pk}/logs/?offset=0", key)
    assert peer.next() == {"type": "connected"}
    running = factories.make_running(work_request=request)
    add(data_dir, running.attempt, b"here")
    assert peer.next()["data"] == "here"


def test_next_attempt_follows_a_lost_one(
    dial: Any, key: str, running: RunningWithKey, data_dir: Path
) -> None:
    peer = dial(path(running), key)
    assert peer.next() == {"type": "connected"}
    add(data_dir, running.attempt, b"first")
    assert (peer.next()["attempt"], running.attempt.number) == (1, 1)
    requeue_work_request(SYSTEM, attempt=running.attempt, reason="test", now=SystemClock().now())
    again = factories.make_running(work_request=running.work_request)
    add(data_dir, again.attempt, b"second")
    complete(again)
    shown = [(f["attempt"], f["data"]) for f in peer.rest() if f["type"] == "log_data"]
    assert shown == [(2, "second")]


def test_aborted_request_ends_its_log(dial: Any, key: str) -> None:
    request = factories.make_work_request()
    peer = dial(f"work-request/{request.pk}/logs/?offset=0", key)
    peer.next()
    WorkRequest.objects.update(status=WorkRequestStatus.ABORTED.value)
    assert peer.rest()[-1]["type"] == "log_data_end"


@pytest.mark.parametrize("query", ["?offset=x", "?offset=-1", "?offset=99999999999999999999"])
def test_bad_offset_is_rejected(dial: Any, key: str, running: RunningWithKey, query: str) -> None:
    assert dial(path(running, query), key).rest()[0]["reason_code"] == "bad_offset"


def test_who_may_not_see_the_request_is_told_it_is_not_there(
    dial: Any, running: RunningWithKey
) -> None:
    stranger = factories.make_token().key
    for other in (None, stranger, "no-such-key"):
        assert dial(path(running), other).rest()[0]["reason_code"] == "not_found"
    assert dial("work-request/999999/logs/", stranger).rest()[0]["reason_code"] == "not_found"


def test_session_of_a_page_of_ours_opens_the_log(
    dial: Any, server: Any, key: str, running: RunningWithKey
) -> None:
    browser = Client()
    assert browser.login(username="alice", password="secret")
    cookie = f"sessionid={browser.cookies['sessionid'].value}"
    peer = dial(path(running), Cookie=cookie, Origin=f"http://{server.host}")
    assert peer.next() == {"type": "connected"}
    forged = dial(path(running), Cookie=cookie, Origin="http://evil.example.org")
    assert forged.rest()[0]["reason_code"] == "not_found"


def test_plain_bytes_can_be_read_from_any_offset(
    server: Any, key: str, running: RunningWithKey, data_dir: Path
) -> None:
    url = f"{server.url}/api/1.0/work-request/{running.work_request.pk}/log/"
    add(data_dir, running.attempt, b"01234\xff")
    headers = {"Token": key}
    answer = requests.get(f"{url}?offset=3", headers=headers, timeout=PATIENCE_S)
    assert answer.content == b"34\xff"
    assert answer.headers["X-Debusine-Log-Offset"] == "3"
    assert answer.headers["X-Debusine-Log-Size"] == "6"
    assert answer.headers["X-Debusine-Log-Complete"] == "false"
    assert requests.get(f"{url}?offset=6", headers=headers, timeout=PATIENCE_S).content == b""
    assert requests.get(f"{url}?offset=7", headers=headers, timeout=PATIENCE_S).status_code == 400
    assert requests.get(f"{url}?attempt=9", headers=headers, timeout=PATIENCE_S).status_code == 404
