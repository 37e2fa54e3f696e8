# SPDX-License-Identifier: GPL-3.0-or-later
"""A build that fails is kept, looked at through the server, and gone."""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import struct
import subprocess
import sys
import termios
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any

import psutil
import pytest
import yaml

from debusine.client.debusine import Debusine
from debusine.domain.hold import HoldState
from debusine.testing.processes import processes_of
from debusine.testing.waiting import PATIENCE_S, wait_for
from debusine.wire.hold import HoldRecord, HoldWanted

pytestmark = pytest.mark.timeout(600)

SCRIPT = "from debusine.cli.main import main; main()"
# nobody else sleeps this long
STRAY = "sleep 86431"
RULES = """\
binary-arch:
	@echo @NONCE@ > evidence; exit 3
"""
SIZE = (41, 133)


@dataclass(frozen=True, kw_only=True)
class Kept:
    """
    A server that keeps the environment of a build that failed.

    :param tries: all requests that did the same
    """

    server: Any
    work_request: int
    nonce: str
    tries: list[int]

    @property
    def client(self) -> Debusine:
        client: Debusine = self.server.client()
        return client

    def command(self, *arguments: str) -> list[str]:
        config = str(self.server.data_dir.client_config)
        return [sys.executable, "-c", SCRIPT, "--config-file", config, *arguments]

    def run(self, *arguments: str, typed: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(  # noqa: TID251  with a time limit
            self.command(*arguments),
            input=typed,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            timeout=300,
        )


def directories(server: Any, number: int) -> list[Path]:
    """Where the environment of a request lies; other servers' requests have the same numbers."""
    found = set((server.data_dir.worker / "workdir").glob(f"WR-{number}-*"))
    for process in server.descendants():
        with contextlib.suppress(psutil.Error):
            place = Path(process.cwd()).parent
            if process.name() == "task-sbuild" and place.name.startswith(f"WR-{number}-"):
                found.add(place)
    return [*found, *(Path((place / "scratch").read_text()) for place in found)]


def build_number(client: Debusine, known: set[int]) -> int | None:
    for request in client.work_request_list():
        if request.task_name == "sbuild" and request.id not in known:
            return request.id
    return None


@pytest.fixture(scope="module")
def first(
    built_environment: Any, make_sources: ModuleType, tmp_path_factory: pytest.TempPathFactory
) -> Kept:
    directory = tmp_path_factory.mktemp("hold")
    nonce = "n4k3d"
    source = make_sources.Source(
        name="tiny-kept", packages={"tiny-kept": "any"}, rules=make_sources.RULES_HEAD + RULES
    )
    dsc = make_sources.make_source(source, directory / "source", nonce)
    client = built_environment.client()
    known = {request.id for request in client.work_request_list()}
    arguments = ["build", str(dsc), "--suite", "trixie", "--output", str(directory / "out")]
    arguments += ["--data-dir", str(built_environment.data_dir.root)]
    environment = {**os.environ, "XDG_CONFIG_HOME": str(directory), "HOME": str(directory)}
    with (directory / "shown").open("wb") as shown:
        process = subprocess.Popen(
            [sys.executable, "-c", SCRIPT, *arguments],
            env=environment,
            cwd=directory,
            stdout=shown,
            stderr=shown,
        )
    number = wait_for(lambda: build_number(client, known), timeout_s=300)
    wanted = client.holds.ask(number, HoldWanted(seconds=3600))
    assert wanted.state is HoldState.WANTED
    assert process.wait(300) == 1
    output = (directory / "shown").read_text(errors="replace")
    assert f"debusine attach {number}" in output
    return Kept(server=built_environment, work_request=number, nonce=nonce, tries=[number])


def state(kept: Kept, wanted: HoldState, number: int) -> HoldRecord | None:
    """What is known of an environment, if that is its state."""
    record = kept.client.holds.get(number)
    return record if record.state is wanted else None


@pytest.fixture
def kept(first: Kept) -> Kept:
    """The same, tried again if a test has ended what was kept."""
    newest = first.tries[-1]
    if state(first, HoldState.HELD, newest) is None:
        newest = first.client.holds.ask(newest, HoldWanted(retry=True)).work_request or 0
        first.tries.append(newest)
        wait_for(lambda: state(first, HoldState.HELD, newest), timeout_s=300)
    return replace(first, work_request=newest)


def test_the_failed_tree_is_there_and_told(kept: Kept) -> None:
    number = str(kept.work_request)
    shown = kept.run("work-request", "show", number)
    assert "its environment is kept on worker local until" in shown.stdout
    assert f"debusine attach {number}" in kept.run("why", number).stdout
    looked = kept.run("attach", number, "--", "sh", "-c", "id -un; cat evidence; exit 7")
    assert looked.returncode == 7, looked.stderr
    assert looked.stdout.split() == ["sbuild", kept.nonce]
    as_root = kept.run("attach", number, "--root", "--", "id", "-u")
    assert (as_root.returncode, as_root.stdout.strip()) == (0, "0")
    # the build had none, and what shows the network is Perl, as no environment is without it
    script = "open F, '/proc/net/dev'; @a = <F>; print scalar(@a) - 2"
    assert kept.run("attach", number, "--", "perl", "-e", script).stdout == "1"
    listed = kept.run("attach", number, "--list").stdout
    assert "admin as root" in listed
    assert "exit status 7" in listed
    terminals = kept.client.holds.get(kept.work_request).terminals
    (one,) = (one for one in terminals if one.exit_code == 7)
    assert kept.nonce in kept.run("attach", number, "--show", str(one.id)).stdout


def test_a_terminal_has_a_size_and_keys(kept: Kept) -> None:
    master, slave = os.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", *SIZE, 0, 0))
    process = subprocess.Popen(
        kept.command("attach", str(kept.work_request)),
        stdin=slave,
        stdout=slave,
        stderr=subprocess.PIPE,
        start_new_session=True,
        env={**os.environ, "TERM": "vt100"},
    )
    os.close(slave)
    seen = b""

    def read_until(text: bytes) -> None:
        nonlocal seen
        while text not in seen:
            seen += os.read(master, 4096)

    read_until(b"$ ")
    os.write(master, b"stty size; echo $TERM; sleep 86432\r")
    read_until(b"41 133\r\nvt100\r\n")
    # Ctrl-C is for the program over there
    os.write(master, b"\x03")
    fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 90, 0, 0))
    process.send_signal(signal.SIGWINCH)
    os.write(master, b"while [ \"$(stty size)\" != '30 90' ]; do sleep 0.1; done; exit 5\r")
    assert process.wait(PATIENCE_S) == 5
    os.close(master)
    assert process.stderr is not None
    with process.stderr:
        explained = process.stderr.read().decode()
    assert "on worker local, without network, as the task had it" in explained


