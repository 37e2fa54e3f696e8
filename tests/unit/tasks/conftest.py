# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typing_extensions import override

from debusine.domain.result import WorkRequestResults
from debusine.tasks import BaseExternalTask
from debusine.tasks.models import BaseDynamicTaskData, BaseTaskData
from debusine.testing.waiting import wait_for


@pytest.fixture(autouse=True)
def _no_new_tasks(_task_names: None) -> None:
    """Each test here may make tasks."""


class ListSender:
    """Keeps what a task sends live."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, bytes]] = []
        self.ends: list[int] = []

    def send(self, data: bytes, stream: str) -> None:
        self.sent.append((stream, data))

    def send_end(self, exit_code: int) -> None:
        self.ends.append(exit_code)

    def bytes_of(self, stream: str) -> bytes:
        return b"".join(data for name, data in self.sent if name == stream)


@pytest.fixture
def sender() -> ListSender:
    return ListSender()


@pytest.fixture
def abort_when() -> Iterator[Callable[[Any, Callable[[], bool]], None]]:
    """Abort a task, in a thread of its own, once something is true."""
    threads: list[threading.Thread] = []

    def abort_when(task: Any, condition: Callable[[], bool]) -> None:
        def watch() -> None:
            wait_for(condition)
            task.abort()

        threads.append(threading.Thread(target=watch))
        threads[-1].start()

    yield abort_when
    for thread in threads:
        thread.join()


class StagesTask(BaseExternalTask[BaseTaskData, BaseDynamicTaskData]):
    """Records its stages; what each does is set by a test. Abstract, so not registered."""

    fail_in: str | None = None
    raise_in: str | None = None
    outcome = WorkRequestResults.SUCCESS
    errors: tuple[str, ...] = ()

    @override
    def post_init(self) -> None:
        super().post_init()
        self.done: list[str] = []
        self.directories: list[Path] = []

    def stage(self, name: str, *directories: Path) -> bool:
        self.done.append(name)
        self.directories.extend(directories)
        assert all(directory.is_dir() for directory in directories)
        if self.raise_in == name:
            message = f"{name} broke"
            raise RuntimeError(message)
        return self.fail_in != name

    @override
    def fetch_input(self, destination: Path) -> bool:
        return self.stage("fetch", destination)

    @override
    def configure_for_execution(self, download_directory: Path) -> bool:
        return self.stage("configure", download_directory)

    @override
    def prepare_to_run(self, download_directory: Path, execute_directory: Path) -> None:
        self.stage("prepare", download_directory, execute_directory)

    @override
    def check_directory_for_consistency_errors(self, build_directory: Path) -> list[str]:
        self.stage("check", build_directory)
        return list(self.errors)

    @override
    def upload_artifacts(
        self, execute_directory: Path, *, execution_result: WorkRequestResults
    ) -> None:
        self.stage(f"upload {execution_result}", execute_directory)

    @override
    def cleanup(self) -> None:
        self.stage("cleanup")


@pytest.fixture
def stages_task(tmp_path: Path) -> StagesTask:
    class Concrete(StagesTask):
        TASK_VERSION = 1

        @override
        def get_subject(self) -> str | None:
            return None

        @override
        def run(self, execute_directory: Path) -> WorkRequestResults:
            self.stage("run", execute_directory)
            return self.outcome

    task = Concrete({})
    task.set_working_directory(tmp_path / "work")
    return task
