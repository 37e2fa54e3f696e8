# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import os
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import psutil
import pytest

from debusine.cli.embedded import ensure_server
from debusine.client.local_server import DataDir, find_holder
from debusine.domain.result import WorkRequestResults
from debusine.errors import NotPossibleError
from debusine.testing.waiting import wait_for

StartServer = Callable[..., AbstractContextManager[Any]]


def run_standalone(*options: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "debusine.standalone", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def are_gone(processes: list[psutil.Process]) -> bool:
    _, alive = psutil.wait_procs(processes, timeout=0)
    return not [process for process in alive if process.status() != psutil.STATUS_ZOMBIE]


def test_a_task_runs_on_a_machine_with_nothing_configured(server: Any) -> None:
    request = server.run_task("noop")
    assert request.result is WorkRequestResults.SUCCESS, server.log_tail()
    assert request.workspace == "System"


def test_a_task_that_fails_is_reported_as_failed(server: Any) -> None:
    request = server.run_task("noop", {"result": "failure"})
    assert request.result is WorkRequestResults.FAILURE, server.log_tail()


def test_only_the_first_start_makes_tables(start_server: StartServer, data_dir: Path) -> None:
    log = DataDir(data_dir).log
    with start_server(data_dir, "--no-worker"):
        assert "event='migrated'" in log.read_text()
    log.unlink()
    # how long a start takes is measured in bench/
    with start_server(data_dir, "--no-worker"):
        assert "event='migrated'" not in log.read_text()


def test_what_was_asked_before_is_still_there(start_server: StartServer, data_dir: Path) -> None:
    with start_server(data_dir) as first:
        done = first.run_task("noop")
    with start_server(data_dir) as again:
        assert again.client().work_request_get(done.id).result is WorkRequestResults.SUCCESS
        assert again.run_task("noop").id > done.id


def test_a_taken_data_directory_says_who_has_it(start_server: StartServer, data_dir: Path) -> None:
    with start_server(data_dir, "--no-worker") as running:
        second = run_standalone("--data-dir", str(data_dir), "--listen", "127.0.0.1:0")
        output, _ = second.communicate(timeout=30)
        assert second.returncode == 2
        assert f"process id {running.process.pid} at {running.holder.url}" in output


def test_a_taken_port_says_so(data_dir: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        process = run_standalone("--data-dir", str(data_dir), "--listen", f"127.0.0.1:{port}")
        output, _ = process.communicate(timeout=30)
    assert process.returncode == 2
    assert output.startswith(
        f"Error: cannot listen on 127.0.0.1 port {port}: Address already in use"
    )
    assert "--listen" in output
    assert not data_dir.exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_everything(
    start_server: StartServer, data_dir: Path, number: signal.Signals
) -> None:
    with start_server(data_dir) as running:
        running.run_task("noop")
        processes = running.descendants()
        assert processes
        assert running.stop(number) == 0
        wait_for(lambda: are_gone(processes))
        assert find_holder(DataDir(data_dir)) is None


def test_a_killed_server_takes_its_agent_with_it(start_server: StartServer, data_dir: Path) -> None:
    with start_server(data_dir) as running:
        running.run_task("noop")
        processes = running.descendants()
        running.stop(signal.SIGKILL)
        wait_for(lambda: are_gone(processes))


def test_an_agent_that_was_killed_is_started_again(
    start_server: StartServer, data_dir: Path
) -> None:
    with start_server(data_dir) as running:
        running.run_task("noop")
        [agent] = [child for child in running.descendants() if child.ppid() == running.process.pid]
        agent.kill()
        assert running.run_task("noop").result is WorkRequestResults.SUCCESS


def test_keys_are_for_their_owner_only(start_server: StartServer, data_dir: Path) -> None:
    with start_server(data_dir, "--no-worker"):
        files = [path for path in data_dir.rglob("*") if path.is_file()]
        assert {"client.ini", "secret-key", "token"} <= {path.name for path in files}
        assert [path for path in files if stat.S_IMODE(path.stat().st_mode) & 0o077] == []


def test_starting_prints_the_line_that_joins_another_machine(data_dir: Path) -> None:
    process = run_standalone("--data-dir", str(data_dir), "--listen", "127.0.0.1:0", "--no-worker")
    try:
        assert process.stdout is not None
        lines = [process.stdout.readline().strip() for _ in range(7)]
    finally:
        process.terminate()
        process.communicate(timeout=30)
    assert lines[0].startswith("debusine is running at http://127.0.0.1:")
    assert [line for line in lines if line.endswith("debusine-worker --log-stderr")]


def test_a_machine_joins_by_that_line(start_server: StartServer, data_dir: Path) -> None:
    """The line runs in a shell, with a home directory and a PATH of its own."""
    home = data_dir.parent / "second"
    home.mkdir()
    with start_server(data_dir, "--no-worker"):
        pass
    server = run_standalone("--data-dir", str(data_dir), "--listen", "127.0.0.1:0", "--no-worker")
    assert server.stdout is not None
    lines = [server.stdout.readline() for _ in range(7)]
    [line] = [line.strip() for line in lines if line.strip().endswith("--log-stderr")]
    environment = {
        **os.environ,
        "HOME": str(home),
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    }
    worker = subprocess.Popen(
        ["sh", "-c", line],
        env=environment,
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        token = home / ".config/debusine/worker/token"
        wait_for(lambda: token.exists() and token.read_text().strip())
        assert worker.poll() is None
    finally:
        os.killpg(worker.pid, signal.SIGTERM)
        worker.wait(20)
        server.terminate()
        server.communicate(timeout=30)


def outlast_an_unused_server(data_dir: Path) -> None:
    """Wait as long as a server takes to end once its user has gone."""
    layout = DataDir(data_dir)
    with ensure_server(layout, options=["--no-worker"]):
        pass
    wait_for(lambda: find_holder(layout) is None)


class TestEmbedded:
    """A server for as long as somebody uses it."""

    def test_ends_soon_after_its_user(self, data_dir: Path) -> None:
        layout = DataDir(data_dir)
        with ensure_server(layout, options=["--no-worker"]) as access:
            holder = find_holder(layout)
            assert holder is not None
            assert access.api_url == f"{holder.url}/api"
            assert access.connect().work_request_list() is not None
            server = psutil.Process(holder.pid)
        wait_for(lambda: are_gone([server]))
        assert find_holder(layout) is None

    def test_is_shared(self, data_dir: Path) -> None:
        layout = DataDir(data_dir)
        with ensure_server(layout, options=["--no-worker"]) as first:
            with ensure_server(layout) as second:
                assert second == first
            outlast_an_unused_server(data_dir.with_name("other"))
            assert find_holder(layout) is not None
        wait_for(lambda: find_holder(layout) is None)

    def test_one_that_is_there_is_used_and_left(
        self, start_server: StartServer, data_dir: Path
    ) -> None:
        with start_server(data_dir, "--no-worker") as running:
            with ensure_server(DataDir(data_dir)) as access:
                assert access.api_url == f"{running.holder.url}/api"
            outlast_an_unused_server(data_dir.with_name("other"))
            assert running.process.poll() is None

    def test_that_does_not_start_shows_its_log(self, data_dir: Path) -> None:
        with (
            pytest.raises(NotPossibleError, match="did not start") as caught,
            ensure_server(DataDir(data_dir), options=["--no-such-option"]),
        ):
            pass
        assert "--no-such-option" in caught.value.explain()
