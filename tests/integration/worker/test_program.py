# SPDX-License-Identifier: GPL-3.0-or-later
"""``debusine-worker`` from the command line."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from debusine import __version__
from debusine.testing.server_http import LiveServer
from debusine.testing.server_wire import Fault, problem


def worker(*arguments: str, timeout_s: float = 60) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: TID251  the program as people run it
        [sys.executable, "-m", "debusine.worker.main", *arguments],
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )


@pytest.fixture
def configuration(base: Path, server: LiveServer) -> Path:
    directory = base / "config"
    directory.mkdir()
    (directory / "config.ini").write_text(
        f"[General]\napi-url = {server.url}/\nworking-directory = {base}/work\n"
    )
    return directory


def test_version() -> None:
    assert worker("--version").stdout.strip().endswith(__version__)


@pytest.mark.parametrize("text", [None, "[General]\n", "[General]\napi-url = x\n"])
def test_configuration_errors_exit_with_3(base: Path, text: str | None) -> None:
    if text is not None:
        (base / "config.ini").write_text(text)
    done = worker("--log-stderr", "--config-directory", str(base))
    assert done.returncode == 3
    assert "config.ini" in done.stderr
    assert "Traceback" not in done.stderr


def test_open_token_exits_with_3(configuration: Path) -> None:
    (configuration / "token").write_text("secret")
    (configuration / "token").chmod(0o644)
    done = worker("--log-stderr", "--config-directory", str(configuration))
    assert done.returncode == 3
    assert "chmod go=" in done.stderr
    assert "secret" not in done.stderr


def test_registers_and_runs_one_task(configuration: Path, server: LiveServer) -> None:
    (configuration / "activation-token").write_text("activate\n")
    (configuration / "activation-token").chmod(0o600)
    server.memory.add_work_request()
    done = worker("--log-stderr", "--once", "--config-directory", str(configuration))
    assert done.returncode == 0, done.stderr
    [registration] = server.memory.registrations
    assert registration["activation"] == "activate"
    assert registration["worker_type"] == "external"
    assert registration["fqdn"]
    token = configuration / "token"
    assert token.stat().st_mode & 0o777 == 0o600
    assert token.read_text().strip() == registration["token"]
    assert len(registration["token"]) == 64
    assert registration["token"] not in done.stderr
    assert server.memory.reports[1].result == "success"


def test_refused_registration_exits_with_3(configuration: Path, server: LiveServer) -> None:
    server.memory.faults.append(Fault(path="register", what=problem("No", 400)))
    done = worker("--log-stderr", "--config-directory", str(configuration))
    assert done.returncode == 3
    assert "400" in done.stderr
    assert not (configuration / "token").exists()


def test_refused_report_exits_with_2_if_only_one_was_wanted(
    configuration: Path, server: LiveServer
) -> None:
    server.memory.add_work_request()
    server.memory.faults.append(Fault(path="completed", what=problem("Gone", 404)))
    done = worker("--log-stderr", "--once", "--config-directory", str(configuration))
    assert done.returncode == 2


def test_clean(configuration: Path, base: Path) -> None:
    left = base / "work/WR-3-abcd"
    (left / "work/deep").mkdir(parents=True)
    (left / "lock").touch()
    scratch = base / "debusine-WR-3-abcd"
    scratch.mkdir()
    (left / "scratch").write_text(str(scratch))
    (base / "work/other").mkdir()
    done = worker("--log-stderr", "--clean", "--config-directory", str(configuration))
    assert done.returncode == 0, done.stderr
    assert [path.name for path in (base / "work").iterdir()] == ["other"]
    assert not scratch.exists()


@pytest.mark.root
def test_tasks_never_run_as_root(configuration: Path) -> None:
    path = configuration / "config.ini"
    path.write_text(path.read_text() + "user = root\n")
    done = worker("--log-stderr", "--config-directory", str(configuration))
    assert done.returncode == 3
    assert "must not run as root" in done.stderr
