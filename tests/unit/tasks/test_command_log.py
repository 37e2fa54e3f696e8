# SPDX-License-Identifier: GPL-3.0-or-later
"""What stands in the log of commands, byte by byte, on the host and in a sandbox."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from debusine.domain.result import WorkRequestResults
from debusine.errors import NotPossibleError
from debusine.tasks import BaseTaskWithExecutor, RunCommandTask
from debusine.tasks.models import BaseDynamicTaskDataWithExecutor, BaseTaskDataWithExecutor
from debusine.testing.executor import FakeInstance, FakeResult, Script, succeed

Data, Dynamic = BaseTaskDataWithExecutor, BaseDynamicTaskDataWithExecutor
LINE = b"--------------------\n"


class Base(RunCommandTask[Data, Dynamic], BaseTaskWithExecutor[Data, Dynamic]):
    """Abstract, so not registered."""

    TASK_VERSION = 1

    def get_subject(self) -> str | None:
        return None


class Workbench:
    """A task with a place for its output."""

    def __init__(self, tmp_path: Path) -> None:
        self.output = tmp_path / "output"
        self.output.mkdir()
        self.work = tmp_path / "work"

    def task(self, *cmd: str, **members: Any) -> Any:
        kind = type("Commanded", (Base,), {"_cmdline": lambda _: list(cmd), **members})
        task: Any = kind({})
        task.set_working_directory(self.work)
        return task

    def sandboxed(self, script: Script, *cmd: str, **members: Any) -> Any:
        task = self.task(*cmd, **members)
        task.executor_instance = FakeInstance(script)
        task.executor_instance.start()
        return task

    def log(self, name: str = "cmd-output.log") -> bytes:
        path = self.work / "logs" / name
        return path.read_bytes() if path.exists() else b""


@pytest.fixture
def bench(tmp_path: Path) -> Workbench:
    return Workbench(tmp_path)


def test_in_a_sandbox(bench: Workbench) -> None:
    (bench.output / "b").touch()
    (bench.output / "a").mkdir()
    (bench.output / "a/c").touch()
    task = bench.sandboxed(lambda *_: FakeResult(stdout=b"\xffout", returncode=2), "tool", "a b")
    assert task.run(bench.output) is WorkRequestResults.FAILURE
    assert bench.log() == (
        b"cmd: tool 'a b'\n"
        b"output (contains stdout and stderr):\n"
        b"\xffout"
        b"\nFiles in working directory:\n"
        b"a\na/c\nb\n" + LINE
    )
    assert task.last_exit_code == 2
    task.cleanup()


def test_in_a_sandbox_with_capture(bench: Workbench) -> None:
    result = FakeResult(stdout=b"caf\xe9", stderr=b"err\n")
    task = bench.sandboxed(lambda *_: result, "tool", CAPTURE_OUTPUT_FILENAME="made.txt")
    assert task.run(bench.output) is WorkRequestResults.SUCCESS
    assert (bench.output / "made.txt").read_bytes() == b"caf\xe9"
    assert bench.log() == (
        b"cmd: tool\n"
        b"output (contains stderr only, stdout was captured):\n"
        b"err\n"
        b"\nFiles in working directory:\n"
        b"made.txt\n" + LINE + b"caf\xe9\n" + LINE
    )
    task.cleanup()


@pytest.mark.parametrize("capture", [None, "made.txt"])
def test_is_complete_though_the_sandbox_raises(bench: Workbench, capture: str | None) -> None:
    def broken(*_: object) -> FakeResult:
        raise RuntimeError

    task = bench.sandboxed(broken, "tool", CAPTURE_OUTPUT_FILENAME=capture)
    with pytest.raises(RuntimeError):
        task.run(bench.output)
    listing = b"\nFiles in working directory:\n"
    ending = listing + LINE if capture is None else listing + b"made.txt\n" + LINE + b"\n" + LINE
    assert bench.log().endswith(ending)
    task.cleanup()


def test_is_complete_though_there_is_no_place_for_what_is_captured(bench: Workbench) -> None:
    task = bench.task("echo", "out", CAPTURE_OUTPUT_FILENAME="no/such/directory")
    with pytest.raises(FileNotFoundError):
        task.run(bench.output)
    assert bench.log() == (
        b"cmd: echo out\n"
        b"output (contains stderr only, stdout was captured):\n"
        b"\nFiles in working directory:\n" + LINE + b"\n" + LINE
    )


def test_what_is_no_utf8_stays_or_is_replaced(bench: Workbench) -> None:
    name = os.fsdecode(b"caf\xe9")
    task = bench.task("sh", "-c", r"printf '\377\n'; touch $0", name)
    assert task.run(bench.output) is WorkRequestResults.SUCCESS
    assert (bench.output / name).exists()
    assert bench.log() == (
        b"cmd: sh -c 'printf '\"'\"'\\377\\n'\"'\"'; touch $0' 'caf?'\n"
        b"output (contains stdout and stderr):\n"
        b"\xff\n"
        b"\naborted: False\n"
        b"returncode: 0\n"
        b"\nFiles in working directory:\n"
        b"caf?\n" + LINE
    )


def test_of_an_aborted_command_in_a_sandbox(bench: Workbench, abort_when: Any) -> None:
    task = bench.sandboxed(lambda *_: FakeResult(stdout=b"begun\n", hangs_s=1000), "tool")
    abort_when(task, lambda: b"begun" in bench.log())
    assert task.run_cmd(["tool"], bench.output) is None
    assert bench.log() == (
        b"cmd: tool\n"
        b"output (contains stdout and stderr):\n"
        b"begun\n"
        b"\nFiles in working directory:\n" + LINE
    )
    task.cleanup()


def test_of_a_command_that_was_aborted_before(bench: Workbench) -> None:
    task = bench.task("touch", "made")
    task.abort()
    assert task.run_cmd(["touch", "made"], bench.output) is None
    assert bench.log() == (
        b"cmd: touch made\n"
        b"output (contains stdout and stderr):\n"
        b"\naborted: True\n"
        b"returncode: None\n"
        b"\nFiles in working directory:\n" + LINE
    )


def test_names_are_those_of_the_class(bench: Workbench) -> None:
    members = {"CMD_LOG_FILENAME": "other.log", "CMD_LOG_SEPARATOR": "=="}
    bench.task("true", **members, CAPTURE_OUTPUT_FILENAME="made").run(bench.output)
    assert not (bench.work / "logs/cmd-output.log").exists()
    assert bench.log("other.log").endswith(b"made\n==\n\n==\n")


def test_captures_nothing_unless_told(bench: Workbench) -> None:
    task = bench.task("echo", "out")
    assert task.run(bench.output) is WorkRequestResults.SUCCESS
    assert list(bench.output.iterdir()) == []


def test_command_of_a_task_goes_where_its_hooks_say(bench: Workbench) -> None:
    members = {"_cmdline_as_root": staticmethod(lambda: True), "_cmd_env": lambda _: {"A": "1"}}
    task = bench.sandboxed(succeed, "tool", **members)
    task.run(bench.output)
    (call,) = task.executor_instance.calls
    assert (call.argv, call.as_root, call.cwd, call.env) == (
        ("tool",),
        True,
        bench.output,
        {"A": "1"},
    )
    task.cleanup()


def test_by_default_nobody_is_root_and_the_environment_is_small(
    bench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET", "leaks")
    task = bench.sandboxed(succeed, "tool")
    task.set_worker_environment_variables({"LANG": "C"})
    assert task.run_cmd(["tool"], bench.output) == 0
    (call,) = task.executor_instance.calls
    assert not call.as_root
    assert call.env == task._cmd_env() == {"PATH": os.environ["PATH"], "LANG": "C"}
    assert task._cmdline_as_root() is False
    task.cleanup()


@pytest.mark.parametrize(
    ("code", "result"),
    [(0, "success"), (1, "failure"), (-9, "failure"), (None, "failure")],
)
def test_only_zero_is_a_success(bench: Workbench, code: int | None, result: str) -> None:
    assert bench.task().task_result(code, bench.output) == result


def test_a_task_must_name_its_command() -> None:
    members = {"get_subject": lambda _: None, "TASK_VERSION": 1}
    with pytest.raises(TypeError, match="_cmdline"):
        type("Nameless", (RunCommandTask,), members)({})


@pytest.mark.parametrize("command", [["no-such-program"], ["sh", "-c", "exit 1"]])
def test_temporary_files_go_however_the_command_ends(bench: Workbench, command: list[str]) -> None:
    removed: list[Path] = []
    task = bench.task(*command, _remove_leftovers=lambda _, path: removed.append(path))
    with suppress(NotPossibleError):
        task.run(bench.output)
    assert [path.parent for path in removed] == [bench.work]
    assert [path.name for path in bench.work.iterdir()] == ["logs"]
