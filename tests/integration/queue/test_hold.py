# SPDX-License-Identifier: GPL-3.0-or-later
"""Wishes to keep environments, and terminals in them, with an agent that only says so."""

from __future__ import annotations

import base64
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from django.conf import settings

from debusine.db.models import Hold, Terminal, User
from debusine.domain.result import WorkRequestResults
from debusine.domain.work_request import WorkRequestStatus
from debusine.server.actions.complete_work_request import complete_work_request
from debusine.server.actor import SYSTEM
from debusine.server.terminal_log import open_terminal_log
from debusine.testing import factories
from debusine.testing.factories import RunningWithKey, WorkerWithKey
from debusine.testing.live_server import LiveServer
from debusine.testing.waiting import PATIENCE_S, wait_for
from debusine.util.clock import SystemClock
from debusine.wire.base import to_wire_time
from debusine.wire.work_request import WorkRequestCompleted

CONNECT = "worker/connect/"
FEATURES = ["log-offsets", "heartbeat", "abort", "hold"]
_clock = SystemClock()


@pytest.fixture
def alice(transactional_db: None) -> User:
    factories.make_workspace()
    return factories.make_user("alice", superuser=True)


@pytest.fixture
def key(alice: User) -> str:
    return factories.make_token(alice).key


@pytest.fixture
def worker(alice: User) -> WorkerWithKey:
    return factories.make_worker("builder", features=tuple(FEATURES))


@pytest.fixture
def running(worker: WorkerWithKey) -> RunningWithKey:
    made = factories.make_running(worker=worker.worker)
    made.work_request.worker = worker.worker
    made.work_request.save(update_fields=["worker"])
    return made


@pytest.fixture
def ask(server: LiveServer, key: str) -> Any:
    """Call the API as alice, or with another key."""

    def ask(method: str, pk: int, path: str = "hold/", body: Any = None, token: str = key) -> Any:
        url = f"{server.url}/api/1.0/work-request/{pk}/{path}"
        headers = {"Token": token} if token else {}
        return requests.request(method, url, json=body, headers=headers, timeout=PATIENCE_S)

    return ask


def complete(running: RunningWithKey, result: str = "failure") -> None:
    complete_work_request(
        SYSTEM,
        token_hash=running.token.hash,
        work_request_id=running.work_request.pk,
        report=WorkRequestCompleted(result=WorkRequestResults(result)),
        now=_clock.now(),
    )


class FakeAgent:
    """An agent that keeps what it is told to, and says so."""

    def __init__(self, dial: Any, worker: WorkerWithKey, running: list[int]) -> None:
        self.peer = dial(CONNECT, worker.key)
        frame = {"type": "hello", "version": "0", "features": FEATURES, "running": running}
        self.peer.send(frame)
        for _ in running:
            self.peer.wait_for("log_ack")

    def hold(self, pk: int, hold: int, *, network: bool = False) -> None:
        now = _clock.now()
        one = {
            "hold": hold, "work_request_id": pk, "network": network,
            "held_at": to_wire_time(now), "until": to_wire_time(now + timedelta(minutes=30)),
        }  # fmt: skip
        self.peer.send({"type": "holds", "held": [one]})
        wait_for(lambda: Hold.objects.filter(pk=hold, held_at__isnull=False).exists())

    def end(self, hold: int, reason: str) -> None:
        self.peer.send({"type": "holds", "ended": [{"hold": hold, "reason": reason}]})
        wait_for(lambda: Hold.objects.filter(pk=hold, ended_at__isnull=False).exists())

    def frame(self) -> dict[str, Any]:
        found: dict[str, Any] = self.peer.wait_for("terminal")["frame"]
        return found

    def frame_of(self, kind: str) -> dict[str, Any]:
        while (frame := self.frame())["kind"] != kind:
            assert frame["kind"] == "alive"
        return frame

    def say(self, terminal: int, kind: str, **fields: Any) -> None:
        self.peer.send({"type": "terminal", "kind": kind, "terminal": terminal, **fields})

    def show(self, terminal: int, offset: int, data: bytes) -> None:
        self.say(terminal, "data", offset=offset, data=base64.b64encode(data).decode())


