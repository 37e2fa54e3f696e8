# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from debusine import __version__
from debusine.api.sockets.worker import Consumer
from debusine.db.models import Attempt, Token, Worker, WorkRequest
from debusine.server.attempt_log import AttemptLog
from debusine.testing import factories
from debusine.testing.factories import RunningWithKey, WorkerWithKey
from debusine.testing.waiting import wait_for
from debusine.util.clock import SystemClock
from debusine.wire.worker import LogFrameHeader, pack_log_frame

CONNECT = "worker/connect/"
NOW = datetime(2026, 1, 1, tzinfo=UTC)
FEATURES = ["log-offsets", "heartbeat", "abort"]


def hello(running: list[int]) -> dict[str, Any]:
    return {"type": "hello", "version": "0", "features": FEATURES, "running": running}


def text_frame(pk: int, data: str, stream: str = "stdout") -> dict[str, Any]:
    return {
        "type": "log_data", "work_request_id": pk, "data": data, "stream": stream,
        "timestamp": "2026-01-01T00:00:00.000000+00:00",
    }  # fmt: skip


def log_frame(pk: int, offset: int, data: bytes) -> bytes:
    header = LogFrameHeader(work_request_id=pk, offset=offset, stream="stdout", timestamp=NOW)
    return pack_log_frame(header, data)


def log_of(data_dir: Path, running: RunningWithKey) -> bytes:
    log = AttemptLog(data_dir / "logs", running.attempt.pk)
    return b"".join(log.read_bytes(0, log.size()))


@pytest.mark.parametrize("key", [None, "no-such-key"])
def test_unknown_token_is_rejected_in_a_frame(dial: Any, key: str | None) -> None:
    assert dial(CONNECT, key).rest() == [
        {
            "type": "connection_rejected",
            "reason": "no enabled worker token",
            "reason_code": "TOKEN_DISABLED",
        }
    ]


def test_disabled_and_foreign_tokens_are_rejected(dial: Any) -> None:
    for key in (factories.make_worker(enabled=False).key, factories.make_token().key):
        (frame,) = dial(CONNECT, key).rest()
        assert frame["reason_code"] == "TOKEN_DISABLED"
        assert "text" not in frame


def test_worker_of_a_wrong_type_is_rejected_without_a_code(dial: Any) -> None:
    (frame,) = dial(CONNECT, factories.make_worker(worker_type="celery").key).rest()
    assert set(frame) == {"type", "reason"}


def test_worker_is_greeted_and_asked_for_metadata(dial: Any) -> None:
    worker = factories.make_worker(connected=False)
    peer = dial(CONNECT, worker.key)
    assert peer.next() == {
        "type": "websocket.send", "text": "connected", "features": [*FEATURES, "drain", "hold"],
        "version": __version__,
    }  # fmt: skip
    assert peer.next() == {"type": "websocket.send", "text": "request_dynamic_metadata"}
    assert Worker.objects.get().connected_at is not None
    peer.close()
    wait_for(lambda: Worker.objects.get().connected_at is None)


def test_doubled_slash_is_understood(dial: Any) -> None:
    peer = dial(f"/{CONNECT}", factories.make_worker().key)
    assert peer.next()["text"] == "connected"


@pytest.fixture
def worker(transactional_db: None) -> WorkerWithKey:
    return factories.make_worker()


def test_new_request_wakes_idle_workers_that_fit(dial: Any, post: Any) -> None:
    fitting, other = factories.make_worker(), factories.make_worker(tags=("worker:type:external",))
    peers = [dial(CONNECT, one.key) for one in (fitting, other)]
    for peer in peers:
        peer.wait_for("request_dynamic_metadata")
    post("/work-request/", {"task_name": "noop"})
    peers[0].wait_for("work_request_available")
    with pytest.raises(TimeoutError):
        peers[1].next(timeout_s=0.3)


def test_binary_frames_are_stored_once_and_acknowledged(
    dial: Any, worker: WorkerWithKey, data_dir: Path
) -> None:
    running = factories.make_running(worker=worker.worker)
    pk = running.work_request.pk
    peer = dial(CONNECT, worker.key)
    peer.send(hello([pk]))
    assert peer.wait_for("log_ack")["offset"] == 0
    for offset, data, size in [
        (0, b"hello ", 6), (0, b"hello ", 6), (9, b"late", 6), (3, b"lo world", 11),
    ]:  # fmt: skip
        peer.send(log_frame(pk, offset, data))
        ack = peer.wait_for("log_ack")
        assert (ack["work_request_id"], ack["offset"]) == (pk, size)
    assert log_of(data_dir, running) == b"hello world"


