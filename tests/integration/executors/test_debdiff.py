# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from debusine.artifacts.kinds.debdiff import Debdiff as DebdiffKind
from debusine.artifacts.kinds.source_package import SourcePackage
from debusine.domain.result import WorkRequestResults
from debusine.tasks.kinds.debdiff import Debdiff
from debusine.testing.environment import RealEnvironment
from debusine.testing.ordinary_user import OrdinaryUser
from debusine.testing.worker_task import add_local, worker_task
from debusine.util.command import Command, run

pytestmark = [pytest.mark.real, pytest.mark.timeout(600)]

MAKE_SOURCES = Path(__file__).parents[2] / "data/make_sources.py"
DIFFER = 1


@pytest.fixture
def versions(workplace: Path) -> list[Path]:
    """Two versions of a source package with the same upstream tarball."""
    made = []
    for revision in ("1", "2"):
        place = workplace / f"sources-{revision}"
        argv = [sys.executable, str(MAKE_SOURCES), "--nonce=same", f"--revision={revision}"]
        argv += [str(place), "tiny-quilt"]
        made.append(Path(run(Command(argv)).text.strip()))
    return made


def test_shows_what_debdiff_alone_shows(
    ordinary_user: OrdinaryUser,
    environment: RealEnvironment,
    workplace: Path,
    versions: list[Path],
) -> None:
    client = environment.client()
    for number, dsc in enumerate(versions, start=2):
        add_local(client, number, SourcePackage.from_dsc(dsc))
    data = {
        "input": {"source_artifacts": [2, 3]},
        "environment": 1,
        "build_architecture": "amd64",
        "extra_flags": ["--diffstat"],
    }
    task = worker_task(Debdiff, data, client, workplace)
    assert task.execute() is WorkRequestResults.SUCCESS, client.uploaded[-1].files
    argv = ["debdiff", "--no-conf", "--diffstat", *map(str, versions)]
    # as in the environment
    env = {**os.environ, "TZ": "UTC", "LC_ALL": "C"}
    bare = run(Command(argv, env=env, check=False))
    assert (task.last_exit_code, bare.returncode) == (DIFFER, DIFFER)
    [report] = client.uploaded_of(DebdiffKind.category)
    assert report.files["debdiff.txt"] == bare.stdout
    assert b"+tiny-quilt (1.0-2) unstable" in bare.stdout
    assert report.data == {
        "original": "tiny-quilt_1.0-1.dsc",
        "new": "tiny-quilt_1.0-2.dsc",
        "label": "debdiff tiny-quilt: 1.0-1 → 1.0-2 (source)",
    }
