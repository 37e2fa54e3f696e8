# SPDX-License-Identifier: GPL-3.0-or-later
"""The program that runs one task for ``debusine reproduce``, without a server."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from debusine.domain.result import WorkRequestResults
from debusine.testing.waiting import PATIENCE_S
from debusine.wire.reproduction import REPORT, Reproduction, ReproductionOrder
from debusine.wire.work_request import AssignedWorkRequest
from debusine.worker.user import account_for

Start = Callable[..., subprocess.Popen[bytes]]
PLACE = Path("/var/tmp")


@pytest.fixture
def silent() -> Iterator[str]:
    """Address of a server that takes requests and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}/api"


@pytest.fixture
def start(silent: str, tmp_path: Path) -> Iterator[Start]:
    """Start the program with an order; a server may not be needed."""
    account = account_for("debusine-worker")
    started: list[subprocess.Popen[bytes]] = []

    def start(task_name: str, data: dict[str, Any], dynamic: dict[str, Any]) -> Any:
        request = AssignedWorkRequest.model_validate(
            {
                "id": 12, "url": "", "created_at": "2026-01-01T00:00:00Z",
                "status": "completed", "result": "failure", "task_type": "Worker",
                "task_name": task_name, "task_data": data, "dynamic_task_data": dynamic,
                "priority_base": 0, "priority_adjustment": 0, "artifacts": [],
                "workspace": "System", "token": "key",
            }
        )  # fmt: skip
        order = ReproductionOrder(
            request=request, api_url=silent, user=account.name, output=str(tmp_path)
        )
        process = subprocess.Popen(
            [sys.executable, "-m", "debusine.worker.reproduction"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        started.append(process)
        assert process.stdin is not None
        with process.stdin as stdin:
            stdin.write(order.model_dump_json().encode())
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def leftovers(process: subprocess.Popen[bytes]) -> list[Path]:
    return list(PLACE.glob(f"debusine-WR-reproduce-{process.pid}-*"))


def test_a_task_runs_and_its_results_are_kept(start: Start, tmp_path: Path) -> None:
    process = start("noop", {"result": "failure"}, {})
    assert process.stdout is not None
    log = process.stdout.read().decode()
    assert process.wait(PATIENCE_S) == 0
    assert log.endswith("Cleaning up\nTo run this again: debusine reproduce 12\n")
    report = Reproduction.model_validate_json((tmp_path / REPORT).read_bytes())
    assert report.completed.result is WorkRequestResults.FAILURE
    [artifact] = report.artifacts
    assert [path.name for path in (tmp_path / artifact.directory).iterdir()] == ["stages.log"]
    assert leftovers(process) == []


def test_a_task_that_is_stopped_leaves_nothing(start: Start, tmp_path: Path) -> None:
    dynamic = {"environment_id": 5, "input_source_artifact_id": 3}
    process = start("lintian", {"input": {"source_artifact": 3}, "environment": 5}, dynamic)
    assert process.stdout is not None
    assert process.stdout.readline() == b"Fetching input\n"
    assert leftovers(process) != []
    process.terminate()
    process.stdout.read()
    assert process.wait(PATIENCE_S) == 130
    assert list(tmp_path.iterdir()) == []
    assert leftovers(process) == []
