# SPDX-License-Identifier: GPL-3.0-or-later
import os
import signal
import sys
from pathlib import Path

import pytest

from debusine.errors import NotPossibleError
from debusine.testing.processes import is_alive
from debusine.testing.waiting import wait_for
from debusine.util.command import Command, CommandError, Completed, run

PYTHON = sys.executable


def test_output_and_errors_are_captured_apart() -> None:
    done = run(Command(["sh", "-c", "echo out; echo err >&2"]))
    assert done == Completed(returncode=0, stdout=b"out\n", stderr=b"err\n")
    assert done.text == "out\n"


def test_only_the_given_environment_is_seen() -> None:
    done = run(Command(["env"], env={"PATH": os.environ["PATH"], "A": "1"}))
    assert sorted(done.text.splitlines()) == ["A=1", f"PATH={os.environ['PATH']}"]


def test_working_directory_and_stdin(tmp_path: Path) -> None:
    (tmp_path / "in").write_bytes(b"from a file")
    assert run(Command(["cat"], stdin=tmp_path / "in")).stdout == b"from a file"
    assert run(Command(["cat"], stdin=b"from bytes")).stdout == b"from bytes"
    assert run(Command(["cat"])).stdout == b""
    assert run(Command(["pwd"], cwd=tmp_path)).text.strip() == str(tmp_path)


def test_log_gets_both_streams(tmp_path: Path) -> None:
    with (tmp_path / "log").open("wb") as log:
        done = run(Command(["sh", "-c", "echo a; echo b >&2"], log=log))
    assert (tmp_path / "log").read_bytes() == b"a\nb\n"
    assert done == Completed(returncode=0, stdout=b"", stderr=b"")


def test_failure_shows_how_to_repeat_it(tmp_path: Path) -> None:
    with pytest.raises(CommandError) as caught:
        run(Command(["sh", "-c", "echo no space >&2; exit 3"], cwd=tmp_path))
    error = caught.value
    assert str(error) == (
        f"command failed with exit status 3: cd {tmp_path} && sh -c 'echo no space >&2; exit 3'"
    )
    assert error.details == "no space"
    assert (error.returncode, error.timed_out) == (3, False)


def test_failure_can_be_accepted() -> None:
    assert run(Command(["false"], check=False)).returncode == 1


def test_death_by_signal_is_named() -> None:
    with pytest.raises(CommandError, match="ended by signal SIGTERM"):
        run(Command(["sh", "-c", "kill -TERM $$"]))


def test_missing_program_is_named() -> None:
    with pytest.raises(NotPossibleError, match="program not found: no-such-program"):
        run(Command(["no-such-program"]))


def test_missing_directory_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotPossibleError, match="no such directory"):
        run(Command(["true"], cwd=tmp_path / "none"))


def test_time_limit_kills_the_whole_group(tmp_path: Path) -> None:
    # longer than a test may take
    script = f"sleep 1000 & echo $! > {tmp_path}/pid; echo started; wait"
    with pytest.raises(CommandError) as caught:
        run(Command(["sh", "-c", script], timeout_s=1.5))
    assert caught.value.timed_out
    assert "took longer than 1.5 s" in str(caught.value)
    assert caught.value.completed.stdout == b"started\n"
    assert caught.value.returncode == -signal.SIGKILL
    grandchild = int((tmp_path / "pid").read_text())
    # killed is not yet dead: it has to be scheduled once more to die
    wait_for(lambda: not is_alive(grandchild))


def test_time_limit_does_not_wait_for_who_left_the_group(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    script = f"echo $$ > {pid}; exec sleep 1000"
    with pytest.raises(CommandError):
        run(Command(["setsid", "--fork", "sh", "-c", script], timeout_s=0.3))
    os.kill(int(wait_for(lambda: pid.exists() and pid.read_text())), signal.SIGKILL)


def test_secrets_are_masked() -> None:
    command = Command(
        ["fetch", "https://user:pa55@example.org/x"],
        env={"API_TOKEN": "abc", "LANG": "C"},
    )
    assert command.as_shell() == (
        "env -i API_TOKEN='***' LANG=C fetch https://user:***@example.org/x"
    ).replace("'", "")