@pytest.fixture
def agent(dial: Any, worker: WorkerWithKey, running: RunningWithKey) -> FakeAgent:
    return FakeAgent(dial, worker, [running.work_request.pk])


@pytest.fixture
def held(agent: FakeAgent, ask: Any, running: RunningWithKey) -> Hold:
    """An environment that the agent keeps."""
    pk = running.work_request.pk
    assert ask("POST", pk, body={}).status_code == 200
    wish = agent.peer.wait_for("hold")["hold"]
    agent.hold(pk, wish["hold"])
    complete(running)
    return Hold.objects.get()


def attach(dial: Any, pk: int, key: str | None, **wanted: Any) -> Any:
    peer = dial(f"work-request/{pk}/terminal/", key)
    peer.send(wanted)
    return peer


# wishes


def test_a_wish_for_what_runs_reaches_its_agent(
    agent: FakeAgent, ask: Any, running: RunningWithKey
) -> None:
    pk = running.work_request.pk
    answer = ask("POST", pk, body={"seconds": 600, "condition": "always"}).json()
    assert (answer["state"], answer["seconds"]) == ("wanted", 600)
    assert answer["text"] == "its environment will be kept when it ends"
    order = agent.peer.wait_for("hold")
    hold = Hold.objects.get()
    assert order["work_request_id"] == pk
    assert order["hold"] == {"hold": hold.pk, "seconds": 600, "condition": "always"}
    agent.hold(pk, hold.pk)
    shown = ask("GET", pk).json()
    assert (shown["state"], shown["worker"], shown["network"]) == ("held", "builder", False)
    assert shown["text"].startswith("its environment is kept on worker builder until ")


def test_a_wish_for_what_waits_comes_with_the_request(
    server: LiveServer, ask: Any, worker: WorkerWithKey, alice: User
) -> None:
    url = f"{server.url}/api/1.0/work-request/"
    headers = {"Token": factories.make_token(alice).key}
    created = requests.post(url, json={"task_name": "noop"}, headers=headers, timeout=PATIENCE_S)
    pk = created.json()["id"]
    assert ask("POST", pk, body={}).json()["text"] == "its environment will be kept if it fails"
    record = requests.post(
        f"{url}get-next-for-worker/", headers={"Token": worker.key}, timeout=PATIENCE_S
    ).json()
    assert record["id"] == pk
    hold = Hold.objects.get()
    assert record["hold"] == {"hold": hold.pk, "seconds": 1800, "condition": "failure"}


def test_a_worker_that_cannot_is_named(ask: Any, alice: User) -> None:
    old = factories.make_worker("old-one")
    running = factories.make_running(worker=old.worker)
    running.work_request.worker = old.worker
    running.work_request.save(update_fields=["worker"])
    answer = ask("POST", running.work_request.pk, body={})
    assert answer.status_code == 400
    assert "It runs on worker old-one, which keeps no environments." in answer.text
    waiting = factories.make_running(worker=old.worker)
    pk = waiting.work_request.pk
    Hold.objects.create(
        work_request=waiting.work_request,
        requested_by=alice,
        requested_at=_clock.now(),
        condition="failure",
        duration=timedelta(minutes=1),
    )
    text = ask("GET", pk).json()["text"]
    assert text == "its environment will not be kept by worker old-one, which keeps none"
    complete(waiting)
    shown = ask("GET", pk).json()
    assert (shown["state"], shown["text"]) == (
        "ended", "its environment was not kept: worker old-one keeps none",
    )  # fmt: skip


def test_what_has_ended_cannot_be_kept_but_tried_again(ask: Any, running: RunningWithKey) -> None:
    complete(running)
    pk = running.work_request.pk
    answer = ask("POST", pk, body={})
    assert answer.status_code == 400
    assert f"debusine reproduce {pk}" in answer.text
    assert f"debusine hold {pk} --retry" in answer.text
    again = ask("POST", pk, body={"retry": True}).json()
    assert again["state"] == "wanted"
    assert again["work_request"] > pk
    assert Hold.objects.get().work_request.supersedes_id == pk


