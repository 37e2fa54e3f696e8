# SPDX-License-Identifier: GPL-3.0-or-later
"""A server with real sockets."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from django.conf import settings
from typing_extensions import override
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from debusine.domain.result import WorkRequestResults
from debusine.domain.tags import capability_tag
from debusine.tasks import BaseExternalTask, BaseTaskWithExecutor
from debusine.tasks.models import BaseDynamicTaskDataWithExecutor, BaseTaskDataWithExecutor
from debusine.testing import factories
from debusine.testing.live_server import LiveServer
from debusine.testing.waiting import PATIENCE_S


class Peer:
    """One end of a WebSocket."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection

    def send(self, frame: dict[str, Any] | bytes) -> None:
        self._connection.send(frame if isinstance(frame, bytes) else json.dumps(frame))

    def send_raw(self, frame: str | bytes) -> None:
        self._connection.send(frame)

    def next(self, timeout_s: float = PATIENCE_S) -> dict[str, Any]:
        frame: dict[str, Any] = json.loads(self._connection.recv(timeout=timeout_s))
        return frame

    def wait_for(self, text: str) -> dict[str, Any]:
        """The next frame that says so; others are passed over."""
        while True:
            frame = self.next()
            if frame.get("text") == text:
                return frame

    def rest(self) -> list[dict[str, Any]]:
        """Everything until the server closes."""
        frames = []
        try:
            while True:
                frames.append(self.next())
        except ConnectionClosed:
            return frames

    def close(self) -> None:
        self._connection.close()


@pytest.fixture
def data_dir(tmp_path: Path) -> Iterator[Path]:
    """Where this test's logs lie."""
    before = settings.DEBUSINE
    settings.DEBUSINE = before.model_copy(update={"data_dir": tmp_path})
    yield tmp_path
    settings.DEBUSINE = before


@pytest.fixture
def server(transactional_db: None, data_dir: Path) -> Iterator[LiveServer]:
    with LiveServer().running() as running:
        yield running


@pytest.fixture
def dial(server: LiveServer) -> Iterator[Callable[..., Peer]]:
    """Connect to a path below ``/api/ws/1.0/``."""
    with contextlib.ExitStack() as connections:

        def dial(path: str, key: str | None = None, **headers: str) -> Peer:
            headers |= {} if key is None else {"token": key}
            connection = connections.enter_context(
                connect(
                    server.websocket_url(path), additional_headers=headers, open_timeout=PATIENCE_S
                )
            )
            return Peer(connection)

        yield dial


@pytest.fixture
def post(server: LiveServer) -> Callable[[str, Any], Any]:
    """Ask the server for something, as an administrator, and return what it answers."""
    factories.make_workspace()
    key = factories.make_token(factories.make_user(superuser=True)).key

    def post(path: str, body: Any) -> Any:
        url = f"{server.url}/api/1.0{path}"
        answer = requests.post(url, json=body, headers={"Token": key}, timeout=PATIENCE_S)
        assert answer.status_code == 200, answer.text
        return answer.json()

    return post


@pytest.fixture(params=["tags", "metadata"])
def mode(request: pytest.FixtureRequest, settings: Any) -> str:
    """What decides who gets what."""
    update = {"tag_based_scheduling": request.param == "tags"}
    settings.DEBUSINE = settings.DEBUSINE.model_copy(update=update)
    return str(request.param)


class ProbeData(BaseTaskDataWithExecutor):
    tool: str | None = None


@pytest.fixture
def probe(_task_names: None) -> type[BaseExternalTask[Any, Any]]:
    """A task that asks for an executor, an architecture, and a tool if its data say so."""

    class Probe(BaseTaskWithExecutor[ProbeData, BaseDynamicTaskDataWithExecutor]):
        TASK_VERSION = 1
        CAPABILITIES = {"tool": "probe-tool"}  # noqa: RUF012  as tasks write it

        @override
        def get_subject(self) -> str | None:
            return None

        @override
        def run(self, execute_directory: Path) -> WorkRequestResults:
            return WorkRequestResults.SUCCESS

        @override
        def compute_system_required_tags(self) -> set[str]:
            own = {capability_tag(self.data.tool)} if self.data.tool else set()
            return super().compute_system_required_tags() | own

        @override
        def can_run_on(self, worker_metadata: dict[str, Any]) -> bool:
            key = self.prefix_with_task_name("tool")
            has_tool = self.data.tool != "probe-tool" or worker_metadata.get(key) is True
            return has_tool and super().can_run_on(worker_metadata)

    return Probe
