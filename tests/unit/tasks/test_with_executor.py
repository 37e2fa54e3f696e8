# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from debusine.artifacts.kinds.system_tarball import SystemTarball
from debusine.domain.action_key import Network
from debusine.domain.executor import BackendType
from debusine.domain.result import WorkRequestResults
from debusine.tasks import BaseTaskWithExecutor, RunCommandTask
from debusine.tasks.executors.base import ExecutorStatistics
from debusine.tasks.inputs.inputs import Stage
from debusine.tasks.models import BaseDynamicTaskDataWithExecutor, BaseTaskDataWithExecutor
from debusine.tasks.statistics import TaskStatistics
from debusine.testing.clock import FakeClock
from debusine.testing.executor import (
    FakeCall,
    FakeInstance,
    FakeResult,
    Script,
    scripted_executor,
    succeed,
)
from debusine.testing.task_client import FakeTaskClient
from debusine.testing.waiting import wait_for
from debusine.worker.child import had_network

ENVIRONMENT = 5
Data, Dynamic = BaseTaskDataWithExecutor, BaseDynamicTaskDataWithExecutor


class Base(RunCommandTask[Data, Dynamic], BaseTaskWithExecutor[Data, Dynamic]):
    """Abstract, so not registered."""

    command = ("tool", "--option")

    def get_subject(self) -> str | None:
        return None

    def _cmdline(self) -> list[str]:
        return list(self.command)

    def fetch_input(self, destination: Path) -> bool:
        (destination / "input.txt").write_text("fetched")
        return True

    def configure_for_execution(self, download_directory: Path) -> bool:
        (download_directory / "more.txt").write_text("configured")
        self._prepare_executor_instance()
        return True


def make_task(tmp_path: Path, script: Script = succeed, **data: Any) -> Any:
    # concrete, and registered, only here
    concrete = type("Sandboxed", (Base,), {"TASK_VERSION": 1})
    task = concrete(data, {"environment_id": ENVIRONMENT})
    client = FakeTaskClient()
    client.add(ENVIRONMENT, SystemTarball.category, {})
    task.configure_server_access(client)
    task.workspace_name = "System"
    task.executor_type = scripted_executor(script)
    task.set_working_directory(tmp_path / "work")
    return task


def calls_of(task: Any) -> list[FakeCall]:
    return list(task.executor_instance.calls)


@pytest.mark.parametrize(
    ("reads", "granted"), [(Network.NONE, False), (Network.APT, False), (Network.UNKNOWN, True)]
)
def test_only_who_says_so_works_with_the_network(
    tmp_path: Path, *, reads: Network, granted: bool
) -> None:
    task = make_task(tmp_path)
    type(task).NETWORK = reads
    assert task.execute() is WorkRequestResults.SUCCESS
    calls = {call.argv[0]: call.network for call in calls_of(task)}
    assert calls["tool"] is granted
    assert task.executor_instance.has_network is granted
    assert had_network(task) is granted


def log_of(task: Any, name: str) -> str:
    path = Path(task.get_working_directory()) / "logs" / name
    return path.read_text() if path.exists() else ""


def test_run_in_a_sandbox(tmp_path: Path, sender: Any) -> None:
    seen: dict[str, Any] = {}

    def script(call: FakeCall, instance: FakeInstance) -> FakeResult:
        assert call.cwd is not None
        seen["call"] = call
        fetched = next(instance.inside(call.cwd.parent).glob("fetch-*"))
        seen["fetched"] = sorted(path.name for path in fetched.iterdir())
        seen["is_dir"] = instance.inside(call.cwd).is_dir()
        return FakeResult(stdout=b"out\n", stderr=b"err\n")

    task = make_task(tmp_path, script)
    task.log_sender = sender
    task.set_worker_environment_variables({"LANG": "C.UTF-8"})
    assert task.execute() is WorkRequestResults.SUCCESS
    call = seen["call"]
    assert (call.argv, call.as_root, call.env["LANG"]) == (
        ("tool", "--option"),
        False,
        "C.UTF-8",
    )
    assert set(call.env) == {"PATH", "LANG"}
    assert (seen["fetched"], seen["is_dir"]) == (["input.txt", "more.txt"], True)
    assert sender.bytes_of("stdout") == b"out\nerr\n"
    assert (task.executor_instance.started, task.executor_instance.is_started()) == (1, False)
    (logs,) = task.debusine.uploaded
    text = logs.files["cmd-output.log"].decode()
    assert text == (
        "cmd: tool --option\n"
        "output (contains stdout and stderr):\n"
        "out\nerr\n"
        "\nFiles in working directory:\n"
        "--------------------\n"
    )