def test_a_server_may_allow_none(ask: Any, running: RunningWithKey) -> None:
    before = settings.DEBUSINE
    settings.DEBUSINE = before.model_copy(update={"hold_max": timedelta(0)})
    answer = ask("POST", running.work_request.pk, body={})
    assert "This server allows no worker to keep environments." in answer.text


@pytest.mark.parametrize(
    "body", [{"seconds": 0}, {"seconds": 10**9}, {"condition": "never"}, {"what": 1}]
)
def test_nonsense_is_refused(ask: Any, running: RunningWithKey, body: Any) -> None:
    assert ask("POST", running.work_request.pk, body=body).status_code == 400
    assert not Hold.objects.exists()


def test_what_is_kept_is_released(agent: FakeAgent, ask: Any, held: Hold) -> None:
    pk = held.work_request_id
    assert ask("DELETE", pk).json()["state"] == "held"
    assert agent.peer.wait_for("release")["work_request_id"] == pk
    agent.end(held.pk, "it was released")
    shown = ask("GET", pk).json()
    assert (shown["state"], shown["text"]) == (
        "ended", "its environment is kept no longer: it was released",
    )  # fmt: skip
    assert ask("DELETE", pk).status_code == 400


def test_what_is_only_wanted_is_released_at_once(
    agent: FakeAgent, ask: Any, running: RunningWithKey
) -> None:
    pk = running.work_request.pk
    ask("POST", pk, body={})
    assert ask("DELETE", pk).json()["state"] == "ended"
    agent.peer.wait_for("release")
    # an agent that did not hear of it is told when it says what it keeps
    hold = Hold.objects.get()
    now = to_wire_time(_clock.now())
    one = {"hold": hold.pk, "work_request_id": pk, "network": True, "held_at": now, "until": now}
    agent.peer.send({"type": "holds", "held": [one]})
    assert agent.peer.wait_for("release")["work_request_id"] == pk
    assert Hold.objects.get().held_at is None


def test_an_agent_that_started_anew_has_lost_it(
    agent: FakeAgent, ask: Any, held: Hold, dial: Any, worker: WorkerWithKey
) -> None:
    agent.peer.close()
    again = FakeAgent(dial, worker, [])
    again.peer.send({"type": "holds"})
    wait_for(lambda: Hold.objects.filter(ended_at__isnull=False).exists())
    assert "the worker started anew" in ask("GET", held.work_request_id).json()["text"]


def test_agents_say_nothing_about_the_requests_of_others(
    held: Hold, dial: Any, agent: FakeAgent
) -> None:
    other = FakeAgent(dial, factories.make_worker(features=tuple(FEATURES)), [])
    other.peer.send({"type": "holds", "ended": [{"hold": held.pk, "reason": "forged"}]})
    now = to_wire_time(_clock.now())
    one = {
        "hold": held.pk, "work_request_id": held.work_request_id, "network": True,
        "held_at": now, "until": now,
    }  # fmt: skip
    other.peer.send({"type": "holds", "held": [one]})
    assert other.peer.wait_for("release")["work_request_id"] == held.work_request_id
    held.refresh_from_db()
    assert (held.ended_at, held.network) == (None, False)


# who may