def test_reconnecting_agent_hears_where_its_log_ends(dial: Any, worker: WorkerWithKey) -> None:
    pk = factories.make_running(worker=worker.worker).work_request.pk
    first = dial(CONNECT, worker.key)
    first.send(log_frame(pk, 0, b"12345"))
    first.wait_for("log_ack")
    first.close()
    second = dial(CONNECT, worker.key)
    second.send(hello([pk]))
    assert second.wait_for("log_ack")["offset"] == 5


def test_text_frames_of_old_workers_are_appended(
    dial: Any, worker: WorkerWithKey, data_dir: Path
) -> None:
    running = factories.make_running(worker=worker.worker)
    peer = dial(CONNECT, worker.key)
    peer.send(text_frame(running.work_request.pk, "a\n"))
    peer.send(text_frame(running.work_request.pk, "ä\n", "stderr"))
    wait_for(lambda: log_of(data_dir, running) == "a\nä\n".encode())


def test_frames_for_the_requests_of_others_are_not_stored(
    dial: Any, worker: WorkerWithKey, data_dir: Path
) -> None:
    other = factories.make_running()
    pk = other.work_request.pk
    peer = dial(CONNECT, worker.key)
    peer.send(text_frame(pk, "forged"))
    peer.send(log_frame(pk, 0, b"forged"))
    peer.wait_for("log_ack")
    assert log_of(data_dir, other) == b""


@pytest.mark.parametrize(
    "frame",
    [b"", b"\x00\x00\x00\xff{}", b"\x00\x00\x00\x02{}", {"type": "what"}, {"type": "log_data"},
     {"type": "heartbeat", "running": "x"}, {"type": "hello"}],
)  # fmt: skip
def test_nonsense_is_survived(dial: Any, worker: WorkerWithKey, frame: Any) -> None:
    peer = dial(CONNECT, worker.key)
    peer.send(frame)
    pk = factories.make_running(worker=worker.worker).work_request.pk
    peer.send(log_frame(pk, 0, b"x"))
    assert peer.wait_for("log_ack")["offset"] == 1


def test_agent_that_started_anew_gives_its_work_back(dial: Any, worker: WorkerWithKey) -> None:
    kept = factories.make_running(worker=worker.worker)
    lost = factories.make_running(worker=worker.worker)
    dial(CONNECT, worker.key).send(hello([kept.work_request.pk]))
    wait_for(lambda: WorkRequest.objects.get(pk=lost.work_request.pk).status == "pending")
    assert WorkRequest.objects.get(pk=kept.work_request.pk).status == "running"
    assert Attempt.objects.get(pk=lost.attempt.pk).outcome == "lost"


def test_heartbeat_renews_and_stops_what_is_not_its_own(dial: Any, worker: WorkerWithKey) -> None:
    running = factories.make_running(worker=worker.worker)
    gone = factories.make_running().work_request.pk
    peer = dial(CONNECT, worker.key)
    peer.send(hello([running.work_request.pk]))
    peer.wait_for("log_ack")
    past = SystemClock().now() - timedelta(seconds=1)
    Attempt.objects.filter(pk=running.attempt.pk).update(lease_until=past)
    peer.send({"type": "heartbeat", "running": [running.work_request.pk, gone]})
    assert peer.wait_for("abort")["work_request_id"] == gone
    assert Attempt.objects.get(pk=running.attempt.pk).lease_until > SystemClock().now()


def test_abort_reaches_the_agent(dial: Any, worker: WorkerWithKey, post: Any) -> None:
    pk = factories.make_running(worker=worker.worker).work_request.pk
    peer = dial(CONNECT, worker.key)
    peer.send(hello([pk]))
    peer.wait_for("log_ack")
    post(f"/work-request/{pk}/abort/", {})
    assert peer.wait_for("abort")["work_request_id"] == pk


def test_connected_worker_with_old_work_is_told_to_ask(dial: Any, worker: WorkerWithKey) -> None:
    running = factories.make_running(worker=worker.worker)
    dial(CONNECT, worker.key).wait_for("work_request_available")
    # it sends no heartbeat: its open socket keeps the lease for the time of grace
    lease = Attempt.objects.get(pk=running.attempt.pk).lease_until
    assert lease > SystemClock().now() + timedelta(minutes=9)


def test_disabled_token_closes_the_socket(
    dial: Any, worker: WorkerWithKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Consumer, "tick_s", 0.1)
    peer = dial(CONNECT, worker.key)
    peer.wait_for("connected")
    Token.objects.update(enabled=False)
    frame = peer.rest()[-1]
    assert (frame["type"], frame["reason_code"]) == ("connection_closed", "TOKEN_DISABLED")
