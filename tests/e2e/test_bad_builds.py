# SPDX-License-Identifier: GPL-3.0-or-later
"""Builds that fail, hang, leave strays and shout; machines on which none can be tried."""

from __future__ import annotations

import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import psutil
import pytest

from debusine.client.debusine import Debusine
from debusine.client.local_server import DataDir
from debusine.testing.ports import free_port
from debusine.testing.processes import processes_of
from debusine.testing.waiting import PATIENCE_S, wait_for

pytestmark = pytest.mark.timeout(600)

LOUD_BYTES = 200_000_000
# nobody else sleeps this long
STRAY = "sleep 86417"
# fails at its end, so that nothing has to be packed
RULES_BAD = f"""\
binary-arch:
	@setsid {STRAY} & (trap '' TERM HUP INT; exec {STRAY}) & nohup {STRAY} > /dev/null 2>&1 &
	@printf 'caf\\351 \\377\\376 @NONCE@\\n'
	@exit 3
"""
RULES_LOUD = f"""\
binary-arch:
	@head -c {LOUD_BYTES} /dev/zero | tr '\\0' 'x' | fold -w 999
	@echo; echo 'end of the log: @NONCE@'; exit 3
"""


@dataclass(frozen=True, kw_only=True)
class Made:
    """A source package, and what it prints."""

    dsc: Path
    nonce: bytes


@pytest.fixture
def bad_source(make_sources: ModuleType, tmp_path: Path) -> Any:
    """Make a package with some debian/rules."""

    def make(name: str, rules: str) -> Made:
        nonce = secrets.token_hex(8)
        source = make_sources.Source(
            name=name, packages={name: "any"}, rules=make_sources.RULES_HEAD + rules
        )
        dsc = make_sources.make_source(source, tmp_path / "source", nonce)
        return Made(dsc=dsc, nonce=nonce.encode())

    return make


def command(*arguments: str | Path) -> list[str]:
    script = "from debusine.cli.main import main; main()"
    return [sys.executable, "-c", script, *map(str, arguments)]


def environment(tmp_path: Path, **more: str) -> dict[str, str]:
    """Nothing that the caller has configured."""
    return {**os.environ, "XDG_CONFIG_HOME": str(tmp_path), "HOME": str(tmp_path), **more}


@dataclass(frozen=True, kw_only=True)
class Ended:
    """A call of the program."""

    status: int
    output: bytes
    errors: str


def debusine(tmp_path: Path, *arguments: str | Path, **more: str) -> Ended:
    done = subprocess.run(  # noqa: TID251  with a time limit and exactly this environment
        command(*arguments),
        env=environment(tmp_path, **more),
        cwd=tmp_path,
        capture_output=True,
        check=False,
        timeout=500,
    )
    ended = Ended(
        status=done.returncode, output=done.stdout, errors=done.stderr.decode(errors="replace")
    )
    assert "Traceback" not in ended.errors
    return ended


def strays() -> list[str]:
    return [line for line in processes_of(STRAY) if line == STRAY]


def build_log(output: Path) -> bytes:
    (path,) = output.glob("*.build")
    return path.read_bytes()


def reproduce(server: Any, tmp_path: Path) -> Ended:
    """Run the newest build of a server again, without the server's worker."""
    builds = [r for r in server.client().work_request_list() if r.task_name == "sbuild"]
    config = server.data_dir.client_config
    return debusine(tmp_path, "--config-file", config, "reproduce", str(builds[0].id))


def test_a_build_that_fails_with_strays_and_bytes_that_are_no_text(
    built_environment: Any, bad_source: Any, tmp_path: Path
) -> None:
    made = bad_source("tiny-bad", RULES_BAD)
    output = tmp_path / "out"
    ended = debusine(
        tmp_path, "build", made.dsc, "--suite", "trixie", "--output", output,
        "--data-dir", built_environment.data_dir.root,
    )  # fmt: skip
    assert ended.status == 1
    assert b"the package's own build failed" in ended.output
    # shown as text, kept as it came
    assert "caf\ufffd \ufffd\ufffd ".encode() + made.nonce in ended.output
    assert b"caf\xe9 \xff\xfe " + made.nonce in build_log(output)
    assert strays() == []
    again = reproduce(built_environment, tmp_path)
    assert again.status == 0, again.errors
    assert "caf\ufffd \ufffd\ufffd ".encode() + made.nonce in again.output
    assert b"==> result here: failure\n" in again.output
    assert strays() == []


