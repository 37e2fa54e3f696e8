# SPDX-License-Identifier: GPL-3.0-or-later
"""What broken and hostile workers and clients send over real connections."""

from __future__ import annotations

import json
import logging
import socket
import struct
from pathlib import Path
from typing import Any

import pytest
import requests
from django.conf import settings

from debusine.db.models import Attempt, Worker
from debusine.server.attempt_log import AttemptLog
from debusine.testing import factories
from debusine.testing.factories import RunningWithKey, WithKey, WorkerWithKey
from debusine.testing.live_server import LiveServer
from debusine.testing.waiting import PATIENCE_S

CONNECT = "worker/connect/"
TIME = "2026-01-01T00:00:00Z"
HUGE = 10**30


def binary(data: bytes = b"x", **header: Any) -> bytes:
    """A frame whose header is not checked by the sender."""
    whole = {"work_request_id": 1, "offset": 0, "stream": "stdout", "timestamp": TIME} | header
    text = json.dumps(whole).encode()
    return struct.pack(">I", len(text)) + text + data


def text(**fields: Any) -> bytes:
    return json.dumps(fields).encode()


def content(data_dir: Path, running: RunningWithKey) -> bytes:
    log = AttemptLog(data_dir / "logs", running.attempt.pk)
    return b"".join(log.read_bytes(0, log.size()))


@pytest.fixture
def worker(transactional_db: None) -> WorkerWithKey:
    return factories.make_worker()


BINARY = [
    b"", b"\x00", b"\x00\x00\x00", b"\xff\xff\xff\xff{}", b"\x00\x00\x00\x02\xff\xfe",
    struct.pack(">I", 100_000) + b"[" * 100_000,
    binary(work_request_id=HUGE), binary(work_request_id=-1), binary(work_request_id="x"),
    binary(offset=HUGE), binary(offset=-1), binary(stream="../x"), binary(x=1),
    binary(timestamp="0001-01-01T00:00:00+23:59"), binary(timestamp="9999-12-31T23:59:59-23:59"),
]  # fmt: skip
TEXT = [
    b"", b"{", b"null", b"[]", b'"x"', b"[" * 100_000, b'{"type": {}}', b'{"type": "\\ud800"}',
    text(type="heartbeat", running=[HUGE, -1]),
    text(type="heartbeat", running=list(range(1, 40_000))),
    text(type="hello", version="x", running=[HUGE]),
    text(type="hello", version="x", features=["x" * 1_000_000] * 3),
    text(type="hello", version="x", features=["nul\0"]),
    text(type="hello", version="x", features=["half \ud800"]),
    text(type="log_data", work_request_id=HUGE, data="x", stream="stdout", timestamp=TIME),
    text(type="log_data", work_request_id=1, data="\ud800", stream="stdout", timestamp=TIME),
    text(type="log_data", data="x", stream="nowhere", timestamp=TIME),
    text(type="log_data", work_request_id=1, data="x", stream="stdout",
         timestamp="0001-01-01T00:00:00+23:59"),
    text(type="log_data_end", work_request_id=HUGE, exit_code=0, timestamp=TIME),
    b'{"type": "log_data_end", "work_request_id": 1, "timestamp": "2026-01-01T00:00:00Z",'
    b' "exit_code": 1' + b"0" * 3000 + b"}",
]  # fmt: skip


@pytest.mark.parametrize("frames", [BINARY, [frame.decode() for frame in TEXT]], ids=["b", "t"])
def test_no_frame_ends_the_connection_or_reaches_a_log(
    dial: Any,
    worker: WorkerWithKey,
    data_dir: Path,
    frames: list[Any],
    caplog: pytest.LogCaptureFixture,
) -> None:
    # in this order: the frames name request 1, which may be the first of the two
    other, ours = factories.make_running(), factories.make_running(worker=worker.worker)
    peer = dial(CONNECT, worker.key)
    for frame in frames:
        peer.send_raw(frame)
    pk = ours.work_request.pk
    peer.send(binary(b"still here", work_request_id=pk))
    while (ack := peer.wait_for("log_ack")).get("work_request_id") != pk or ack["offset"] != 10:
        pass
    assert content(data_dir, ours) == b"still here"
    assert content(data_dir, other) == b""
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert sum(map(len, Worker.objects.get(pk=worker.worker.pk).features)) < 1000


def test_frames_that_name_the_request_of_another_worker(
    dial: Any, worker: WorkerWithKey, data_dir: Path
) -> None:
    other = factories.make_running()
    mine = factories.make_running(worker=worker.worker)
    pk = other.work_request.pk
    peer = dial(CONNECT, worker.key)
    for frame in (
        binary(b"forged", work_request_id=pk),
        text(type="log_data", work_request_id=pk, data="f", stream="stdout", timestamp=TIME),
        text(type="log_data_end", work_request_id=pk, exit_code=0, timestamp=TIME),
        text(type="heartbeat", running=[pk]),
    ):
        peer.send_raw(frame if frame[:1] == b"\0" else frame.decode())
    peer.send(binary(b"mine", work_request_id=mine.work_request.pk))
    while peer.wait_for("log_ack")["work_request_id"] != mine.work_request.pk:
        pass
    assert content(data_dir, other) == b""
    assert not (data_dir / "logs" / f"{other.attempt.pk}.index").exists()
    lease = Attempt.objects.get(pk=other.attempt.pk).lease_until
    assert lease == other.attempt.lease_until


