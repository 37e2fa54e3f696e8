# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from debusine.client.local_server import DataDir
from debusine.standalone.agent import agent_command, keep_running
from debusine.standalone.usage import wait_until_unused
from debusine.testing.processes import is_alive
from debusine.testing.waiting import wait_for
from debusine.util.file_lock import try_lock, wait_lock
from debusine.util.retry import Backoff

SOON = Backoff(first_s=0.01, spread=0)


async def until(condition: Callable[[], object]) -> None:
    """Wait for something that other processes do."""
    await asyncio.to_thread(wait_for, condition)


def lines_of(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []


async def eventually(path: Path, count: int) -> list[str]:
    """Wait until a program has written as many lines."""
    await until(lambda: len(lines_of(path)) >= count)
    return lines_of(path)


async def test_an_agent_that_ends_is_started_again(tmp_path: Path) -> None:
    seen = tmp_path / "seen"
    command = ["sh", "-c", f"echo $$ >> {seen}"]
    running = asyncio.create_task(keep_running(command, data_dir=DataDir(tmp_path), backoff=SOON))
    assert len(set(await eventually(seen, 3))) >= 3
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


async def test_cancelling_asks_the_agent_to_end_and_waits(tmp_path: Path) -> None:
    seen = tmp_path / "seen"
    script = f"trap 'sleep 0.2; echo ended >> {seen}; exit 0' TERM; echo started >> {seen}; "
    command = ["sh", "-c", script + "while :; do sleep 0.05; done"]
    running = asyncio.create_task(keep_running(command, data_dir=DataDir(tmp_path)))
    await eventually(seen, 1)
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running
    assert seen.read_text().split() == ["started", "ended"]


async def test_what_the_agent_says_is_in_the_log(tmp_path: Path) -> None:
    data_dir = DataDir(tmp_path)
    command = ["sh", "-c", "echo hello >&2; exec sleep 60"]
    running = asyncio.create_task(keep_running(command, data_dir=data_dir))
    assert await eventually(data_dir.log, 1) == ["hello"]
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running


async def test_the_agent_does_not_outlive_a_killed_server(tmp_path: Path) -> None:
    wrapper = agent_command(DataDir(tmp_path))
    command = [*wrapper[: wrapper.index(sys.executable)], "sleep", "1000"]
    parent = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        "import subprocess, sys, time\n"
        "print(subprocess.Popen(sys.argv[1:]).pid, flush=True)\n"
        "time.sleep(1000)",
        *command,
        stdout=asyncio.subprocess.PIPE,
    )
    assert parent.stdout is not None
    child = int(await parent.stdout.readline())
    await until(lambda: lines_of(Path(f"/proc/{child}/comm")) == ["sleep"])
    parent.kill()
    await parent.wait()
    await until(lambda: not is_alive(child))


async def test_a_server_ends_when_the_last_user_has_gone(tmp_path: Path) -> None:
    path = tmp_path / "in-use"
    user = try_lock(path, shared=True)
    assert user is not None
    waiting = asyncio.create_task(wait_until_unused(path, idle_s=0.3))
    await asyncio.sleep(0.6)
    assert not waiting.done()
    user.release()
    lock = await waiting
    # newcomers wait from now on
    with pytest.raises(TimeoutError):
        await asyncio.to_thread(wait_lock, path, shared=True, timeout_s=0.2)
    lock.release()