def test_who_may_hold_and_attach(
    ask: Any, dial: Any, held: Hold, running: RunningWithKey, worker: WorkerWithKey
) -> None:
    public = factories.make_workspace("open", public=True)
    stranger = factories.make_token(factories.make_user("mallory")).key
    visible = factories.make_work_request(workspace=public)
    none = 999_999
    for token, expected in ((stranger, 404), ("", 404), (worker.key, 404)):
        for method in ("GET", "POST", "DELETE"):
            answers = [
                ask(method, pk, body={} if method == "POST" else None, token=token)
                for pk in (held.work_request_id, none)
            ]
            assert [answer.status_code for answer in answers] == [expected, expected]
            # that it is there is not told
            texts = {
                answer.text.replace(str(none), "N").replace(str(held.work_request_id), "N")
                for answer in answers
            }
            assert len(texts) == 1
    assert ask("POST", visible.pk, body={}, token=stranger).status_code == 403
    for token in (stranger, worker.key, running.key, "no-such-key"):
        frames = [
            dial(f"work-request/{pk}/terminal/", token).rest()
            for pk in (held.work_request_id, none)
        ]
        assert frames[0] == frames[1]
        assert frames[0][0]["type"] == "connection_rejected"
    (refused,) = dial(f"work-request/{visible.pk}/terminal/", stranger).rest()
    assert refused["reason_code"] == "permission_denied"
    (refused,) = dial(f"work-request/{held.work_request_id}/terminal/").rest()
    assert refused["reason"] == "this needs the token of a user"
    assert not Terminal.objects.exists()


# terminals


def test_bytes_pass_both_ways_and_are_kept(
    agent: FakeAgent, dial: Any, ask: Any, key: str, held: Hold, data_dir: Path
) -> None:
    pk = held.work_request_id
    peer = attach(dial, pk, key, is_root=True, rows=50, columns=132, term="xterm", command=["ls"])
    welcome = peer.next()
    assert (welcome["type"], welcome["worker"], welcome["network"]) == (
        "connected", "builder", False,
    )  # fmt: skip
    terminal = welcome["terminal"]
    opening = agent.frame()
    assert opening == {
        "type": "terminal", "kind": "open", "terminal": terminal, "work_request_id": pk,
        "is_root": True, "rows": 50, "columns": 132, "term": "xterm", "command": ["ls"],
        "idle_s": 900,
    }  # fmt: skip
    typed = {"kind": "data", "offset": 0, "data": base64.b64encode(b"\xff\x00a").decode()}
    peer.send(typed)
    assert agent.frame_of("data") | {"type": ""} == {**typed, "terminal": terminal, "type": ""}
    agent.show(terminal, 0, b"caf\xe9 \x1b[0m")
    agent.show(terminal, 0, b"caf\xe9 \x1b[0m")
    for _ in range(2):
        assert base64.b64decode(peer.next()["data"]) == b"caf\xe9 \x1b[0m"
    peer.send({"kind": "ack", "offset": 9})
    assert agent.frame_of("ack")["offset"] == 9
    # whatever number the person's program gives
    peer.send({"kind": "resize", "rows": 24, "columns": 80, "terminal": terminal + 1})
    assert agent.frame_of("resize")["terminal"] == terminal
    agent.say(terminal, "exit", exit_code=3)
    (last,) = peer.rest()
    assert (last["kind"], last["exit_code"]) == ("exit", 3)
    (record,) = ask("GET", pk).json()["terminals"]
    found = {name: record[name] for name in ("opened_by", "is_root", "exit_code", "log_size_bytes")}
    assert found == {"opened_by": "alice", "is_root": True, "exit_code": 3, "log_size_bytes": 9}
    assert record["closed_at"] is not None
    log = ask("GET", pk, f"terminal/{terminal}/log/")
    assert log.content == b"caf\xe9 \x1b[0m"
    assert ask("GET", pk, f"terminal/{terminal + 1}/log/").status_code == 404


def test_a_person_who_leaves_ends_it(agent: FakeAgent, dial: Any, key: str, held: Hold) -> None:
    peer = attach(dial, held.work_request_id, key)
    terminal = peer.next()["terminal"]
    agent.frame_of("open")
    peer.close()
    assert agent.frame_of("close")["reason"] == "the person left"
    wait_for(lambda: Terminal.objects.get(pk=terminal).closed_at)


def test_what_shows_too_much_is_closed(
    agent: FakeAgent, dial: Any, key: str, held: Hold, data_dir: Path
) -> None:
    settings.DEBUSINE = settings.DEBUSINE.model_copy(update={"terminal_log_mib": 1})
    terminal = attach(dial, held.work_request_id, key).next()["terminal"]
    agent.frame_of("open")
    for number in range(17):
        agent.show(terminal, number * 65536, b"x" * 65536)
    assert agent.frame_of("close")["reason"].startswith("it has shown 1 MiB")
    assert open_terminal_log(terminal).size() == 1 << 20