def test_offsets_cannot_change_what_was_stored(
    dial: Any, worker: WorkerWithKey, data_dir: Path
) -> None:
    running = factories.make_running(worker=worker.worker)
    pk = running.work_request.pk
    peer = dial(CONNECT, worker.key)
    for offset, data, size in (
        (0, b"first", 5), (0, b"FIRST", 5), (2, b"RST!", 6), (7, b"gap", 6), (6, b"", 6),
        (2**62, b"far", 6), (5, b"?", 6),
    ):  # fmt: skip
        peer.send(binary(data, work_request_id=pk, offset=offset))
        assert peer.wait_for("log_ack")["offset"] == size
    assert content(data_dir, running) == b"first!"


def test_frame_of_more_than_sixteen_mebibytes_closes_only_its_own_connection(
    dial: Any, worker: WorkerWithKey, data_dir: Path
) -> None:
    running = factories.make_running(worker=worker.worker)
    peer = dial(CONNECT, worker.key)
    peer.wait_for("connected")
    peer.send(binary(b"x" * 17 * 2**20, work_request_id=running.work_request.pk))
    peer.rest()
    again = dial(CONNECT, worker.key)
    again.send(binary(work_request_id=running.work_request.pk))
    assert again.wait_for("log_ack")["offset"] == 1


@pytest.mark.parametrize("path", [CONNECT, "work-request/1/logs/", "work-request/on-completed/"])
def test_sessions_that_no_database_could_look_for(dial: Any, server: LiveServer, path: str) -> None:
    # Django takes octal escapes in cookies
    cookie = f'{settings.SESSION_COOKIE_NAME}="\\000sessionkey"'
    host = server.url.removeprefix("http://")
    (frame,) = dial(path, None, cookie=cookie, origin=f"http://{host}").rest()
    assert (frame["type"], frame["reason_code"]) == ("connection_rejected", "bad_text")
    assert frame["reason"].startswith("Cookie: must not hold NUL")


def test_listeners_to_workspaces_that_no_database_could_look_for(dial: Any, token: WithKey) -> None:
    (frame,) = dial("work-request/on-completed/?workspaces=%00", token.key).rest()
    assert (frame["type"], frame["reason_code"]) == ("connection_rejected", "bad_text")
    assert frame["reason"].startswith("workspaces: must not hold NUL")


@pytest.mark.parametrize("offset", ["x", "-1", "9" * 30, "9" * 5000, "\u00b2", ""])
def test_log_readers_with_a_wrong_offset_are_told(
    dial: Any, worker: WorkerWithKey, offset: str
) -> None:
    running = factories.make_running(worker=worker.worker)
    path = f"work-request/{running.work_request.pk}/logs/?offset={requests.utils.quote(offset)}"
    (frame,) = dial(path, factories.make_token(factories.make_user(superuser=True)).key).rest()
    assert (frame["type"], frame["reason_code"]) == ("connection_rejected", "bad_offset")


def test_what_a_token_is_not_for(server: LiveServer, worker: WorkerWithKey) -> None:
    factories.make_workspace()
    running = factories.make_running()
    other = factories.make_running()
    url = f"{server.url}/api/1.0"
    test = {"category": "debusine:test", "work_request": other.work_request.pk}

    def status(method: str, path: str, key: str, body: Any = None) -> int:
        answer = requests.request(
            method, url + path, headers={"Token": key}, json=body, timeout=PATIENCE_S
        )
        if answer.status_code >= 400:
            assert answer.headers["Content-Type"] == "application/problem+json", path
        return answer.status_code

    done = {"result": "success"}
    report = f"/work-request/{other.work_request.pk}/completed/"
    assert status("POST", "/work-request/", worker.key, {"task_name": "noop"}) == 403
    assert status("POST", "/work-request/", running.key, {"task_name": "noop"}) == 403
    assert status("GET", "/work-request/", worker.key) == 403
    assert status("POST", "/artifact/", worker.key, {"category": "debusine:test"}) == 403
    assert status("POST", "/artifact/", running.key, test) == 403
    assert status("POST", "/work-request/get-next-for-worker/", running.key) == 403
    assert status("PUT", "/worker/dynamic-metadata/", running.key, {}) == 403
    for key in (worker.key, running.key, "nobody"):
        assert status("PUT", report, key, done) == 404
    assert Attempt.objects.get(pk=other.attempt.pk).ended_at is None
    for path in ("abort", "retry"):
        assert status("POST", f"/work-request/{other.work_request.pk}/{path}/", running.key) in {
            403, 404,
        }  # fmt: skip


def test_body_that_is_too_large_is_refused_in_words(server: LiveServer) -> None:
    factories.make_workspace()
    key = factories.make_token().key
    body = b'{"task_name": "' + b"a" * (17 * 2**20) + b'"}'
    answer = requests.post(
        f"{server.url}/api/1.0/work-request/",
        data=body,
        headers={"Token": key, "Content-Type": "application/json"},
        timeout=PATIENCE_S,
    )
    assert answer.status_code == 413
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert "16 MiB" in answer.json()["title"]


@pytest.mark.parametrize(
    "request_line",
    [
        b"GET //\xff\xfe HTTP/1.1", b"\x16\x03\x01\x02\x00garbage", b"GET / HTTP/9.9",
        b"POST /api/1.0/work-request/ HTTP/1.1\r\nContent-Length: -1",
        b"POST /api/1.0/work-request/ HTTP/1.1\r\nContent-Length: 4\r\nTransfer-Encoding: chunked",
    ],
)  # fmt: skip
def test_what_is_no_http_is_refused(
    server: LiveServer, request_line: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    host, port = server.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=PATIENCE_S) as connection:
        connection.sendall(request_line + b"\r\nHost: x\r\n\r\n")
        assert connection.recv(100).startswith(b"HTTP/1.1 400")
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]
