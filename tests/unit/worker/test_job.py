# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
from pathlib import Path

from debusine.testing.server import MemoryServer
from debusine.wire.work_request import AssignedWorkRequest
from debusine.worker.directories import TaskDirectories
from debusine.worker.job import Job
from debusine.worker.user import Account


def make_job() -> Job:
    server = MemoryServer()
    number = server.add_work_request()
    return Job(
        request=AssignedWorkRequest.model_validate(
            {**server.work_requests[number], "token": "secret"}
        ),
        directories=TaskDirectories(root=Path("/w/WR-1-a"), scratch=Path("/s/debusine-WR-1-a")),
        account=Account(name="worker", uid=1, gid=2, home="/home/worker"),
        api_url="http://localhost/api",
        http_timeout=(5, 30),
        environment={"FOO": "bar", "PATH": "/opt/bin:/bin"},
        image_cache=Path("/w/system-images"),
    )


def test_survives_json() -> None:
    job = make_job()
    assert Job.from_json(json.loads(json.dumps(job.to_json()))) == job


def test_environment_of_the_task() -> None:
    assert make_job().variables() == {
        "PATH": "/opt/bin:/bin",
        "LANG": "C.UTF-8",
        "HOME": "/w/WR-1-a/home",
        "USER": "worker",
        "TMPDIR": "/s/debusine-WR-1-a/tmp",
        "FOO": "bar",
    }