def test_what_a_terminal_started_ends_with_it(kept: Kept) -> None:
    script = f"setsid {STRAY} >/dev/null 2>&1 & echo started"
    done = kept.run("attach", str(kept.work_request), "--", "sh", "-c", script)
    assert done.stdout.split() == ["started"]
    wait_for(lambda: not processes_of(STRAY))
    process = subprocess.Popen(
        kept.command("attach", str(kept.work_request), "--", *STRAY.split()),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    wait_for(lambda: processes_of(STRAY))
    process.kill()
    process.wait()
    wait_for(lambda: not [line for line in processes_of(STRAY) if line == STRAY])


def test_bytes_that_are_no_text_and_a_flood(kept: Kept) -> None:
    number = str(kept.work_request)
    every = "".join(f"\\{byte:03o}" for byte in range(256) if byte != 10)
    noise = subprocess.run(  # noqa: TID251  bytes
        kept.command("attach", number, "--", "printf", every),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        timeout=120,
    )
    assert noise.stdout == bytes(byte for byte in range(256) if byte != 10)
    flood = kept.run("attach", number, "--", "sh", "-c", "yes | head -c 3000000")
    assert flood.returncode == 0
    # a terminal ends lines with two bytes
    assert len(flood.stdout.encode()) in {3_000_000, 4_500_000}


def test_released_or_killed_nothing_is_left(kept: Kept) -> None:
    number = kept.work_request
    places = directories(kept.server, number)
    assert places
    # the agent, which starts the nursery, which starts what looks after tasks
    nursery = next(each for each in kept.server.descendants() if each.name() == "task-nursery")
    nursery.parent().kill()
    wait_for(lambda: not any(place.exists() for place in places))
    again = kept.run("hold", str(number), "--retry", "--yaml")
    assert again.returncode == 0, again.stderr
    newest = yaml.safe_load(again.stdout)["work_request"]
    assert newest > number
    kept.tries.append(newest)

    lost = wait_for(lambda: state(kept, HoldState.ENDED, number))
    assert "the worker started anew" in lost.text
    wait_for(lambda: state(kept, HoldState.HELD, newest), timeout_s=300)
    places = directories(kept.server, newest)
    assert places
    released = kept.run("hold", str(newest), "--release")
    assert "its environment is kept no longer: it was released" in released.stdout
    assert [place for place in places if place.exists()] == []
    refused = kept.run("attach", str(newest))
    assert refused.returncode == 3
    assert "it was released" in refused.stderr
