# SPDX-License-Identifier: GPL-3.0-or-later
"""What is warm in the nursery."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SCRIPT = """
import socket, sys, threading
from pathlib import Path
from debusine.testing.server import MemoryServer
from debusine.wire.work_request import AssignedWorkRequest
from debusine.worker.directories import TaskDirectories
from debusine.worker.job import Job
from debusine.worker.nursery import warm_up
from debusine.worker.user import Account
from debusine.worker.child import run_task
from debusine.worker.channel import TaskChannel

base = Path(sys.argv[1])
server = MemoryServer()
number = server.add_work_request(task_data={"result": sys.argv[2]})
request = AssignedWorkRequest.model_validate({**server.work_requests[number], "token": "t"})
directories = TaskDirectories(root=base, scratch=base)
job = Job(request=request, directories=directories, account=Account.current(),
    api_url="http://127.0.0.1:9/api", http_timeout=(1, 1), environment={}, image_cache=base)
ours, theirs = socket.socketpair()
warm_up([])
assert threading.active_count() == 1, threading.enumerate()
before = set(sys.modules)
report = run_task(job, TaskChannel(theirs))
assert report.result == sys.argv[2], report
print(sorted(set(sys.modules) - before))
"""


def test_a_task_imports_nothing(tmp_path: Path) -> None:
    done = subprocess.run(  # noqa: TID251  a Python of its own
        [sys.executable, "-c", SCRIPT, str(tmp_path), "success"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"
