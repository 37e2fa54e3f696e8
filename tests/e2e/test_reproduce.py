# SPDX-License-Identifier: GPL-3.0-or-later
"""Run again what a server's worker ran; a build that fails is in ``test_bad_builds.py``."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

from debusine.client.debusine import Debusine
from debusine.domain.result import WorkRequestResults
from debusine.wire.artifact import ArtifactResponse
from debusine.wire.reproduction import REPORT, Reproduction

SCRIPT = "from debusine.cli.main import main; main()"


def debusine(server: Any, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", SCRIPT, "--config-file", server.data_dir.client_config]
    return subprocess.run(  # noqa: TID251  with a time limit
        [*command, *arguments], capture_output=True, text=True, check=False, timeout=120
    )


def everything(client: Debusine) -> list[Any]:
    """All that a reproduction could have changed."""
    return [list(request.artifacts) for request in client.work_request_list()]


def debug_logs(client: Debusine, numbers: list[int]) -> list[ArtifactResponse]:
    found = [client.artifact_get(number) for number in numbers]
    return [one for one in found if one.category == "debusine:work-request-debug-logs"]


def test_what_failed_fails_here_and_the_server_hears_nothing(server: Any, tmp_path: Path) -> None:
    client = server.client()
    request = server.run_task("noop", {"result": "failure"})
    last_line = f"To run this again: debusine reproduce {request.id}"
    before = everything(client)
    output = tmp_path / "out"
    again = debusine(server, "reproduce", str(request.id), "--output", str(output))
    assert again.returncode == 0, again.stderr
    lines = again.stdout.splitlines()
    assert lines[-1] == f"==> the same result as work request {request.id}"
    assert last_line in lines
    report = Reproduction.model_validate_json((output / REPORT).read_bytes())
    assert report.completed.result is WorkRequestResults.FAILURE
    [kept] = report.artifacts
    log = (output / kept.directory / "stages.log").read_text()
    assert log.endswith(f"Cleaning up\n{last_line}\n")
    assert everything(client) == before


def test_every_log_of_a_server_ends_with_what_to_call(server: Any, tmp_path: Path) -> None:
    client = server.client()
    request = server.run_task("noop", {"result": "failure"})
    last_line = f"\nTo run this again: debusine reproduce {request.id}\n"
    [logs] = debug_logs(client, request.artifacts)
    client.download_artifact(logs.id, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["stages.log"]
    assert (tmp_path / "stages.log").read_text().endswith(last_line)
    followed = debusine(server, "work-request", "follow", str(request.id))
    assert last_line in followed.stdout


def test_what_is_there_already_is_not_overwritten(server: Any, tmp_path: Path) -> None:
    request = server.run_task("noop")
    (tmp_path / "mine").write_text("precious")
    refused = debusine(server, "reproduce", str(request.id), "--output", str(tmp_path))
    assert refused.returncode == 3
    assert f"{tmp_path} is not empty" in refused.stderr
