# SPDX-License-Identifier: GPL-3.0-or-later
"""``debusine why`` and ``debusine worker``, as people call them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml
from tests.integration.conftest import ApiClient

from debusine.cli.main import run
from debusine.db.models import Worker
from debusine.testing import factories
from debusine.testing.live_server import LiveServer


class Result(NamedTuple):
    stdout: str
    stderr: str


# stands for a file without task data
DATA = "DATA"
Call = Callable[..., Result]


@pytest.fixture
def call(server: LiveServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Call]:
    """Run the program as an administrator."""
    factories.make_workspace()
    key = factories.make_token(factories.make_user("alice", superuser=True)).key
    data = tmp_path / "data.yaml"
    data.write_text("{}\n")
    config = tmp_path / "config.ini"
    config.write_text(
        f"[General]\ndefault-server = here\n[server:here]\napi-url = {server.url}/api\n"
        f"scope = debusine\ntoken = {key}\n"
    )

    def call(*arguments: str, fails: bool = False) -> Result:
        status = run(
            [
                "--config-file",
                str(config),
                *(str(data) if word == DATA else word for word in arguments),
            ]
        )
        captured = capsys.readouterr()
        assert (status != 0) == fails, captured.err
        return Result(stdout=captured.out, stderr=captured.err)

    # the program sends logs to what is standard error during the test
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield call
    root.handlers, root.level = handlers, level


def create(call: Call) -> tuple[int, str]:
    """Ask for work: its id, and what was said about it."""
    done = call("work-request", "create", "noop", "--yaml", "--data", DATA)
    # the server in this process logs there, too
    record = done.stdout[done.stdout.index("links:") :]
    return int(yaml.safe_load(record)["id"]), done.stderr


def test_why_it_waits(call: Call) -> None:
    worker = factories.make_worker("build-1").worker
    pk, _ = create(call)
    factories.make_running(worker=worker)
    assert call("why", str(pk)).stdout.splitlines()[-2:] == [
        f"Work request {pk} waits:",
        "  - the one worker that fits, build-1, is busy",
    ]
    document = yaml.safe_load(call("why", str(pk), "--yaml").stdout)
    assert document["status"] == "pending"
    assert document["causes"][0]["code"] == "busy"
    call("work-request", "abort", str(pk))
    assert call("why", str(pk)).stdout.startswith(
        f"Work request {pk} does not wait: it is aborted, since "
    )


def test_why_of_nothing(call: Call) -> None:
    assert "not found" in call("why", "4711", fails=True).stderr


def test_what_nobody_offers_is_said_when_it_is_asked_for(call: Call) -> None:
    factories.make_worker(tags=("worker:type:external",))
    _, said = create(call)
    assert "Warning: no worker has ever offered all that it asks for" in said


def test_what_somebody_offers_brings_no_warning(call: Call) -> None:
    factories.make_worker()
    _, said = create(call)
    assert "Warning" not in said


def test_workers_are_listed_drained_and_enabled(call: Call) -> None:
    factories.make_worker("build-1", version="0.1.0")
    lines = call("worker", "drain", "build-1", "--reason", "new disk").stdout.splitlines()
    assert lines[-1].split() == [
        "build-1", "external", "drained", "0", "of", "1", "0.1.0", "new", "disk",
    ]  # fmt: skip
    (shown,) = yaml.safe_load(call("worker", "list", "--yaml").stdout)
    assert (shown["name"], shown["state"], shown["drain_reason"]) == (
        "build-1", "drained", "new disk",
    )  # fmt: skip
    call("worker", "disable", "build-1")
    assert "disabled" in call("worker", "list").stdout
    call("worker", "enable", "build-1")
    worker = Worker.objects.select_related("token").get()
    assert worker.token is not None
    assert worker.token.enabled
    assert worker.drained_at is None


def test_a_worker_that_is_not_there(call: Call) -> None:
    assert "not found" in call("worker", "drain", "nobody", fails=True).stderr


def test_a_reason_that_is_too_long(call: Call) -> None:
    output = call("worker", "drain", "x", "--reason", "x" * 201, fails=True).stderr
    assert "at most 200 characters" in output


def test_whose_result_was_taken(call: Call) -> None:
    task = ApiClient(factories.make_worker().key)
    first, _ = create(call)
    key = task.post("/work-request/get-next-for-worker/").json()["token"]
    done = ApiClient(key).put(f"/work-request/{first}/completed/", {"result": "success"})
    assert done.status_code == 200
    output = call("work-request", "create", "noop", "--reuse", "--data", DATA).stdout
    assert f"work request {first} of alice" in output


def test_task_types_are_those_that_the_server_knows(call: Call) -> None:
    # no other program has tasks of the server
    assert "(task of type Server, " in call("task-type", "show", "servernoop").stdout
    listed = yaml.safe_load(call("task-type", "list", "--yaml").stdout)
    assert "servernoop" in {one["name"] for one in listed}
    refused = call("task-type", "show", "unknown", fails=True)
    assert "there is no task called 'unknown'" in refused.stderr
