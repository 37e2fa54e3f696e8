# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from pathlib import Path

import pytest

from debusine.artifacts.base import NameVersion
from debusine.artifacts.kinds.blhc import Blhc as BlhcKind
from debusine.artifacts.kinds.build_log import BuildLog
from debusine.domain.result import WorkRequestResults
from debusine.tasks.kinds.blhc import Blhc
from debusine.testing.environment import RealEnvironment
from debusine.testing.ordinary_user import OrdinaryUser
from debusine.testing.worker_task import add_local, worker_task
from debusine.util.command import Command, run

pytestmark = [pytest.mark.real, pytest.mark.timeout(600)]

# what dpkg-buildpackage said of packages that make_sources.py made
LOGS = Path(__file__).parents[2] / "data/blhc"


@pytest.fixture
def log(workplace: Path, name: str) -> Path:
    """A log that the ordinary user can read."""
    [recorded] = LOGS.glob(f"{name}_*.build")
    path = workplace / recorded.name
    path.write_bytes(recorded.read_bytes())
    return path


@pytest.mark.parametrize(
    ("name", "result", "status"),
    [
        ("tiny-soft", WorkRequestResults.FAILURE, 8),
        ("tiny-native", WorkRequestResults.SUCCESS, 0),
    ],
)
def test_says_what_blhc_alone_says(
    ordinary_user: OrdinaryUser,
    environment: RealEnvironment,
    workplace: Path,
    log: Path,
    result: WorkRequestResults,
    status: int,
) -> None:
    client = environment.client()
    name, version, _ = log.stem.split("_")
    add_local(client, 2, BuildLog.from_log(log, NameVersion(name, version), architecture="amd64"))
    data = {
        "input": {"artifact": 2},
        "environment": 1,
        "build_architecture": "amd64",
        "extra_flags": ["--all"],
    }
    task = worker_task(Blhc, data, client, workplace)
    assert task.execute() is result, client.uploaded[-1].files
    bare = run(Command(["blhc", "--debian", "--all", str(log)], check=False))
    assert (task.last_exit_code, bare.returncode) == (status, status)
    [report] = client.uploaded_of(BlhcKind.category)
    assert report.files["blhc.txt"] == bare.stdout
    assert (b"LDFLAGS missing" in bare.stdout) is (result is WorkRequestResults.FAILURE)
    assert report.data == {"source": name, "version": version, "architecture": "amd64"}
    # what APT fetched of which archive
    assert task.apt_indexes
