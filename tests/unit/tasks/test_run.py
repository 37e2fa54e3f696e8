# SPDX-License-Identifier: GPL-3.0-or-later
"""The run of a task, where something is in its way: aborts, full disks, odd exceptions."""

from __future__ import annotations

import errno
import os
import threading
from pathlib import Path
from typing import IO, Any

import pytest
from typing_extensions import override

from debusine.domain.result import WorkRequestResults
from debusine.errors import UserError
from debusine.tasks import BaseExternalTask, BaseTaskWithExecutor, TaskConfigError, process
from debusine.tasks.executors.base import ExecutorStatistics, InstanceStateError
from debusine.tasks.lifecycle import Lifecycle
from debusine.tasks.logs import LogDirectory
from debusine.tasks.models import (
    BaseDynamicTaskData,
    BaseDynamicTaskDataWithExecutor,
    BaseTaskData,
    BaseTaskDataWithExecutor,
)
from debusine.tasks.statistics import TaskStatistics
from debusine.testing.clock import FakeClock
from debusine.testing.executor import FakeInstance
from debusine.testing.task_client import FakeTaskClient
from debusine.worker import supervisor

ALL = ["fetch", "configure", "prepare", "run", "check", "upload success", "cleanup"]
SUCCESS, FAILURE = WorkRequestResults.SUCCESS, WorkRequestResults.FAILURE


@pytest.fixture
def task(stages_task: Any) -> Any:
    stages_task.clock = FakeClock()
    stages_task.debusine = FakeTaskClient()
    stages_task.workspace_name = "System"
    return stages_task


def act_in(task: Any, monkeypatch: pytest.MonkeyPatch, stage: str, action: Any) -> None:
    """Do something in a stage, before what it usually does."""
    plain = task.stage

    def acting(name: str, *directories: Path) -> bool:
        if name == stage:
            action()
        return bool(plain(name, *directories))

    monkeypatch.setattr(task, "stage", acting)


@pytest.mark.parametrize("stage", ALL[:5])
def test_abort_ends_the_run_after_any_stage(
    task: Any, monkeypatch: pytest.MonkeyPatch, stage: str
) -> None:
    act_in(task, monkeypatch, stage, task.abort)
    assert task.execute() is FAILURE
    assert task.done == [*ALL[: ALL.index(stage) + 1], "cleanup"]
    assert task.debusine.uploaded == []


@pytest.mark.parametrize("stage", ALL[5:])
def test_abort_that_comes_late_keeps_the_debug_logs_away(
    task: Any, monkeypatch: pytest.MonkeyPatch, stage: str
) -> None:
    act_in(task, monkeypatch, stage, task.abort)
    task.append_to_log_file("notes.log", ["something"])
    task.execute()
    assert task.done == ALL
    assert task.aborted
    assert task.debusine.uploaded == []


@pytest.mark.parametrize("stage", [*ALL[:5], "upload success"])
def test_abort_in_a_stage_that_breaks_cleans_up_too(
    task: Any, monkeypatch: pytest.MonkeyPatch, stage: str
) -> None:
    task.raise_in = stage
    act_in(task, monkeypatch, stage, task.abort)
    assert task.execute() is FAILURE
    assert task.done == [*ALL[: ALL.index(stage) + 1], "cleanup"]
    assert task.debusine.uploaded == []