def test_a_build_that_prints_without_end(
    built_environment: Any, bad_source: Any, tmp_path: Path
) -> None:
    made = bad_source("tiny-loud", RULES_LOUD)
    server = psutil.Process(built_environment.process.pid)
    before = server.memory_info().rss
    output = tmp_path / "out"
    arguments = ["build", made.dsc, "--suite", "trixie", "--output", output]
    arguments += ["--data-dir", built_environment.data_dir.root]
    with (tmp_path / "shown").open("wb") as shown:
        process = subprocess.Popen(
            command(*arguments), env=environment(tmp_path), cwd=tmp_path, stdout=shown, stderr=shown
        )
        most = 0
        while process.poll() is None:
            most = max(most, server.memory_info().rss)
            time.sleep(0.2)
    assert process.returncode == 1
    assert most - before < 100 * 2**20
    # complete, in the file and as it was written
    for text in (build_log(output), (tmp_path / "shown").read_bytes()):
        assert text.count(b"x" * 999) == LOUD_BYTES // 999
        assert b"end of the log: " + made.nonce in text


def end_all(client: Debusine) -> None:
    """Leave the worker free for the next test, however this one ended."""
    for request in client.work_request_list():
        if not request.status.is_final:
            client.work_request_abort(request.id)


def test_a_build_that_hangs_is_stopped_by_ctrl_c(
    built_environment: Any, make_sources: ModuleType, bad_source: Any, tmp_path: Path
) -> None:
    dsc = bad_source("tiny-hang", make_sources.RULES_HANG.replace("sleep 600", STRAY)).dsc
    arguments = ["build", dsc, "--suite", "trixie", "--data-dir", built_environment.data_dir.root]
    shown = tmp_path / "shown"
    with shown.open("wb") as stream:
        process = subprocess.Popen(
            command(*arguments),
            env=environment(tmp_path),
            cwd=tmp_path,
            stdout=stream,
            stderr=stream,
        )
    try:
        wait_for(
            lambda: b"this package hangs" in shown.read_bytes(),
            timeout_s=300,
            instead=lambda: shown.read_text(errors="replace")[-2000:],
        )
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE_S) == 130
    finally:
        process.kill()
        end_all(built_environment.client())
    text = shown.read_text()
    assert "aborted work request" in text
    assert "Traceback" not in text
    wait_for(lambda: not strays())
    newest = next(iter(built_environment.client().work_request_list()))
    assert newest.status == "aborted"
    # and no empty directory where the files would have gone
    assert not list(tmp_path.glob("debusine-*"))


@contextmanager
def path_without(tool: str, directory: Path) -> Iterator[str]:
    """A search path with every program of this machine but one."""
    directory.mkdir(parents=True)
    for place in [*os.environ["PATH"].split(":"), "/usr/sbin", "/sbin"]:
        for program in Path(place).glob("*"):
            if program.name != tool and not os.path.lexists(directory / program.name):
                (directory / program.name).symlink_to(program)
    # the worker's user has to read it
    directory.chmod(0o755)
    yield str(directory)


def test_a_missing_tool_is_named(make_sources: ModuleType, data_dir: Path, tmp_path: Path) -> None:
    dsc = make_sources.make_source(make_sources.SOURCES["tiny-all"], tmp_path / "source", "n")
    data_dir.parent.chmod(0o755)
    with path_without("mmdebstrap", data_dir.parent / "bin") as path:
        ended = debusine(
            tmp_path, "build", dsc, "--suite", "trixie", "--data-dir", data_dir, PATH=path
        )
        assert ended.status == 2
        assert "(worker:cap:mmdebstrap)" in ended.errors
        assert "debusine doctor" in ended.errors
        doctor = debusine(tmp_path, "doctor", PATH=path)
    assert doctor.status != 0
    assert b"missing: mmdebstrap" in doctor.output
    assert b"apt-get install --no-install-recommends mmdebstrap" in doctor.output


def test_an_architecture_that_no_worker_has(
    built_environment: Any, make_sources: ModuleType, tmp_path: Path
) -> None:
    dsc = make_sources.make_source(make_sources.SOURCES["tiny-all"], tmp_path / "source", "n")
    ended = debusine(
        tmp_path, "build", dsc, "--suite", "trixie", "--arch", "s390x",
        "--data-dir", built_environment.data_dir.root,
    )  # fmt: skip
    assert ended.status == 2
    assert "builds for s390x (worker:build-arch:s390x)" in ended.errors
    waiting = [r for r in built_environment.client().work_request_list() if not r.status.is_final]
    assert waiting == []


def test_a_port_in_use(data_dir: Path, tmp_path: Path) -> None:
    port = free_port()
    with socket.create_server(("127.0.0.1", port)):
        ended = debusine(tmp_path, "up", "--listen", f"127.0.0.1:{port}", "--data-dir", data_dir)
    assert ended.status == 2
    assert f"cannot listen on 127.0.0.1 port {port}: Address already in use" in ended.errors
    assert "--listen" in ended.errors
    assert not DataDir(data_dir).client_config.exists()
