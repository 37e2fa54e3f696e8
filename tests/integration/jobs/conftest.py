# SPDX-License-Identifier: GPL-3.0-or-later
"""Tasks of the server that a test controls."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from typing_extensions import override

from debusine.domain.result import WorkRequestResults
from debusine.server.server_worker import ServerWorker
from debusine.server.tasks.base import BaseServerTask
from debusine.tasks.models import BaseDynamicTaskData, BaseTaskData
from debusine.testing.waiting import PATIENCE_S


@pytest.fixture
def data_dir(tmp_path: Path) -> Iterator[Path]:
    """Where this test's logs and files lie."""
    before = settings.DEBUSINE
    settings.DEBUSINE = before.model_copy(update={"data_dir": tmp_path})
    yield tmp_path
    settings.DEBUSINE = before


class ProbeData(BaseTaskData):
    note: str = ""


class Probe:
    """What the task does, and what it saw."""

    def __init__(self) -> None:
        self.started = threading.Event()
        self.aborted = threading.Event()
        self.act: Callable[[Any], WorkRequestResults] = lambda task: WorkRequestResults.SUCCESS

    def wait_for_abort(self, task: Any) -> WorkRequestResults:
        self.started.set()
        for _ in range(int(PATIENCE_S * 100)):
            if task.aborted:
                self.aborted.set()
                return WorkRequestResults.FAILURE
            threading.Event().wait(0.01)
        raise AssertionError("nobody told it")


@pytest.fixture
def probe(_task_names: None, data_dir: Path) -> Probe:
    """A task of the server called ``serverprobe``."""
    probe = Probe()

    class ServerProbe(BaseServerTask[ProbeData, BaseDynamicTaskData]):
        TASK_VERSION = 1

        @override
        def get_subject(self) -> str | None:
            return None

        @override
        def perform(self) -> WorkRequestResults:
            return probe.act(self)

    return probe


@pytest.fixture
def server_worker(transactional_db: None, probe: Probe) -> Iterator[ServerWorker]:
    """This process as a worker that two tasks fit in."""
    worker = ServerWorker(slots=2)
    worker.start()
    yield worker
    worker.stop()