def test_command_in_a_sandbox_may_be_captured_and_run_as_root(tmp_path: Path) -> None:
    task = make_task(tmp_path, lambda *_: FakeResult(stdout=b"o", stderr=b"e", returncode=4))
    task._prepare_executor_instance()
    returncode = task.run_cmd(
        ["tool"], tmp_path, run_as_root=True, capture_stdout_filename="captured"
    )
    assert (returncode, (tmp_path / "captured").read_bytes()) == (4, b"o")
    assert calls_of(task)[0].as_root
    task.cleanup()


def test_abort_ends_a_command_in_a_sandbox(tmp_path: Path, abort_when: Any) -> None:
    task = make_task(tmp_path, lambda *_: FakeResult(stdout=b"begun\n", hangs_s=1000))
    abort_when(task, lambda: "begun\n" in log_of(task, "cmd-output.log"))
    assert task.execute() is WorkRequestResults.FAILURE
    assert not task.executor_instance.is_started()


def test_sandbox_is_stopped_after_a_failure(tmp_path: Path) -> None:
    def broken(call: FakeCall, instance: FakeInstance) -> FakeResult:
        raise RuntimeError(call.argv[0])

    task = make_task(tmp_path, broken)
    assert task.execute() is WorkRequestResults.FAILURE
    assert not task.executor_instance.is_started()


def test_steps_are_logged(tmp_path: Path) -> None:
    def script(call: FakeCall, instance: FakeInstance) -> FakeResult:
        del instance
        return FakeResult(returncode=3 if call.argv[0] == "fail" else 0, stdout=b"said\n")

    task = make_task(tmp_path, script)
    task._prepare_executor_instance()
    task.run_executor_command(["fine", "a b"], "install.log", run_as_root=True)
    task.run_executor_command(["fail"], "install.log", check=False)
    with pytest.raises(subprocess.CalledProcessError) as caught:
        task.run_executor_command(["fail"], "install.log")
    assert (caught.value.returncode, caught.value.cmd) == (3, ["fail"])
    assert log_of(task, "install.log") == (
        "Executing: fine 'a b'\nsaid\nExecution completed (exit code 0)\n"
        "Executing: fail\nsaid\nExecution completed (exit code 3)\n"
        "Executing: fail\nsaid\n"
    )
    assert [call.as_root for call in calls_of(task)] == [True, False, False]
    task.cleanup()


def test_version_of_a_package(tmp_path: Path) -> None:
    task = make_task(tmp_path, lambda *_: FakeResult(stdout=b"1:2.3-4"))
    task._prepare_executor_instance()
    assert str(task.get_package_version("tool")) == "1:2.3-4"
    (call,) = calls_of(task)
    assert call.as_root
    assert call.argv == ("dpkg-query", "--show", "--showformat=${Version}", "tool")
    task.cleanup()


@pytest.mark.parametrize(
    "result",
    [FakeResult(returncode=1, stdout=b"some", stderr=b"no packages found"), FakeResult()],
)
def test_version_of_a_package_that_is_not_installed(tmp_path: Path, result: FakeResult) -> None:
    task = make_task(tmp_path, lambda *_: result)
    task._prepare_executor_instance()
    with pytest.raises(subprocess.CalledProcessError):
        task.get_package_version("tool")
    error = result.stderr or b"package is not installed"
    assert log_of(task, "install.log") == (
        "Cannot find out the version of tool\n"
        "command: dpkg-query --show '--showformat=${Version}' tool\n"
        "exit code: 1\n"
        f"stdout: {result.stdout.decode()}\n"
        f"stderr: {error.decode()}\n"
        "\n"
    )
    task.cleanup()


def test_step_that_was_aborted_raises_if_it_was_to_succeed(tmp_path: Path) -> None:
    task = make_task(tmp_path, lambda *_: FakeResult(hangs_s=30))
    task._prepare_executor_instance()
    task.abort()
    with pytest.raises(subprocess.CalledProcessError):
        task.run_executor_command(["apt-get", "update"], "install.log")
    assert log_of(task, "install.log") == "Executing: apt-get update\n"
    assert calls_of(task) == []
    task.cleanup()


