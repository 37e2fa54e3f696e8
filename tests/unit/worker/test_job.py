# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from debusine.testing.server import MemoryServer
from debusine.wire.work_request import AssignedWorkRequest
from debusine.wire.worker import Reservation
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
    job = replace(make_job(), shared=True, may_hold=True, control_group=Path("/sys/fs/cgroup/x"))
    assert Job.from_json(json.loads(json.dumps(job.to_json()))) == job
    job = make_job()
    assert Job.from_json(json.loads(json.dumps(job.to_json()))) == job


@pytest.mark.parametrize(
    ("given", "cpus", "options"),
    [
        (None, None, None),
        (None, 0, None),
        (None, 3, "parallel=3"),
        ("nodoc", 3, "nodoc parallel=3"),
        ("parallel=1 nodoc", 3, "parallel=1 nodoc"),
    ],
)
def test_builds_use_what_is_reserved(
    given: str | None, cpus: int | None, options: str | None
) -> None:
    job = make_job()
    reservation = None if cpus is None else Reservation(cpu_count=cpus)
    job = replace(
        job,
        request=job.request.model_copy(update={"reservation": reservation}),
        environment={} if given is None else {"DEB_BUILD_OPTIONS": given},
    )
    assert job.variables().get("DEB_BUILD_OPTIONS") == options
    assert job.task_environment().get("DEB_BUILD_OPTIONS") == options


def test_environment_of_the_task() -> None:
    assert make_job().variables() == {
        "PATH": "/opt/bin:/bin",
        "LANG": "C.UTF-8",
        "HOME": "/w/WR-1-a/home",
        "USER": "worker",
        "TMPDIR": "/s/debusine-WR-1-a/tmp",
        "FOO": "bar",
    }
