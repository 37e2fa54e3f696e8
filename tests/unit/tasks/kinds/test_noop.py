# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from pathlib import Path

import pytest

from debusine.domain.result import WorkRequestResults
from debusine.tasks import TaskConfigError
from debusine.tasks.kinds.noop import Noop
from debusine.testing.task_client import FakeTaskClient


def make_noop(tmp_path: Path, **data: object) -> tuple[Noop, FakeTaskClient]:
    task, client = Noop(dict(data)), FakeTaskClient()
    task.configure_server_access(client)  # type: ignore[arg-type]  # a fake
    task.workspace_name = "System"
    task.set_working_directory(tmp_path)
    return task, client


@pytest.mark.parametrize("result", [each for each in WorkRequestResults if each])
def test_result_is_the_one_asked_for(tmp_path: Path, result: WorkRequestResults) -> None:
    task, client = make_noop(tmp_path, result=result.value)
    assert task.execute_logging_exceptions() is result
    is_quiet = result is WorkRequestResults.SUCCESS
    assert [list(artifact.files) for artifact in client.uploaded] == (
        [] if is_quiet else [["stages.log"]]
    )
    assert list(tmp_path.iterdir()) == []


def test_success_is_the_default(tmp_path: Path) -> None:
    assert make_noop(tmp_path)[0].execute() is WorkRequestResults.SUCCESS


def test_fields_of_executors_are_accepted_and_unused() -> None:
    task = Noop({"environment": "debian/match:codename=trixie", "backend": "qemu"})
    assert (task.inputs, task.get_subject(), task.compute_system_required_tags()) == (
        {},
        None,
        set(),
    )


@pytest.mark.parametrize("result", [True, "", "fine"])
def test_what_is_no_result_is_refused(result: object) -> None:
    with pytest.raises(TaskConfigError, match="result"):
        Noop({"result": result})
