# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from debusine.artifacts.relation import RelationType
from debusine.domain.result import WorkRequestResults
from debusine.testing.clock import FakeClock
from debusine.testing.task_client import FakeTaskClient

ALL = ["fetch", "configure", "prepare", "run", "check", "upload success", "cleanup"]
LOGS = "debusine:work-request-debug-logs"

SUCCESS, FAILURE = WorkRequestResults.SUCCESS, WorkRequestResults.FAILURE


@pytest.fixture
def task(stages_task: Any) -> Any:
    stages_task.clock = FakeClock()
    stages_task.debusine = FakeTaskClient()
    stages_task.workspace_name = "System"
    stages_task.work_request_id = 7
    return stages_task


def test_stages_come_in_order_and_leave_no_directories(task: Any) -> None:
    assert task.execute() is SUCCESS
    assert task.done == ALL
    fetch, execute = task.directories[0], task.directories[-1]
    assert (fetch.name[:6], execute.name[:5]) == ("fetch-", "exec-")
    assert fetch.parent == execute.parent == task.working_directory
    assert list(task.working_directory.iterdir()) == []


def test_quiet_success_uploads_nothing(task: Any) -> None:
    task.execute()
    assert task.debusine.uploaded == []


@pytest.mark.parametrize("stage", ["fetch", "configure"])
def test_false_is_a_failure_and_ends_the_run(task: Any, stage: str) -> None:
    task.fail_in = stage
    assert task.execute() is FAILURE
    assert task.done == [*ALL[: ALL.index(stage) + 1], "cleanup"]


@pytest.mark.parametrize(
    ("stage", "log"),
    [
        ("fetch", "fetch_input.log"),
        ("configure", "configure_for_execution.log"),
        ("prepare", "execution.log"),
        ("run", "execution.log"),
        ("check", "post_execution.log"),
        ("upload success", "post_execution.log"),
    ],
)
def test_exception_is_a_failure_and_explained(task: Any, stage: str, log: str) -> None:
    task.raise_in = stage
    assert task.execute() is FAILURE
    assert task.done == [*ALL[: ALL.index(stage) + 1], "cleanup"]
    files = task.debusine.uploaded[0].files
    lines = files[log].decode().splitlines()
    assert lines[:4] == [
        "Exception type: RuntimeError",
        f"Message: {stage} broke",
        "",
        "Traceback (most recent call last):",
    ]
    assert lines[-1] == f"RuntimeError: {stage} broke"
    assert set(files) == {log, "stages.log"}


def test_failing_clean_up_spoils_a_success(task: Any) -> None:
    task.raise_in = "cleanup"
    assert task.execute() is FAILURE
    assert "post_execution.log" in task.debusine.uploaded[0].files


def test_failing_clean_up_leaves_other_results(task: Any) -> None:
    task.raise_in = "cleanup"
    task.outcome = WorkRequestResults.ERROR
    assert task.execute() is WorkRequestResults.ERROR


@pytest.mark.parametrize("result", [FAILURE, WorkRequestResults.SKIPPED])
def test_other_results_are_checked_and_uploaded_too(task: Any, result: WorkRequestResults) -> None:
    task.outcome = result
    assert task.execute() is result
    assert task.done == [*ALL[:5], f"upload {result}", "cleanup"]
    log = task.debusine.uploaded[0].files["stages.log"].decode()
    assert log.splitlines()[:2] == [
        "2026-01-01T00:00:00+00:00 Fetching input",
        "2026-01-01T00:00:00+00:00 Configuring for execution",
    ]
    assert [line.split(" ", 1)[1] for line in log.splitlines()][2:] == [
        "Preparing to run",
        "Running",
        "Checking output",
        "Uploading artifacts",
        "Cleaning up",
    ]


def test_inconsistent_output_is_not_uploaded(task: Any) -> None:
    task.errors = ("z is missing", "a is missing")
    assert task.execute() is FAILURE
    assert task.done == [*ALL[:5], "cleanup"]
    files = task.debusine.uploaded[0].files
    assert files["consistency.log"] == b"a is missing\nz is missing\n"