def test_whatever_ends_the_process_cleans_up_first(
    task: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    act_in(task, monkeypatch, "run", interrupt)
    with pytest.raises(KeyboardInterrupt):
        task.execute()
    assert task.done == ["fetch", "configure", "prepare", "cleanup"]


@pytest.mark.parametrize("code", [WorkRequestResults.ERROR, WorkRequestResults.SKIPPED])
def test_exception_after_the_run_is_a_failure_whatever_the_run_said(
    task: Any, code: WorkRequestResults
) -> None:
    task.outcome = code
    task.raise_in = f"upload {code}"
    assert task.execute() is FAILURE


@pytest.mark.parametrize(
    ("error", "kind", "text"),
    [
        (TaskConfigError("bad", ValueError("why")), "TaskConfigError",
         "bad (Original exception: why)"),
        (UserError("odd", resolution="Mend it."), "UserError", "odd\nMend it."),
    ],
)  # fmt: skip
def test_exceptions_are_told_in_full(
    task: Any, monkeypatch: pytest.MonkeyPatch, error: Exception, kind: str, text: str
) -> None:
    def fail() -> None:
        raise error

    act_in(task, monkeypatch, "configure", fail)
    assert task.execute() is FAILURE
    log = task.debusine.uploaded[0].text("configure_for_execution.log")
    assert log.startswith(f"Exception type: {kind}\nMessage: {text}\n\nTraceback")


def test_stages_and_failures_are_in_the_log_of_the_worker(
    task: Any, caplog: pytest.LogCaptureFixture
) -> None:
    task.raise_in = "prepare"
    with caplog.at_level("INFO", logger="debusine.tasks"):
        task.execute()
    assert [(record.levelname, record.message) for record in caplog.records] == [
        ("INFO", "Fetching input"),
        ("INFO", "Configuring for execution"),
        ("INFO", "Preparing to run"),
        ("INFO", "execution failed"),
        ("INFO", "Cleaning up"),
    ]
    assert caplog.records[3].exc_info is not None


class FullDisk(LogDirectory):
    """Has no room for anything."""

    @override
    def open(self, filename: str, mode: str) -> IO[Any]:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("raise_in", [None, "run", "cleanup"])
def test_log_files_that_cannot_be_written_change_nothing(
    task: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture, raise_in: str | None
) -> None:
    task.raise_in = raise_in
    result = Lifecycle(task, FullDisk(tmp_path), directory=tmp_path).execute()
    assert result is (SUCCESS if raise_in is None else FAILURE)
    assert task.done[-1] == "cleanup"
    assert "cannot write stages.log: [Errno 28] No space left on device" in caplog.text


def test_inconsistency_counts_even_if_it_cannot_be_written(task: Any, tmp_path: Path) -> None:
    task.errors = ("odd",)
    assert Lifecycle(task, FullDisk(tmp_path), directory=tmp_path).execute() is FAILURE
    assert [error.code for error in task.reported_errors] == ["output-inconsistent"]


def test_listener_that_is_gone_changes_nothing(task: Any) -> None:
    class Gone:
        def send(self, data: bytes, stream: str) -> None:
            raise BrokenPipeError

        def send_end(self, exit_code: int) -> None:
            """Never raises."""

    task.log_sender = Gone()
    assert task.execute() is SUCCESS
    assert task.done == ALL


def test_end_of_the_live_log_comes_once_with_the_code_of_the_last_command(
    task: Any, sender: Any
) -> None:
    task.log_sender = sender
    task.last_exit_code = 0
    task.execute()
    task.last_exit_code = 4
    task.debusine, task.outcome = None, FAILURE
    with pytest.raises(AssertionError, match="no access to the server"):
        task.execute()
    assert sender.ends == [0, 4]


def test_debug_logs_are_text_files_of_the_work_request(task: Any) -> None:
    task.work_request_id = 7
    task.append_to_log_file("sub/notes.log", ["one"])
    task.execute()
    (logs,) = task.debusine.uploaded
    assert (logs.category, logs.work_request) == ("debusine:work-request-debug-logs", 7)
    assert logs.files == {"sub/notes.log": b"one\n"}
    assert not (task.working_directory / "logs").exists()


def test_every_debug_log_ends_with_the_line_that_the_worker_gives(task: Any) -> None:
    task.last_log_line = "To run this again: debusine reproduce 7"
    task.append_to_log_file("whole.log", ["one"])
    for name, text in (("sub/cut.log", "two"), ("empty.log", ""), ("data.json", "{}")):
        with task.open_debug_log_file(name) as file:
            file.write(text)
    task.execute()
    (logs,) = task.debusine.uploaded
    last = b"To run this again: debusine reproduce 7\n"
    assert logs.files == {
        "whole.log": b"one\n" + last,
        "sub/cut.log": b"two\n" + last,
        "empty.log": last,
        "data.json": b"{}",
    }


def test_artifact_that_cannot_be_fetched_is_a_failure_and_not_related(
    task: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    task.debusine.add(5, "debusine:test", {})

    def fetch() -> None:
        for number in (5, 5, 6):
            task.fetch_artifact(number, tmp_path)

    act_in(task, monkeypatch, "fetch", fetch)
    assert task.execute() is FAILURE
    assert task._source_artifacts_ids == [5, 5]
    (logs,) = task.debusine.uploaded
    assert "Message: no artifact 6" in logs.text("fetch_input.log")
    assert [target for _, target, _ in task.debusine.relations] == [5]


class Plain(BaseExternalTask[BaseTaskData, BaseDynamicTaskData]):
    """Abstract, so not registered."""

    @override
    def run(self, execute_directory: Path) -> WorkRequestResults:
        return SUCCESS


def test_a_task_that_only_runs_goes_through_all_stages(tmp_path: Path) -> None:
    concrete: Any = type("Concrete", (Plain,), {"get_subject": lambda _: None, "TASK_VERSION": 1})
    task = concrete({})
    task.set_working_directory(tmp_path)
    assert task.fetch_input(tmp_path) is True
    assert task.configure_for_execution(tmp_path) is True
    assert task.check_directory_for_consistency_errors(tmp_path) == []
    assert task.execute_logging_exceptions() is SUCCESS
    assert task.reported_errors == []


@pytest.mark.parametrize("missing", ["run", "get_subject"])
def test_tasks_must_say_what_they_do_and_what_about(missing: str) -> None:
    members = {"run": lambda *_: SUCCESS, "get_subject": lambda _: None}
    del members[missing]
    incomplete = type("Incomplete", (BaseExternalTask,), members)
    with pytest.raises(TypeError, match=missing):
        incomplete({})
    assert "incomplete" not in BaseExternalTask._sub_tasks[incomplete.TASK_TYPE]


class Leaky(BaseExternalTask[BaseTaskDataWithExecutor, BaseDynamicTaskDataWithExecutor]):
    """Abstract, so not registered."""

    @override
    def cleanup(self) -> None:
        message = "no cleaning today"
        raise RuntimeError(message)


class Boxed(BaseTaskWithExecutor[BaseTaskDataWithExecutor, BaseDynamicTaskDataWithExecutor], Leaky):
    """Abstract, so not registered."""

    @override
    def configure_for_execution(self, download_directory: Path) -> bool:
        self.executor_instance = FakeInstance()
        self.executor_instance.start()
        return True

    @override
    def run(self, execute_directory: Path) -> WorkRequestResults:
        return SUCCESS


def test_a_sandbox_is_stopped_though_another_base_fails_to_clean_up(tmp_path: Path) -> None:
    members = {"get_subject": lambda _: None, "TASK_VERSION": 1}
    concrete: Any = type("Concrete", (Boxed,), members)
    task = concrete({})
    task.debusine, task.workspace_name = FakeTaskClient(), "System"
    task.set_working_directory(tmp_path)
    assert task.execute() is FAILURE
    assert [error.code for error in task.reported_errors] == ["cleanup-failed", "stage-failed"]
    assert task.executor_instance.started == 1
    assert not task.executor_instance.is_started()


@pytest.mark.parametrize("error", [FileNotFoundError("gone"), InstanceStateError("not running")])
def test_measuring_goes_on_whatever_is_wrong_with_a_sandbox(task: Any, error: Exception) -> None:
    asked = threading.Semaphore(0)
    answers = iter([error])

    def measure(instance: object) -> ExecutorStatistics:
        del instance
        asked.release()
        for answer in answers:
            raise answer
        return ExecutorStatistics(memory=5)

    task.executor = type("Measured", (), {"get_statistics": staticmethod(measure)})
    with TaskStatistics(task, interval_s=0.01) as statistics:
        assert all(asked.acquire(timeout=30) for _ in range(3))
    assert statistics.result().memory == 5


def test_an_aborted_task_cleans_up_before_the_worker_ends_it() -> None:
    # a command that does not listen takes this long; what is left is for the clean-up
    deaf_s = process.TERMINATION_GRACE_S + process.REAP_S + process.LISTENER_S
    assert supervisor.GRACE_S - deaf_s >= 0.5
    # and what is left of two seconds is to end all processes and to tell the agent
    assert supervisor.GRACE_S <= 1.5
