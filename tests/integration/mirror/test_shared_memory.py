# SPDX-License-Identifier: GPL-3.0-or-later
"""
A mount below /dev/shm keeps sandboxes from having it; the task says so.

All happens in mount namespaces of our own: nobody else sees the mounts.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from debusine.util.command import Command, Completed, run
from debusine.util.shared_memory import check_shared_memory
from debusine.util.userns import mounts_inside

IN_NAMESPACE = ["unshare", "--user", "--map-root-user", "--mount", "--propagation=private"]
# a sandbox is another one inside of it, like that of mmdebstrap
BIND = "unshare --user --map-root-user --mount mount -o bind /dev/shm /mnt"
TASK = """
import json, sys
from pathlib import Path
from debusine.tasks.kinds.mmdebstrap import MmDebstrap
from debusine.testing.task_client import FakeTaskClient
from debusine.util.apt_access import AptAccess

place = Path(sys.argv[1])
repository = {"mirror": "http://127.0.0.1:9/", "suite": "trixie", "components": ["main"]}
options = {"architecture": "amd64", "variant": "essential"}
data = {"bootstrap_options": options, "bootstrap_repositories": [repository]}
task = MmDebstrap(data, {})
task.apt_access_directory = place / "lent"
AptAccess(settings=(("Acquire::Retries", "0"),)).write(task.apt_access_directory)
task.debusine, task.workspace_name, task.work_request_id = FakeTaskClient(), "System", 1
task.set_working_directory(place / "work")
result = task.execute()
errors = [(error.code, error.message) for error in task.reported_errors]
print("DONE", json.dumps([result.value, errors]))
"""
CHECK = "from debusine.util.shared_memory import check_shared_memory as c\nc()\n"


@pytest.fixture
def held() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="debusine-test-", dir="/dev/shm"))
    yield path
    path.rmdir()


def run_there(program: str, place: Path, held: Path) -> Completed:
    """Run a program where something is mounted below /dev/shm."""
    script = 'mount -t tmpfs tmpfs "$0" && exec "$@"'
    argv = [*IN_NAMESPACE, "sh", "-c", script, str(held), sys.executable, "-c", program]
    return run(Command([*argv, str(place)], check=False, timeout_s=60))


@pytest.mark.parametrize("is_mounted", [True, False])
def test_why_it_is_asked(*, is_mounted: bool) -> None:
    # an empty /dev/shm of our own: others may have mounts in theirs
    steps = ["mount -t tmpfs tmpfs /dev/shm", "mkdir /dev/shm/held"]
    steps += ["mount -t tmpfs tmpfs /dev/shm/held"] if is_mounted else []
    argv = [*IN_NAMESPACE, "sh", "-c", " && ".join([*steps, BIND])]
    done = run(Command(argv, check=False, timeout_s=60))
    assert done.returncode == (32 if is_mounted else 0), done.stderr.decode()


def test_it_is_found(tmp_path: Path, held: Path) -> None:
    assert mounts_inside(tmp_path) == ()
    check_shared_memory(tmp_path)
    said = run_there(CHECK, tmp_path, held).stderr.decode()
    assert "something is mounted below /dev/shm: " in said
    assert str(held) in said


def test_what_another_mount_covers_is_not_in_the_way(tmp_path: Path, held: Path) -> None:
    script = 'mount -t tmpfs tmpfs "$0" && mount -t tmpfs tmpfs /dev/shm && exec "$@"'
    argv = [*IN_NAMESPACE, "sh", "-c", script, str(held), sys.executable, "-c", CHECK]
    done = run(Command(argv, check=False, timeout_s=60))
    assert done.returncode == 0, done.stderr.decode()


def test_the_task_blames_the_worker(tmp_path: Path, held: Path) -> None:
    result, errors = outcome(run_there(TASK, tmp_path, held))
    assert result == "failure"
    [(code, message)] = errors
    assert code == "worker-failed"
    assert "something is mounted below /dev/shm: " in message
    assert str(held) in message


def outcome(done: Completed) -> tuple[str, list[Any]]:
    lines = [line for line in done.text.splitlines() if line.startswith("DONE ")]
    assert lines, done.stderr.decode()
    result, errors = json.loads(lines[0].removeprefix("DONE "))
    return result, errors
