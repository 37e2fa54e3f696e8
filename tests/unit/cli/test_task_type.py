# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from debusine.cli.main import run
from debusine.domain.work_request import TaskTypes
from debusine.tasks.kinds.noop import Noop
from debusine.tasks.task_type import describe, find_kind


@pytest.fixture(autouse=True)
def _no_server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Neither a configuration nor an embedded server: what this program knows is shown."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("DEBUSINE_DATA_DIR", str(tmp_path / "data"))


def test_tasks_are_listed(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert run(["task-type", "list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith("sbuild ") for line in lines)
    assert run(["task-type", "list", "--yaml"]) == 0
    listed = yaml.safe_load(capsys.readouterr().out)
    assert {"Worker", "Signing"} <= {one["task_type"] for one in listed}
    assert not (tmp_path / "data").exists()


def test_a_task_is_shown_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["task-type", "show", "lintian"]) == 0
    shown = capsys.readouterr().out
    assert "  input: mapping; required\n" in shown
    assert '`none`; default "error"\n      the task fails if something is at least as bad' in shown
    assert "debian:source-package or debian:upload named by input.source_artifact" in shown
    assert "\nResults:\n  success: nothing as bad as" in shown


@pytest.mark.parametrize(("option", "read"), [("--yaml", yaml.safe_load), ("--json", json.loads)])
def test_a_task_is_shown_for_programs(
    capsys: pytest.CaptureFixture[str], option: str, read: object
) -> None:
    assert callable(read)
    assert run(["task-type", "show", "noop", "--type", "signing", option]) == 0
    shown = read(capsys.readouterr().out)
    wanted = describe(find_kind("noop", TaskTypes.SIGNING))
    assert shown == wanted.model_dump(mode="json")


def test_the_example_can_be_submitted(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["task-type", "show", "noop", "--example"]) == 0
    assert Noop(yaml.safe_load(capsys.readouterr().out)).data == Noop({}).data


def test_a_task_that_is_not_there_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["task-type", "show", "unknown"]) == 3
    assert "there is no task called 'unknown'" in capsys.readouterr().err
