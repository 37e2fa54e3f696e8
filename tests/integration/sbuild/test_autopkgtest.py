# SPDX-License-Identifier: GPL-3.0-or-later
"""The package's own tests, run by the real autopkgtest in the environment that builds use."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest

from debusine.artifacts.kinds.binary_package import BinaryPackage
from debusine.artifacts.kinds.source_package import SourcePackage
from debusine.client.debusine import Debusine
from debusine.domain.result import WorkRequestResults
from debusine.tasks.kinds.autopkgtest import Autopkgtest
from debusine.testing.disk_image import ENVIRONMENT_ID, DiskImageClient
from debusine.testing.task_client import StoredArtifact
from debusine.wire.work_request import OutputError

if TYPE_CHECKING:
    from conftest import TestUser

pytestmark = [pytest.mark.real, pytest.mark.timeout(600)]

SOURCE_ID, BINARY_ID = 2, 3


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What came of a task; crosses from the child process to the test."""

    result: WorkRequestResults
    errors: list[OutputError]
    uploaded: list[StoredArtifact]
    left_over: list[str]

    @property
    def report(self) -> StoredArtifact:
        """What the run leaves."""
        [found] = (each for each in self.uploaded if each.category == "debian:autopkgtest")
        return found

    def statuses(self) -> dict[str, str]:
        """What became of each test."""
        return {name: each["status"] for name, each in self.report.data["results"].items()}


def execute(user: TestUser, tarball: Path, dsc: Path, deb: Path) -> Outcome:
    """Run the task as the user."""
    directory = user.directory()

    def start() -> Outcome:
        client = DiskImageClient(tarball)
        client.add_local(SOURCE_ID, SourcePackage.from_dsc(dsc))
        client.add_local(BINARY_ID, BinaryPackage.from_deb(deb))
        task = Autopkgtest(
            {
                "input": {"source_artifact": SOURCE_ID, "binary_artifacts": [BINARY_ID]},
                "environment": ENVIRONMENT_ID,
                "build_architecture": "amd64",
            },
            {
                "environment_id": ENVIRONMENT_ID,
                "input_source_artifact_id": SOURCE_ID,
                "input_binary_artifacts_ids": [BINARY_ID],
            },
        )
        task.configure_server_access(cast("Debusine", client))
        task.workspace_name = "System"
        task.work_request_id = 7
        task.set_working_directory(directory / "work")
        task.image_cache_directory = user.scratch / "images"
        result = task.execute()
        return Outcome(
            result=result,
            errors=task.reported_errors,
            uploaded=client.uploaded,
            left_over=sorted(path.name for path in (directory / "work").iterdir()),
        )

    return user.call(start)


@pytest.fixture
def tested(user: TestUser, source: Callable[[str], Path]) -> tuple[Path, Path]:
    """A source package with tests, and the binary package that they are for."""
    dsc = source("tiny-tested")
    tree = dsc.with_name("tiny-tested-1.0")
    # what it needs is on every machine that builds
    user.run("dpkg-buildpackage", "--build=binary", "--no-sign", "--no-check-builddeps", cwd=tree)
    return dsc, dsc.with_name("tiny-tested_1.0_amd64.deb")


def test_every_way_for_a_test_to_end(
    user: TestUser, tarball: Path, tested: tuple[Path, Path], nonce: str
) -> None:
    outcome = execute(user, tarball, *tested)
    assert outcome.statuses() == {
        "runs": "PASS",
        "fails": "FAIL",
        "is-skipped": "SKIP",
        "is-flaky": "FLAKY",
        "needs-machine": "SKIP",
    }, outcome
    assert outcome.result is WorkRequestResults.FAILURE
    assert [(error.code, error.message) for error in outcome.errors] == [
        ("tests-failed", "failed: fails")
    ]
    report = outcome.report
    assert report.text("artifacts/said") == f"{nonce}\n"
    assert report.text("fails-stdout") == f"it fails: {nonce}\n"
    assert report.data["results"]["fails"]["details"] == "non-zero exit status 3"
    assert {"log", "summary", "testbed-packages"} <= set(report.files)
    assert report.data["distribution"] == "debian:trixie"
    # nothing but what the runner made and what the task says it keeps
    assert not [name for name in outcome.left_over if name != "apt-access"]


def test_an_environment_that_cannot_be_unpacked(user: TestUser, tested: tuple[Path, Path]) -> None:
    broken = user.directory() / "broken.tar"
    user.call(lambda: broken.write_bytes(b"no archive"))
    outcome = execute(user, broken, *tested)
    assert outcome.result is WorkRequestResults.TEMPORARY_FAILURE
    assert [error.code for error in outcome.errors] == ["testbed-failed"]
