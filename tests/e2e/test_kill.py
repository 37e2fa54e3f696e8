# SPDX-License-Identifier: GPL-3.0-or-later
"""Server and agent are killed with -9 anywhere; every request still ends with one result."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from debusine.domain.result import WorkRequestResults
from debusine.testing.farm import STRAY, Farm, farm, wait_without_strays

# the messages of the log that say where a run is, and how long that lasts at most, in seconds
POINTS = {
    "fetch": ("Fetching input", 0.3),
    "build": ("Running", 0.8),
    "upload": ("Uploading artifacts", 0.3),
    "completion": ("Cleaning up", 0.1),
}
KILLS = int(os.environ.get("DEBUSINE_TEST_KILLS", "40"))
SEED = int(os.environ.get("DEBUSINE_TEST_SEED", "20261122"))
# the stage after each, which an abort in time keeps from being entered (all clean up)
NEXT = {"fetch": "Running", "build": "Uploading artifacts"}
SCRIPT = f"setsid {STRAY} >/dev/null 2>&1 & sleep 0.8; echo built"

pytestmark = [pytest.mark.real, pytest.mark.xdist_group("kills")]


@pytest.fixture(scope="module")
def running() -> Iterator[Farm]:
    with farm(Path(__file__).parent / "plugin") as one:
        yield one


@pytest.fixture(scope="module")
def input_artifact(running: Farm) -> int:
    return running.upload_input()


@pytest.mark.timeout(1500)
def test_a_kill_at_any_point_leaves_exactly_one_result(running: Farm, input_artifact: int) -> None:
    draw = random.Random(SEED)
    for number in range(KILLS):
        point = draw.choice(sorted(POINTS))
        victim = draw.choice(["server", "agent"])
        message, length_s = POINTS[point]
        delay_s = draw.uniform(0, length_s)
        request = running.probe(input_artifact, SCRIPT)
        running.wait_for_log(request.id, message)
        time.sleep(delay_s)
        running.kill(victim)
        what = f"kill {number} of the {victim} in {point} after {delay_s:.3f} s (seed {SEED})"
        done = running.wait_final(request.id)
        assert done.result is WorkRequestResults.SUCCESS, what
        outcomes = running.outcomes(request.id)
        assert [outcome for outcome in outcomes if outcome != "lost"] == ["success"], what
        for artifact in done.artifacts:
            target = running.root / f"download-{artifact}"
            running.client().download_artifact(artifact, target, workspace="System")
        wait_without_strays(running)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("point", ["fetch", "build", "upload"])
def test_an_abort_ends_the_task_in_the_middle(running: Farm, point: str) -> None:
    message, length_s = POINTS[point]
    # each long enough to be still at it when the abort comes
    input_artifact = running.upload_input(size_mib=768 if point == "fetch" else 1)
    strays = f"setsid {STRAY} & setsid sh -c 'setsid {STRAY} & setsid {STRAY}' & sleep 60"
    request = running.probe(
        input_artifact,
        strays if point == "build" else "true",
        upload_mib=768 if point == "upload" else 1,
    )
    running.wait_for_log(request.id, message)
    time.sleep(length_s / 2)
    running.client().work_request_abort(request.id)
    wait_without_strays(running)
    done = running.wait_final(request.id)
    assert done.status == "aborted"
    if point in NEXT:
        assert NEXT[point] not in running.log(request.id)
    uploads = [running.client().artifact_get(artifact) for artifact in done.artifacts]
    assert all(upload.files_to_upload for upload in uploads)
