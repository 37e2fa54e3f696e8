# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import gc
import os
import shlex
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typing_extensions import override

from debusine.domain.result import WorkRequestResults
from debusine.errors import NotPossibleError
from debusine.tasks import RunCommandTask, process, pump
from debusine.tasks.models import BaseDynamicTaskData, BaseTaskData
from debusine.testing.processes import is_alive
from debusine.testing.waiting import PATIENCE_S, wait_for

# longer than a test may take: what is not ended makes it fail
FOREVER = "sleep 1000"

AbortWhen = Callable[[Any, Callable[[], bool]], None]


def make_task(tmp_path: Path, command: list[str], **attributes: Any) -> Any:
    class Commanded(RunCommandTask[BaseTaskData, BaseDynamicTaskData]):
        TASK_VERSION = 1

        @override
        def get_subject(self) -> str | None:
            return None

        @override
        def _cmdline(self) -> list[str]:
            return command

    for name, value in attributes.items():
        setattr(Commanded, name, value)
    task = Commanded({})
    task.set_working_directory(tmp_path / "work")
    return task


@pytest.fixture
def output(tmp_path: Path) -> Path:
    directory = tmp_path / "output"
    directory.mkdir()
    return directory


def log_of(task: Any) -> str:
    path = task.get_working_directory() / "logs/cmd-output.log"
    return path.read_text(errors="surrogateescape")


def test_log_of_a_command(tmp_path: Path, output: Path) -> None:
    command = ["sh", "-c", "echo out; echo err >&2; mkdir sub; echo x > sub/file; exit 3"]
    task = make_task(tmp_path, command)
    assert task.run(output) is WorkRequestResults.FAILURE
    assert log_of(task) == (
        f"cmd: {shlex.join(command)}\n"
        "output (contains stdout and stderr):\n"
        "out\nerr\n"
        "\naborted: False\n"
        "returncode: 3\n"
        "\nFiles in working directory:\n"
        "sub\nsub/file\n"
        "--------------------\n"
    )
    assert task.last_exit_code == 3


def test_log_of_a_command_whose_output_is_captured(tmp_path: Path, output: Path) -> None:
    command = ["sh", "-c", r"printf 'caf\351'; echo err >&2"]
    task = make_task(tmp_path, command, CAPTURE_OUTPUT_FILENAME="result.txt")
    (output / "result.txt").write_text("old and longer than what comes")
    assert task.run(output) is WorkRequestResults.SUCCESS
    assert (output / "result.txt").read_bytes() == b"caf\xe9"
    assert log_of(task) == (
        f"cmd: {shlex.join(command)}\n"
        "output (contains stderr only, stdout was captured):\n"
        "err\n"
        "\naborted: False\n"
        "returncode: 0\n"
        "\nFiles in working directory:\n"
        "result.txt\n"
        "--------------------\n"
        "caf\udce9\n"
        "--------------------\n"
    )


def test_logs_of_several_commands_follow_each_other(tmp_path: Path, output: Path) -> None:
    task = make_task(tmp_path, [])
    assert [task.run_cmd([name], output) for name in ("true", "false")] == [0, 1]
    assert log_of(task).count("--------------------\n") == 2
    assert log_of(task).index("cmd: true") < log_of(task).index("cmd: false")


def test_missing_program_is_named_and_the_log_is_complete(tmp_path: Path, output: Path) -> None:
    task = make_task(tmp_path, ["no-such-program"])
    with pytest.raises(NotPossibleError, match="program not found: no-such-program"):
        task.run(output)
    assert log_of(task).endswith("\nFiles in working directory:\n--------------------\n")


def test_root_needs_a_sandbox(tmp_path: Path, output: Path) -> None:
    with pytest.raises(ValueError, match="only in a sandbox"):
        make_task(tmp_path, []).run_cmd(["true"], output, run_as_root=True)


