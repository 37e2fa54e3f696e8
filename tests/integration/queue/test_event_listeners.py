# SPDX-License-Identifier: GPL-3.0-or-later
"""Listeners over HTTP and WebSockets: pages, long polls, server-sent events, frames."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests

from debusine.db.models import Token, WorkRequest
from debusine.domain.event import EventKind
from debusine.server import events
from debusine.testing import factories
from debusine.testing.live_server import LiveServer

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LONG_S = 20


@pytest.fixture
def key(transactional_db: None) -> str:
    factories.make_workspace()
    return factories.make_token(factories.make_user(superuser=True)).key


def happen(**fields: Any) -> int:
    request = factories.make_work_request(**fields)
    events.record(request, EventKind.ABORTED, at=NOW)
    return request.pk


Get = Callable[..., requests.Response]


@pytest.fixture
def get(server: LiveServer, key: str) -> Get:
    def get(path: str = "", *, headers: Any = None, **query: Any) -> requests.Response:
        return requests.get(
            f"{server.url}/api/1.0/event/{path}",
            params=query,
            headers={"Token": key, **(headers or {})},
            timeout=LONG_S,
            stream=bool(path),
        )

    return get


def test_pages_lead_from_the_newest_cursor_to_the_next(get: Get) -> None:
    happen()
    page = get().json()
    assert page == {"cursor": "1", "more": False, "results": []}
    pk = happen()
    page = get(after="1").json()
    (event,) = page.pop("results")
    assert page == {"cursor": "2", "more": False}
    assert event == {
        "cursor": "2",
        "kind": "work_request.aborted",
        "created_at": "2026-01-01T00:00:00.000000Z",
        "scope": "debusine",
        "workspace": "System",
        "work_request": pk,
        "data": {"task_type": "Worker", "task_name": "noop", "status": "pending"},
    }
    page = get(after="0", limit=1).json()
    assert (page["cursor"], page["more"]) == ("1", True)


@pytest.mark.parametrize(
    ("query", "status", "words"),
    [
        ({"after": "soon"}, 400, "Invalid cursor"),
        ({"after": "soon", "wait": 30}, 400, "Invalid cursor"),
        ({"after": "9"}, 410, "gone"),
        ({"after": "0", "workspaces": "Nowhere"}, 404, "Nowhere"),
        ({"after": "0", "wait": 61}, 400, "less than or equal to 60"),
        ({"after": "0", "wait": "nan"}, 400, "wait"),
        ({"after": "0", "limit": 0}, 400, "limit"),
    ],
)
def test_bad_questions_are_answered_at_once(
    get: Get, query: dict[str, Any], status: int, words: str
) -> None:
    answer = get(**query)
    assert (answer.status_code, answer.headers["content-type"]) == (
        status,
        "application/problem+json",
    )
    assert words in answer.text


def test_nobody_reads_events(get: Get, key: str) -> None:
    for path in ("", "stream/"):
        assert get(path, headers={"Token": "wrong"}, after="0", wait=30).status_code == 403


def test_a_long_poll_ends_with_the_first_event_that_may_be_seen(get: Get) -> None:
    happen()
    other = factories.make_workspace("Other")
    waiting = threading.Event()
    pages: list[dict[str, Any]] = []

    def poll() -> None:
        waiting.set()
        pages.append(get(after="1", wait=LONG_S, workspaces="Other").json())

    thread = threading.Thread(target=poll)
    thread.start()
    waiting.wait()
    happen()
    pk = happen(workspace=other)
    thread.join(LONG_S)
    (page,) = pages
    assert [event["work_request"] for event in page["results"]] == [pk]


def test_a_long_poll_that_sees_nothing_moves_the_cursor_on(get: Get) -> None:
    happen()
    page = get(after="0", wait=0.3, kinds="work_request.completed").json()
    assert page == {"cursor": "1", "more": False, "results": []}


def blocks(answer: requests.Response) -> Iterator[dict[str, str]]:
    """Blocks of a stream, by field."""
    block: dict[str, str] = {}
    for line in answer.iter_lines(chunk_size=1, decode_unicode=True):
        if line:
            name, _, value = line.partition(": ")
            block[name] = value
        else:
            yield block
            block = {}


def test_a_stream_begins_where_the_reader_stopped(get: Get) -> None:
    happen()
    with get("stream/") as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        stream = blocks(answer)
        assert next(stream) == {"retry": "2000", "id": "1", "": "connected"}
        pk = happen()
        block = next(stream)
    assert (block["id"], json.loads(block["data"])["work_request"]) == ("2", pk)
    pk = happen()
    # the URL is that of the first time; what the browser saw last counts
    with get("stream/", after="0", headers={"Last-Event-ID": "2"}) as answer:
        stream = blocks(answer)
        assert next(stream)["id"] == "2"
        assert json.loads(next(stream)["data"])["work_request"] == pk


def test_a_stream_says_that_nothing_is_new(get: Get, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("debusine.api.event_http.COMMENT_EVERY_S", 0.2)
    monkeypatch.setattr("debusine.api.event_http.TICK_S", 0.1)
    with get("stream/", workspaces="System") as answer:
        stream = blocks(answer)
        next(stream)
        assert next(stream) == {"id": "0", "": "nothing new"}
        happen(workspace=factories.make_workspace("Other"))
        while (block := next(stream))["id"] == "0":
            assert "data" not in block
        assert block == {"id": "1", "": "nothing new"}


def test_a_stream_from_an_expired_cursor_is_refused(get: Get) -> None:
    happen()
    events.remove_old(before=NOW + timedelta(days=1))
    answer = get("stream/", after="0")
    assert answer.status_code == 410
    assert "event-cursor" in answer.json()["detail"]


def test_a_socket_shows_events_after_a_cursor(dial: Any, key: str) -> None:
    first = happen()
    peer = dial("event/?after=0", key)
    assert peer.next() == {"type": "connected", "cursor": "0"}
    frame = peer.next()
    assert (frame["type"], frame["cursor"], frame["work_request"]) == ("event", "1", first)
    peer = dial("event/", key)
    assert peer.next() == {"type": "connected", "cursor": "1"}
    second = happen()
    assert peer.next()["work_request"] == second


def test_a_socket_tells_how_far_it_is_although_it_shows_nothing(
    dial: Any, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("debusine.api.sockets.listening.ListeningSocket.tick_s", 0.1)
    peer = dial("event/?kinds=work_request.completed", key)
    peer.next()
    happen()
    assert peer.next() == {"type": "cursor", "cursor": "1"}


def test_a_socket_sees_without_any_hint(
    dial: Any, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("debusine.api.sockets.listening.ListeningSocket.tick_s", 0.1)
    peer = dial("event/", key)
    peer.next()
    monkeypatch.setattr("debusine.server.wake.wake", lambda *_: None)
    pk = happen()
    assert peer.next()["work_request"] == pk


def test_a_socket_ends_with_the_token(dial: Any, key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("debusine.api.sockets.listening.ListeningSocket.tick_s", 0.1)
    peer = dial("event/", key)
    peer.next()
    Token.objects.update(enabled=False)
    (frame,) = peer.rest()
    assert frame["type"] == "connection_rejected"


def test_a_socket_refuses_an_expired_cursor(dial: Any, key: str) -> None:
    happen()
    events.remove_old(before=NOW + timedelta(days=1))
    (frame,) = dial("event/?after=0", key).rest()
    assert frame["reason_code"] == "event-cursor"
    assert "anew" in frame["reason"]


def test_a_completion_that_is_replayed_is_not_told_again(dial: Any, key: str) -> None:
    ended = {"status": "completed", "result": "success", "completed_at": NOW}
    request = factories.make_work_request()
    WorkRequest.objects.filter(pk=request.pk).update(**ended)
    request.refresh_from_db()
    # committed, and without a position until somebody else numbers
    events.Event.objects.create(
        kind="work_request.completed",
        workspace=request.workspace,
        work_request=request,
        created_at=NOW,
        data={"result": "success"},
    )
    peer = dial("work-request/on-completed/?completed_at_since=2025-01-01T00:00:00Z", key)
    assert peer.next()["text"] == "connected"
    assert peer.next()["work_request_id"] == request.pk
    later = factories.make_work_request()
    WorkRequest.objects.filter(pk=later.pk).update(**ended)
    later.refresh_from_db()
    events.record(later, EventKind.COMPLETED, at=NOW)
    assert peer.next()["work_request_id"] == later.pk
