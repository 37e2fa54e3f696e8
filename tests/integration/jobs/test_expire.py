# SPDX-License-Identifier: GPL-3.0-or-later
"""What is old goes, what somebody still needs stays, and a night that was missed is made up for."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from debusine.db.models import Attempt, Timer, Token
from debusine.server import job_queue
from debusine.server.actor import hash_key
from debusine.server.jobs import expire
from debusine.server.jobs.sweep import Sweeper
from debusine.server.jobs.timers import ring_timers
from debusine.testing import factories
from debusine.testing.clock import FakeClock
from debusine.util.clock import SystemClock

NOW = SystemClock().now()
DAY = timedelta(days=1)


def expired_token(key: str, **fields: object) -> Token:
    values: dict[str, object] = {
        "token_type": "user",
        "created_at": NOW,
        "expire_at": NOW - DAY,
        "enabled": True,
    }
    if fields.get("token_type", "user") == "user":
        values["user"] = factories.make_user()
    return Token.objects.create(hash=hash_key(key), **(values | fields))


def test_expired_tokens_go_but_for_those_of_workers(db: None) -> None:
    expired_token("old")
    valid = expired_token("valid", expire_at=NOW + DAY)
    endless = expired_token("endless", expire_at=None)
    worker = factories.make_worker()
    Token.objects.filter(pk=worker.token.pk).update(expire_at=NOW - DAY)
    assert expire.remove_tokens(NOW) == 1
    assert expire.remove_tokens(NOW) == 0
    assert set(Token.objects.values_list("pk", flat=True)) == {
        valid.pk,
        endless.pk,
        worker.token.pk,
    }


def write_log(directory: Path, attempt: Attempt, age: timedelta) -> list[str]:
    directory.mkdir(exist_ok=True)
    names = []
    for suffix in (".log", ".index"):
        path = directory / f"{attempt.pk}{suffix}"
        path.write_text("x")
        moment = (NOW - age).timestamp()
        os.utime(path, (moment, moment))
        names.append(path.name)
    return names


def test_old_logs_go_unless_the_attempt_runs(db: None, data_dir: Path) -> None:
    logs = data_dir / "logs"
    attempts = [factories.make_running().attempt for _ in range(3)]
    Attempt.objects.filter(pk__in=[one.pk for one in attempts[:2]]).update(ended_at=NOW)
    write_log(logs, attempts[0], 400 * DAY)
    young = write_log(logs, attempts[1], 300 * DAY)
    running = write_log(logs, attempts[2], 400 * DAY)
    (logs / "notes.log").write_text("not ours")
    os.utime(logs / "notes.log", (0, 0))
    assert expire.remove_logs(NOW) == 2
    assert expire.remove_logs(NOW) == 0
    assert {path.name for path in logs.iterdir()} == {*young, *running, "notes.log"}


def test_no_logs_at_all(db: None, data_dir: Path) -> None:
    assert expire.remove_logs(NOW) == 0


def test_it_is_due_at_night_and_again_until_it_is_done(
    db: None,
    data_dir: Path,
    django_capture_on_commit_callbacks: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told: list[str] = []

    def send(job: str, *ids: int, queue: object = None) -> bool:
        told.append(job)
        return True

    monkeypatch.setattr(job_queue, "send", send)
    evening = datetime(2026, 1, 1, 20, tzinfo=UTC)
    night = datetime(2026, 1, 2, 3, tzinfo=UTC)
    for _ in range(2):
        Sweeper(FakeClock(evening)).sweep()
    assert Timer.objects.get(kind="expire").due_at == night
    with django_capture_on_commit_callbacks(execute=True):
        # nobody who runs jobs was there
        assert ring_timers(night) == night + timedelta(hours=1)
    assert told == ["expire"]
    expire.run()
    due_at = Timer.objects.get(kind="expire").due_at
    assert timedelta() < due_at - SystemClock().now() <= DAY
    assert due_at.hour == 3