def test_environment_of_commands(
    tmp_path: Path, output: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET", "leaks")
    report = "env | sort; ls -A $HOME; stat -c %a $TMPDIR"
    task = make_task(tmp_path, ["sh", "-c", report], CAPTURE_OUTPUT_FILENAME="out")
    task.set_worker_environment_variables({"LANG": "C.UTF-8"})
    task.run(output)
    lines = (output / "out").read_text().splitlines()
    shown = dict(line.split("=", 1) for line in lines[:-1])
    temporary = Path(shown["TMPDIR"])
    assert (shown["PATH"], shown["LANG"]) == (os.environ["PATH"], "C.UTF-8")
    assert shown["HOME"] == f"{temporary}/home"
    assert set(shown) <= {"PATH", "LANG", "TMPDIR", "HOME", "PWD", "SHLVL", "_"}
    assert lines[-1] == "755"
    assert temporary.parent == task.working_directory
    assert not temporary.exists()


def test_given_environment_replaces_the_usual_one(tmp_path: Path, output: Path) -> None:
    task = make_task(tmp_path, [])
    task.set_worker_environment_variables({"LANG": "C.UTF-8"})
    script = 'test "$A:$HOME:$LANG" = 1:/h:'
    env = {"A": "1", "HOME": "/h", "PATH": os.environ["PATH"]}
    assert task.run_cmd(["sh", "-c", script], output, env=env) == 0


def test_leftovers_are_removed_by_the_task_before_the_directory(
    tmp_path: Path, output: Path
) -> None:
    seen: list[list[str]] = []

    def remove(task: Any, directory: Path) -> None:
        del task
        seen.append(sorted(path.name for path in directory.iterdir()))

    task = make_task(tmp_path, ["sh", "-c", "touch $TMPDIR/left"], _remove_leftovers=remove)
    task.scratch_directory = tmp_path / "scratch"
    task.scratch_directory.mkdir()
    task.run(output)
    assert seen == [["home", "left"]]
    assert list(task.scratch_directory.iterdir()) == []


def test_output_goes_live_as_raw_bytes(tmp_path: Path, output: Path, sender: Any) -> None:
    task = make_task(tmp_path, ["sh", "-c", r"printf '\377\n'; echo err >&2"])
    task.log_sender = sender
    task.run(output)
    assert sender.bytes_of("stdout") == b"\xff\nerr\n"


def test_captured_output_goes_live_apart(tmp_path: Path, output: Path, sender: Any) -> None:
    task = make_task(
        tmp_path, ["sh", "-c", "echo out; echo err >&2"], CAPTURE_OUTPUT_FILENAME="out"
    )
    task.log_sender = sender
    task.run(output)
    assert (sender.bytes_of("stdout"), sender.bytes_of("stderr")) == (b"out\n", b"err\n")


def test_captured_output_stays_off_the_live_log_if_the_task_says_so(
    tmp_path: Path, output: Path, sender: Any
) -> None:
    script = "echo out; echo err >&2"
    attributes = {"CAPTURE_OUTPUT_FILENAME": "captured", "STREAM_CAPTURED_OUTPUT": False}
    task = make_task(tmp_path, ["sh", "-c", script], **attributes)
    task.log_sender = sender
    task.run(output)
    assert (sender.bytes_of("stdout"), sender.bytes_of("stderr")) == (b"", b"err\n")
    assert (output / "captured").read_bytes() == b"out\n"
    assert "--------------------\nout\n\n--------------------\n" in log_of(task)


def test_what_is_not_captured_goes_live_whatever_the_task_says(
    tmp_path: Path, output: Path, sender: Any
) -> None:
    task = make_task(tmp_path, ["echo", "out"], STREAM_CAPTURED_OUTPUT=False)
    task.log_sender = sender
    task.run(output)
    assert sender.bytes_of("stdout") == b"out\n"


def test_much_output_is_complete_and_in_pieces(tmp_path: Path, output: Path, sender: Any) -> None:
    count = 5_000_000
    task = make_task(tmp_path, ["sh", "-c", f"yes | head -c {count}"])
    task.log_sender = sender
    task.run(output)
    assert sender.bytes_of("stdout") == b"y\n" * (count // 2)
    assert max(len(data) for _, data in sender.sent) <= pump.CHUNK_BYTES
    assert "y\n" * (count // 2) in log_of(task)


def test_output_is_live_while_the_command_runs(tmp_path: Path, output: Path, sender: Any) -> None:
    go_on = tmp_path / "go-on"
    script = f"echo first; while [ ! -e {go_on} ]; do sleep 0.05; done; echo second"
    task = make_task(tmp_path, ["sh", "-c", script])
    task.log_sender = sender
    thread = threading.Thread(target=task.run, args=(output,))
    thread.start()
    wait_for(lambda: sender.bytes_of("stdout") == b"first\n")
    go_on.touch()
    thread.join(PATIENCE_S)
    assert sender.bytes_of("stdout") == b"first\nsecond\n"


def test_listener_that_is_gone_does_not_stop_the_command(tmp_path: Path, output: Path) -> None:
    class Gone:
        def send(self, data: bytes, stream: str) -> None:
            raise BrokenPipeError

    task = make_task(tmp_path, ["sh", "-c", "yes | head -c 1000000"])
    task.log_sender = Gone()
    assert task.run(output) is WorkRequestResults.SUCCESS
    assert "y\n" * 500_000 in log_of(task)


def test_slow_listener_slows_the_command_down(tmp_path: Path, output: Path) -> None:
    allowed = threading.Event()

    class Slow:
        def __init__(self) -> None:
            self.received = 0

        def send(self, data: bytes, stream: str) -> None:
            allowed.wait(PATIENCE_S)
            self.received += len(data)

    task = make_task(tmp_path, ["sh", "-c", f"yes | head -c 1000000; touch {tmp_path}/written"])
    task.log_sender = sender = Slow()
    thread = threading.Thread(target=task.run, args=(output,))
    thread.start()
    time.sleep(0.4)
    assert not (tmp_path / "written").exists()
    allowed.set()
    thread.join(PATIENCE_S)
    assert sender.received == 1_000_000


def test_what_an_abort_waits_for_adds_up_to_less_than_two_seconds() -> None:
    # unless something is stuck in the kernel
    listening_s = pump.STRAYS_S + process.LISTENER_S + pump.CLOSE_S
    assert process.TERMINATION_GRACE_S + process.REAP_S + listening_s < 2


@pytest.fixture
def _unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a busy machine, an orderly end takes longer than an abort allows."""
    monkeypatch.setattr(process, "TERMINATION_GRACE_S", PATIENCE_S)
    monkeypatch.setattr(process, "LISTENER_S", PATIENCE_S)


@pytest.mark.usefixtures("_unhurried")
def test_abort_ends_a_command(
    tmp_path: Path, output: Path, sender: Any, abort_when: AbortWhen
) -> None:
    task = make_task(tmp_path, ["sh", "-c", f"touch {tmp_path}/ready; exec {FOREVER}"])
    task.log_sender = sender
    abort_when(task, (tmp_path / "ready").exists)
    assert task.run_cmd(task._cmdline(), output) is None
    assert "\naborted: True\nreturncode: -15\n" in log_of(task)
    assert task.task_result(None, output) is WorkRequestResults.FAILURE


@pytest.mark.usefixtures("_unhurried")
def test_abort_lets_a_command_clean_up(tmp_path: Path, output: Path, abort_when: AbortWhen) -> None:
    script = (
        f"trap 'touch {tmp_path}/cleaned; exit 0' TERM; touch {tmp_path}/ready;"
        " while :; do sleep 0.05; done"
    )
    task = make_task(tmp_path, ["sh", "-c", script])
    abort_when(task, (tmp_path / "ready").exists)
    assert task.run_cmd(task._cmdline(), output) is None
    assert (tmp_path / "cleaned").exists()


def test_abort_kills_a_group_that_does_not_listen(
    tmp_path: Path, output: Path, abort_when: AbortWhen
) -> None:
    script = (
        f"trap '' TERM; sh -c 'trap \"\" TERM; {FOREVER}' & echo $! >"
        f" {tmp_path}/pid; touch {tmp_path}/ready; wait"
    )
    task = make_task(tmp_path, ["sh", "-c", script])
    abort_when(task, (tmp_path / "ready").exists)
    assert task.run_cmd(task._cmdline(), output) is None
    wait_for(lambda: not is_alive(int((tmp_path / "pid").read_text())))


def test_abort_works_while_a_listener_takes_nothing(
    tmp_path: Path, output: Path, abort_when: AbortWhen
) -> None:
    released = threading.Event()

    class Stuck:
        def send(self, data: bytes, stream: str) -> None:
            released.wait()

    task = make_task(tmp_path, ["sh", "-c", f"touch {tmp_path}/ready; yes"])
    task.log_sender = Stuck()
    abort_when(task, (tmp_path / "ready").exists)
    assert task.run_cmd(task._cmdline(), output) is None
    released.set()


def test_abort_from_a_signal_handler_of_the_same_thread(tmp_path: Path, output: Path) -> None:
    task = make_task(tmp_path, ["sh", "-c", f"kill -USR1 {os.getpid()}; exec {FOREVER}"])
    before = signal.signal(signal.SIGUSR1, lambda *_: task.abort())
    try:
        assert task.run_cmd(task._cmdline(), output) is None
    finally:
        signal.signal(signal.SIGUSR1, before)


def test_nothing_starts_after_an_abort(tmp_path: Path, output: Path) -> None:
    task = make_task(tmp_path, ["touch", "made"])
    task.abort()
    task.abort()
    assert task.run(output) is WorkRequestResults.FAILURE
    assert list(output.iterdir()) == []


def test_stragglers_of_the_group_are_killed(tmp_path: Path, output: Path) -> None:
    task = make_task(tmp_path, ["sh", "-c", f"{FOREVER} & echo $! > {tmp_path}/pid"])
    assert task.run(output) is WorkRequestResults.SUCCESS
    wait_for(lambda: not is_alive(int((tmp_path / "pid").read_text())))


def leave_the_group(tmp_path: Path, command: str) -> str:
    """Script that starts a command in a session of its own, and ends once it is there."""
    pid = tmp_path / "pid"
    start = f"setsid sh -c 'echo $$ > {pid}; exec {command}' &"
    return f"{start} until [ -s {pid} ]; do sleep 0.02; done"


def test_who_left_the_group_does_not_hold_the_task_up(tmp_path: Path, output: Path) -> None:
    script = f"echo before; {leave_the_group(tmp_path, FOREVER)}"
    task = make_task(tmp_path, ["sh", "-c", script])
    assert task.run(output) is WorkRequestResults.SUCCESS
    assert "before\n" in log_of(task)
    os.kill(int((tmp_path / "pid").read_text()), signal.SIGKILL)


def test_who_left_the_group_and_talks_does_not_hold_the_task_up(
    tmp_path: Path, output: Path
) -> None:
    task = make_task(tmp_path, ["sh", "-c", leave_the_group(tmp_path, "yes")])
    assert task.run(output) is WorkRequestResults.SUCCESS
    wait_for(lambda: not is_alive(int((tmp_path / "pid").read_text())))


@pytest.mark.usefixtures("_unhurried")
def test_last_words_of_an_aborted_command_are_kept(
    tmp_path: Path, output: Path, sender: Any, abort_when: AbortWhen
) -> None:
    script = (
        f"trap 'echo last words; exit 0' TERM; touch {tmp_path}/ready; while :; do sleep 0.05; done"
    )
    task = make_task(tmp_path, ["sh", "-c", script])
    task.log_sender = sender
    abort_when(task, (tmp_path / "ready").exists)
    task.run(output)
    assert "last words\n" in log_of(task)
    assert sender.bytes_of("stdout") == b"last words\n"


def test_full_disk_is_an_error_and_does_not_hang(tmp_path: Path, output: Path) -> None:
    command = [sys.executable, "-c", "print('y' * 1_000_000)"]
    task = make_task(tmp_path, command, CAPTURE_OUTPUT_FILENAME="full")
    (output / "full").symlink_to("/dev/full")
    with pytest.raises(OSError, match="No space left"):
        task.run(output)


def descriptors() -> set[str]:
    return {path.name for path in Path("/proc/self/fd").iterdir()}


def test_no_descriptors_are_left_behind(tmp_path: Path, output: Path) -> None:
    task = make_task(tmp_path, ["true"])
    task.run(output)
    # those of earlier tasks go when these do
    gc.collect()
    before = descriptors()
    task.run(output)
    assert descriptors() == before