@pytest.mark.parametrize(
    "frame",
    [
        {"kind": "resize", "rows": 0, "columns": 80},
        {"kind": "resize", "rows": 10**6, "columns": 80},
        {"kind": "data", "offset": 0, "data": "not base64!"},
        {"kind": "data", "offset": -1, "data": ""},
        {"kind": "data", "offset": 0, "data": "eHh4" * 65536},
        {"kind": "open", "work_request_id": 1},
        {"kind": "exit", "exit_code": 0},
        {},
    ],
)
def test_nonsense_ends_the_terminal_of_who_sends_it(
    agent: FakeAgent, dial: Any, key: str, held: Hold, frame: dict[str, Any]
) -> None:
    peer = attach(dial, held.work_request_id, key)
    peer.next()
    agent.frame_of("open")
    peer.send(frame)
    (last,) = peer.rest()
    assert last["reason_code"] == "bad_frame"
    agent.frame_of("close")


@pytest.mark.parametrize(
    "wanted", [{"rows": -1}, {"term": "a\nb"}, {"command": ["x"] * 2000}, {"command": ["\0"]}]
)
def test_nonsense_opens_nothing(dial: Any, key: str, held: Hold, wanted: Any) -> None:
    (refused,) = attach(dial, held.work_request_id, key, **wanted).rest()
    assert refused["reason_code"] == "bad_frame"
    assert not Terminal.objects.exists()


def test_a_flood_of_frames_is_not_passed_on(
    agent: FakeAgent, dial: Any, key: str, held: Hold
) -> None:
    peer = attach(dial, held.work_request_id, key)
    peer.next()
    agent.frame_of("open")
    for _ in range(500):
        peer.send({"kind": "resize", "rows": 30, "columns": 90})
    peer.close()
    count = 0
    while agent.frame()["kind"] != "close":
        count += 1
    assert count <= 70


def test_other_agents_cannot_write_into_it(
    agent: FakeAgent, dial: Any, key: str, held: Hold, data_dir: Path
) -> None:
    peer = attach(dial, held.work_request_id, key)
    terminal = peer.next()["terminal"]
    agent.frame_of("open")
    other = FakeAgent(dial, factories.make_worker(features=tuple(FEATURES)), [])
    other.show(terminal, 0, b"forged")
    other.say(terminal, "exit", exit_code=0)
    # by its answer to this, it has looked at those
    other.peer.send({"type": "holds", "held": []})
    agent.show(terminal, 0, b"true")
    assert base64.b64decode(peer.next()["data"]) == b"true"
    assert open_terminal_log(terminal).size() == 4


def test_nothing_to_attach_to_is_explained(dial: Any, key: str, running: RunningWithKey) -> None:
    pk = running.work_request.pk
    (refused,) = attach(dial, pk, key).rest()
    assert f"Nobody asked for the environment of work request {pk} to be kept." in refused["reason"]


def test_a_worker_that_is_away_is_named(
    agent: FakeAgent, dial: Any, key: str, held: Hold, worker: WorkerWithKey
) -> None:
    agent.peer.close()

    def is_away() -> bool:
        worker.worker.refresh_from_db()
        return worker.worker.connected_at is None

    wait_for(is_away)
    (refused,) = attach(dial, held.work_request_id, key).rest()
    assert "but the worker is not connected" in refused["reason"]


def test_an_aborted_request_keeps_nothing(ask: Any, running: RunningWithKey) -> None:
    pk = running.work_request.pk
    ask("POST", pk, body={})
    request = running.work_request
    request.refresh_from_db()
    request.status = WorkRequestStatus.ABORTED.value
    request.save(update_fields=["status"])
    assert ask("GET", pk).json()["text"] == "its environment was not kept: it was aborted"
