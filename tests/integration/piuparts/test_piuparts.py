# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from debusine.artifacts.kinds.binary_package import BinaryPackage
from debusine.artifacts.kinds.piuparts import Piuparts as PiupartsKind
from debusine.domain.result import Cause, WorkRequestResults
from debusine.tasks.kinds.piuparts import Piuparts
from debusine.testing.environment import RealEnvironment
from debusine.testing.ordinary_user import OrdinaryUser
from debusine.testing.task_client import FakeTaskClient
from debusine.testing.worker_task import add_local, worker_task
from debusine.util.command import Command, run

pytestmark = [pytest.mark.real, pytest.mark.timeout(600)]

LEAVES = "mkdir -p /var/lib/tiny\necho left > /var/lib/tiny/behind\n"


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What came of a task."""

    task: Piuparts
    client: FakeTaskClient
    result: WorkRequestResults

    @property
    def report(self) -> str:
        """What piuparts printed."""
        [made] = self.client.uploaded_of(PiupartsKind.category)
        return made.text("piuparts.txt")


def make_package(directory: Path, postinst: str) -> Path:
    """Make a package that runs a script when it is installed."""
    tree = directory / "tree"
    texts = {
        "DEBIAN/control": "Package: tiny\nVersion: 1.0\nArchitecture: all\n"
        "Maintainer: Test Package Maintainers <test@example.org>\nDescription: tiny package\n",
        "DEBIAN/postinst": f"#!/bin/sh\nset -e\n{postinst}",
        "usr/share/doc/tiny/copyright": "CC0-1.0\n",
    }
    for name, text in texts.items():
        path = tree / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (tree / "DEBIAN/postinst").chmod(0o755)
    target = directory / "tiny_1.0_all.deb"
    run(Command(["dpkg-deb", "--root-owner-group", "--build", str(tree), str(target)]))
    return target


def check_package(environment: RealEnvironment, workplace: Path, postinst: str) -> Outcome:
    """Have a package tested in the same system that piuparts runs in."""
    client = environment.client()
    add_local(client, 2, BinaryPackage.from_deb(make_package(workplace, postinst)))
    data: dict[str, Any] = {
        "input": {"binary_artifacts": [2]},
        "base_tgz": 1,
        "environment": 1,
        "build_architecture": "amd64",
    }
    task = worker_task(Piuparts, data, client, workplace)
    return Outcome(task=task, client=client, result=task.execute())


def test_a_package_that_leaves_files_behind(
    ordinary_user: OrdinaryUser, newer: RealEnvironment, workplace: Path
) -> None:
    outcome = check_package(newer, workplace, LEAVES)
    assert outcome.result is WorkRequestResults.SUCCESS, outcome.client.uploaded[-1].files
    _, _, warning = outcome.report.partition("Warning: Package purging left files on system:")
    assert "/var/lib/tiny/behind" in warning
    assert "PASS: All tests." in warning
    [made] = outcome.client.uploaded_of(PiupartsKind.category)
    assert made.data["binary_packages"] == {"tiny": "1.0"}
    assert made.data["distribution"] == "debian:trixie"
    assert made.data["piuparts_version"] in outcome.report
    assert not list((workplace / "work").glob("unshare-*"))


def test_a_package_that_cannot_be_installed(
    ordinary_user: OrdinaryUser, newer: RealEnvironment, workplace: Path
) -> None:
    outcome = check_package(newer, workplace, "echo 'not today'\nexit 3\n")
    assert outcome.result is WorkRequestResults.FAILURE
    assert "not today" in outcome.report
    [error] = outcome.task.reported_errors
    assert error.code == Cause.TESTS_FAILED
    assert error.message.startswith("piuparts: ")
    assert error.message.endswith("failed (status 100)")
