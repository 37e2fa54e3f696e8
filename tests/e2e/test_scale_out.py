# SPDX-License-Identifier: GPL-3.0-or-later
"""Every part of a large installation is killed again and again under load; nothing is lost."""

from __future__ import annotations

import contextlib
import os
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator

import psycopg
import pytest
import requests

from debusine.testing.scaled_out import PARTS, SERVERS, ScaledOut, scaled_out
from debusine.testing.waiting import wait_for

KILLS = int(os.environ.get("DEBUSINE_TEST_SCALED_KILLS", "200"))
SEED = int(os.environ.get("DEBUSINE_TEST_SEED", "20261122"))
# what an administrator's command does; nobody may ask for these over the API
SIGN = """
import sys, django
django.setup(set_prefix=False)
from debusine.db.models import User, Workspace
from debusine.domain.work_request import TaskTypes
from debusine.server.actions.create_work_request import create_work_request
from debusine.server.actor import Actor
from debusine.util.clock import SystemClock
for _ in range(int(sys.argv[1])):
    create_work_request(
        Actor(user=User.objects.get(username="admin")),
        workspace=Workspace.objects.select_related("scope").get(),
        task_name="noop", data={}, now=SystemClock().now(), task_type=TaskTypes.SIGNING,
    )
"""

pytestmark = [pytest.mark.real, pytest.mark.xdist_group("kills"), pytest.mark.timeout(1500)]


@pytest.fixture(scope="module")
def running() -> Iterator[ScaledOut]:
    with scaled_out() as one:
        yield one


def ask(running: ScaledOut, task_name: str, draw: random.Random) -> None:
    """Ask some server; whether one that was killed got the request stands in the database."""
    wanted = {"task_name": task_name, "task_data": {"result": "success"}}
    for server in draw.sample(SERVERS, k=len(SERVERS)):
        with contextlib.suppress(requests.RequestException):
            url = f"{running.url(server)}/1.0/work-request/"
            headers = {"Token": running.token}
            if requests.post(url, json=wanted, headers=headers, timeout=5).ok:
                return


def ask_for_signing(running: ScaledOut, count: int) -> None:
    environment = {**running.environment, "DJANGO_SETTINGS_MODULE": "debusine.site.settings"}
    subprocess.check_call([sys.executable, "-c", SIGN, str(count)], env=environment)


def rows(running: ScaledOut, query: str) -> list[tuple[object, ...]]:
    with psycopg.connect(running.database.url) as connection:
        return connection.execute(query).fetchall()


def require_one_end_each(running: ScaledOut, what: str) -> None:
    """Wait until all requests have ended; each did once, with success, and said so once."""
    not_final = "SELECT id, task_type, status FROM db_workrequest WHERE status != 'completed'"
    wait_for(
        lambda: not rows(running, not_final),
        instead=lambda: f"{what}: {rows(running, not_final)}\n{running.logs()}",
    )
    results = Counter(rows(running, "SELECT task_type, result FROM db_workrequest"))
    assert {result for _, result in results} == {"success"}, (what, results)
    assert {task_type for task_type, _ in results} == {"Worker", "Server", "Signing"}, what
    doubled = rows(
        running,
        "SELECT work_request_id FROM db_attempt WHERE outcome = 'success'"
        " GROUP BY work_request_id HAVING COUNT(*) != 1",
    )
    assert not doubled, what
    ends = rows(
        running,
        "SELECT request.id FROM db_workrequest AS request LEFT JOIN db_event AS event"
        " ON event.work_request_id = request.id AND event.kind = 'work_request.completed'"
        " GROUP BY request.id HAVING COUNT(event.id) != 1",
    )
    assert not ends, what
    assert not rows(running, "SELECT id FROM db_attempt WHERE ended_at IS NULL"), what


def test_kills_under_load(running: ScaledOut) -> None:
    draw = random.Random(SEED)
    turns: list[str] = []
    for number in range(KILLS):
        if number % (10 * len(PARTS)) == 0:
            ask_for_signing(running, 20)
        if not turns:
            turns = draw.sample(PARTS, k=len(PARTS))
        for task_name in ("noop", "noop", "servernoop"):
            ask(running, task_name, draw)
        victim = turns.pop()
        running.wait_until_ready(victim)
        running.kill(victim)
    require_one_end_each(running, f"{KILLS} kills (seed {SEED})")


@pytest.mark.parametrize("what", ["redis", "database"])
def test_what_all_share_goes_and_comes_back(running: ScaledOut, what: str) -> None:
    draw = random.Random(SEED)
    service = running.redis if what == "redis" else running.database

    def some() -> None:
        for task_name in ("noop", "servernoop") * 3:
            ask(running, task_name, draw)

    ask_for_signing(running, 3)
    some()
    service.stop()
    some()
    service.start()
    some()
    require_one_end_each(running, f"{what} was away")