@pytest.mark.parametrize(
    ("attributes", "errors"),
    [
        ({}, []),
        ({"errors": ("b", "a")}, [("output-inconsistent", "Output is not consistent: a; b")]),
        (
            {"raise_in": "run"},
            [("stage-failed", "Running: RuntimeError: run broke")],
        ),
        (
            {"raise_in": "cleanup"},
            [
                ("cleanup-failed", "The task left something"),
                ("stage-failed", "Cleaning up: RuntimeError: cleanup broke"),
            ],
        ),
    ],
)
def test_what_went_wrong_is_reported(
    task: Any, attributes: dict[str, Any], errors: list[tuple[str, str]]
) -> None:
    for name, value in attributes.items():
        setattr(task, name, value)
    task.execute()
    assert [(error.code, error.message) for error in task.reported_errors] == errors


def test_debug_logs_relate_once_to_what_was_read(task: Any) -> None:
    task.outcome = FAILURE
    task._source_artifacts_ids = [3, 1, 3]
    for number in (1, 3):
        task.debusine.add(number, "debusine:test", {})
    task.execute()
    (logs,) = task.debusine.uploaded
    assert (logs.category, logs.workspace, logs.work_request) == (LOGS, "System", 7)
    assert task.debusine.relations == [
        (logs.id, 3, RelationType.RELATES_TO),
        (logs.id, 1, RelationType.RELATES_TO),
    ]
    assert not (task.working_directory / "logs").exists()


def test_log_of_a_success_is_uploaded_without_the_stages(task: Any) -> None:
    task.append_to_log_file("notes.log", ["something"])
    assert task.execute() is SUCCESS
    assert task.debusine.uploaded[0].files == {"notes.log": b"something\n"}


def test_live_log_tells_stages_and_failures_and_ends_once(task: Any, sender: Any) -> None:
    task.log_sender = sender
    task.raise_in = "run"
    task.execute()
    assert sender.bytes_of("internal").decode().splitlines() == [
        "Fetching input",
        "Configuring for execution",
        "Preparing to run",
        "Running",
        "execution failed: RuntimeError: run broke",
        "Cleaning up",
    ]
    assert sender.ends == [-1]


def test_durations_count_per_phase(task: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = dict(zip(ALL, (1, 2, 4, 8, 16, 32, 64), strict=True))
    plain = task.stage

    def slow(name: str, *directories: Path) -> bool:
        task.clock.advance(seconds[name])
        return bool(plain(name, *directories))

    monkeypatch.setattr(task, "stage", slow)
    task.execute()
    assert (task.duration_setup, task.duration_run, task.duration_teardown) == (7, 8, 112)


def test_duration_counts_when_a_stage_fails(task: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def slow(name: str, *directories: Path) -> bool:
        del directories
        task.clock.advance(5)
        message = name
        raise RuntimeError(message)

    monkeypatch.setattr(task, "stage", slow)
    task.execute()
    assert (task.duration_setup, task.duration_run, task.duration_teardown) == (5, 0, 5)


def test_aborted_task_only_cleans_up_and_uploads_nothing(task: Any) -> None:
    task.abort()
    assert task.aborted
    assert task.execute() is FAILURE
    assert task.done == ["cleanup"]
    assert task.debusine.uploaded == []


def test_abort_during_the_run_keeps_uploads_away(
    task: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(task, "stage", lambda name, *_: task.done.append(name) or task.abort())
    assert task.execute() is FAILURE
    assert task.done == ["fetch", "cleanup"]


def test_exceptions_outside_of_stages_are_logged_and_raised(
    task: Any, caplog: pytest.LogCaptureFixture
) -> None:
    task.outcome = FAILURE
    task.debusine = None
    with caplog.at_level("INFO", logger="debusine.tasks"), pytest.raises(AssertionError):
        task.execute_logging_exceptions()
    record = caplog.records[-1]
    assert (record.levelname, record.message) == ("INFO", "Exception in task concrete")
    assert record.exc_info is not None
