# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from debusine.client.config import DEFAULT_PATH
from debusine.client.debusine import Debusine
from debusine.domain.event import EventKind
from debusine.errors import NotFoundError
from debusine.server import events
from debusine.testing import factories
from debusine.testing.live_server import LiveServer

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def happen(count: int = 1) -> None:
    request = factories.make_work_request()
    for _ in range(count):
        events.record(request, EventKind.ABORTED, at=NOW)


@pytest.fixture
def key(server: LiveServer) -> str:
    factories.make_workspace()
    return factories.make_token(factories.make_user(superuser=True)).key


@pytest.fixture
def client(server: LiveServer, key: str) -> Debusine:
    return Debusine(f"{server.url}/api", key)


def test_all_pages_are_read(client: Debusine) -> None:
    happen(120)
    seen = list(client.events()("0"))
    assert [event.cursor for event in seen] == [str(number) for number in range(1, 121)]
    assert list(client.events(kinds=["work_request.completed"])("0")) == []
    assert list(client.events()()) == []


def test_who_follows_sees_what_comes(client: Debusine) -> None:
    happen()
    reading = client.events(workspaces=["System"])("0", follow=True)
    assert next(reading).cursor == "1"
    happen()
    assert next(reading).cursor == "2"


def test_who_is_too_late_is_told(client: Debusine) -> None:
    happen()
    events.remove_old(before=NOW + timedelta(days=1))
    with pytest.raises(NotFoundError, match="gone"):
        next(client.events()("0"))


def test_the_command_follows(server: LiveServer, key: str, tmp_path: Path) -> None:
    happen()
    config = tmp_path / DEFAULT_PATH.name
    config.write_text(
        "[General]\ndefault-server = here\n"
        f"[server:here]\napi-url = {server.url}/api\nscope = debusine\ntoken = {key}\n"
    )
    program = [str(Path(sys.executable).parent / "debusine"), "--config-file", str(config), "event"]
    with subprocess.Popen(
        [*program, "follow", "--after", "0", "--json"], stdout=subprocess.PIPE, text=True
    ) as following:
        assert following.stdout is not None
        assert json.loads(following.stdout.readline())["cursor"] == "1"
        happen()
        assert json.loads(following.stdout.readline())["cursor"] == "2"
        following.terminate()
    listed = subprocess.check_output([*program, "list", "--after", "0"], text=True)
    assert "work_request.aborted" in listed
    assert "--after 2" in listed
