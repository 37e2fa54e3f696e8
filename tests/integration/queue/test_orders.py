# SPDX-License-Identifier: GPL-3.0-or-later
"""Agents hear what administrators want of them, and whether their version fits."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from debusine import __version__
from debusine.api.sockets.worker import Consumer
from debusine.db.models import Worker, WorkRequest
from debusine.testing import factories
from debusine.testing.factories import WorkerWithKey
from debusine.testing.waiting import wait_for

CONNECT = "worker/connect/"
NOW = datetime(2026, 1, 1, tzinfo=UTC)
FEATURES = ["log-offsets", "heartbeat", "abort", "drain"]


@pytest.fixture
def worker(transactional_db: None) -> WorkerWithKey:
    return factories.make_worker()


def hello(running: list[int], version: str = "") -> dict[str, Any]:
    return {"type": "hello", "version": version, "features": FEATURES, "running": running}


def lead(post: Any, worker: WorkerWithKey, what: str, **body: Any) -> None:
    post(f"/worker/{worker.worker.name}/{what}/", body)


def test_agents_hear_at_once_that_they_are_drained_and_enabled(
    dial: Any, worker: WorkerWithKey, post: Any
) -> None:
    peer = dial(CONNECT, worker.key)
    peer.send(hello([]))
    lead(post, worker, "drain", reason="new disk")
    assert peer.wait_for("drain")["reason"] == "new disk"
    lead(post, worker, "enable")
    peer.wait_for("enable")


def test_an_agent_that_connects_hears_that_it_is_drained(
    dial: Any, worker: WorkerWithKey, post: Any
) -> None:
    lead(post, worker, "drain")
    peer = dial(CONNECT, worker.key)
    peer.send(hello([]))
    assert peer.wait_for("drain")["reason"] == ""


def test_a_lost_hint_costs_one_tick(
    dial: Any, worker: WorkerWithKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Consumer, "tick_s", 0.1)
    peer = dial(CONNECT, worker.key)
    peer.send(hello([]))
    peer.wait_for("request_dynamic_metadata")
    Worker.objects.update(drained_at=NOW, drain_reason="quietly")
    assert peer.wait_for("drain")["reason"] == "quietly"


def test_workers_of_0_16_hear_nothing_of_being_drained(
    dial: Any, worker: WorkerWithKey, post: Any
) -> None:
    peer = dial(CONNECT, worker.key)
    peer.wait_for("request_dynamic_metadata")
    lead(post, worker, "drain")
    with pytest.raises(TimeoutError):
        peer.next(timeout_s=0.3)


def test_a_worker_that_is_disabled_is_told_to_stop_and_disconnected(
    dial: Any, worker: WorkerWithKey, post: Any
) -> None:
    pk = factories.make_running(worker=worker.worker).work_request.pk
    peer = dial(CONNECT, worker.key)
    peer.send(hello([pk]))
    peer.wait_for("log_ack")
    lead(post, worker, "disable")
    assert peer.wait_for("abort")["work_request_id"] == pk
    frame = peer.rest()[-1]
    assert (frame["type"], frame["reason_code"]) == ("connection_closed", "TOKEN_DISABLED")
    assert WorkRequest.objects.get(pk=pk).status == "pending"


def test_an_agent_of_a_distant_version_is_rejected_with_a_reason(
    dial: Any, worker: WorkerWithKey
) -> None:
    peer = dial(CONNECT, worker.key)
    peer.send(hello([], "0.9.1"))
    frame = peer.rest()[-1]
    assert (frame["type"], frame["reason_code"]) == ("connection_rejected", "VERSION_MISMATCH")
    assert frame["reason"].startswith("the worker is version 0.9.1 and the server ")
    assert "text" not in frame
    wait_for(lambda: Worker.objects.get().connected_at is None)
    assert Worker.objects.get().version == "0.9.1"


def test_an_agent_one_minor_version_apart_is_welcome(dial: Any, worker: WorkerWithKey) -> None:
    major, minor, *_ = __version__.split(".")
    peer = dial(CONNECT, worker.key)
    peer.send(hello([4711], f"{major}.{int(minor) + 1}.7"))
    # it is answered as ever
    assert peer.wait_for("abort")["work_request_id"] == 4711