def test_abort_ends_a_step(tmp_path: Path, abort_when: Any) -> None:
    task = make_task(tmp_path, lambda *_: FakeResult(stdout=b"begun\n", hangs_s=1000))
    task._prepare_executor_instance()
    abort_when(task, lambda: "begun\n" in log_of(task, "install.log"))
    with pytest.raises(subprocess.CalledProcessError):
        task.run_executor_command(["apt-get", "update"], "install.log")
    assert log_of(task, "install.log") == "Executing: apt-get update\nbegun\n"
    task.cleanup()


def test_steps_need_an_instance(tmp_path: Path) -> None:
    task = make_task(tmp_path)
    with pytest.raises(AssertionError, match="no instance"):
        task.run_executor_command(["true"], "install.log")
    with pytest.raises(AssertionError, match="no instance"):
        task.get_package_version("tool")


def test_image_only(tmp_path: Path) -> None:
    task = make_task(tmp_path)
    task.scratch_directory = tmp_path / "scratch"
    task.image_cache_directory = tmp_path / "cache"
    task._prepare_executor()
    assert task.executor.image_name() == str(tmp_path / "scratch/image.tar.zst")
    assert task.executor.options.cache_directory == tmp_path / "cache"
    assert task.executor_instance is None
    # no instance: nothing to put anywhere, nothing to stop
    task.prepare_to_run(tmp_path, tmp_path)
    task.cleanup()


def test_backend(tmp_path: Path) -> None:
    assert make_task(tmp_path).backend is BackendType.UNSHARE
    assert make_task(tmp_path, backend="qemu").backend is BackendType.QEMU


def test_architecture_is_looked_up_first(tmp_path: Path) -> None:
    task = make_task(tmp_path)
    pending = [field for _, field in task.iter_all_fields(Stage.PENDING)]
    assert pending == [BaseTaskWithExecutor.inputs["build_architecture"]]
    assert pending[0].verbose_name == "Build architecture"


def test_required_tags(tmp_path: Path) -> None:
    task = make_task(tmp_path, backend="incus-vm")
    task.set_field_value("build_architecture", "arm64")
    assert task.compute_system_required_tags() == {
        "worker:executor:incus-vm",
        "worker:build-arch:arm64",
    }


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, True),
        ({"executor:unshare:available": False}, False),
        ({"system:architectures": ["amd64"]}, False),
        ({"sandboxed:version": 2}, False),
    ],
)
def test_can_run_on(tmp_path: Path, changes: dict[str, Any], *, expected: bool) -> None:
    metadata = {
        "system:worker_type": "external",
        "system:architectures": ["amd64", "arm64"],
        "executor:unshare:available": True,
        "sandboxed:version": 1,
        **changes,
    }
    task = make_task(tmp_path, build_architecture="arm64")
    assert task.can_run_on(metadata) is expected


def test_statistics(tmp_path: Path) -> None:
    clock = FakeClock()
    task = make_task(tmp_path)
    statistics = TaskStatistics(task, clock=clock)
    with statistics:
        statistics.sample()
        task._prepare_executor_instance()
        statistics.sample()
        for memory, available in ((10, 100), (30, 90), (20, 80)):
            statistics.record(ExecutorStatistics(memory=memory, available_memory=available))
        task.duration_run = 1.6
        clock.advance(2.4)
    task.cleanup()
    result = statistics.result()
    assert result.cpu_time is not None
    assert result.model_dump(exclude_none=True, exclude={"cpu_time"}) == {
        "duration": 2,
        "duration_setup": 0,
        "duration_run": 2,
        "duration_teardown": 0,
        "disk_space": 4096,
        "memory": 30,
        "available_memory": 100,
        "cpu_count": 2,
    }


def test_statistics_are_polled(tmp_path: Path) -> None:
    task = make_task(tmp_path)
    task._prepare_executor()
    with TaskStatistics(task, interval_s=0.01) as statistics:
        assert wait_for(lambda: statistics.result().cpu_count) == 2


def test_measuring_goes_on_after_a_sandbox_was_gone(tmp_path: Path) -> None:
    answers = iter([FileNotFoundError("gone"), ExecutorStatistics(memory=5)])

    def measure(instance: FakeInstance | None) -> ExecutorStatistics:
        answer = next(answers, ExecutorStatistics())
        if isinstance(answer, OSError):
            raise answer
        return answer

    task = make_task(tmp_path)
    task.executor = type("Measured", (), {"get_statistics": staticmethod(measure)})
    with TaskStatistics(task, interval_s=0.01) as statistics:
        assert wait_for(lambda: statistics.result().memory) == 5
