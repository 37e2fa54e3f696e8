# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import pytest

from debusine.artifacts.deb822 import read_buildinfo
from debusine.artifacts.kinds.source_package import SourcePackage
from debusine.client.debusine import Debusine
from debusine.domain.result import Cause, WorkRequestResults
from debusine.tasks.kinds.reproducibility import Reproducibility
from debusine.tasks.kinds.sbuild import Sbuild
from debusine.testing.disk_image import ENVIRONMENT_ID, DiskImageClient
from debusine.testing.task_client import StoredArtifact

if TYPE_CHECKING:
    from conftest import TestUser

pytestmark = [pytest.mark.real, pytest.mark.timeout(900)]

SOURCE_ID, FIRST_ID = 2, 3
Task = TypeVar("Task", bound=Sbuild)


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What came of two builds; crosses from the child process to the test."""

    result: WorkRequestResults
    code: str | None
    first: StoredArtifact
    uploaded: list[StoredArtifact]
    cpus: int

    @property
    def report(self) -> StoredArtifact:
        """The artifact about both."""
        [found] = [each for each in self.uploaded if each.category == "debusine:reproducibility"]
        return found

    def explain(self) -> str:
        """What a failing test prints."""
        return "\n".join(
            content.decode(errors="replace")[-3000:]
            for each in self.uploaded
            for path, content in each.files.items()
            if path.endswith((".log", ".build"))
        )


def build_twice(user: TestUser, tarball: Path, dsc: Path, *components: str) -> Outcome:
    """Run both tasks as the user."""
    directory = user.directory()

    def prepare(task: Task, client: DiskImageClient, name: str) -> Task:
        task.configure_server_access(cast("Debusine", client))
        task.workspace_name = "System"
        task.work_request_id = 7
        task.set_working_directory(directory / name)
        task.image_cache_directory = user.scratch / "images"
        return task

    def execute() -> Outcome:
        client = DiskImageClient(tarball)
        source = SourcePackage.from_dsc(dsc)
        files = {path: local.read_bytes() for path, local in source.files.items()}
        client.add(SOURCE_ID, source.category, source.data.model_dump(mode="json"), files)
        data: dict[str, Any] = {
            "input": {"source_artifact": SOURCE_ID},
            "environment": ENVIRONMENT_ID,
            "build_architecture": "amd64",
            "build_components": list(components),
        }
        dynamic = {"environment_id": ENVIRONMENT_ID, "input_source_artifact_id": SOURCE_ID}
        first = prepare(Sbuild(data, dynamic), client, "first")
        result = first.execute()
        assert result is WorkRequestResults.SUCCESS, client.uploaded[-1].files
        [upload] = client.uploaded_of("debian:upload")
        client.add(FIRST_ID, upload.category, dict(upload.data), dict(upload.files))
        client.uploaded.clear()
        data["input"]["first_build"] = FIRST_ID
        dynamic["input_first_build_id"] = FIRST_ID
        task = prepare(Reproducibility(data, dynamic), client, "second")
        result = task.execute()
        return Outcome(
            result=result,
            code=next((error.code for error in task.reported_errors), None),
            first=upload,
            uploaded=client.uploaded,
            cpus=len(task.plan.cpus),
        )

    return user.call(execute)


def verdict_by_hand(outcome: Outcome, directory: Path) -> dict[str, tuple[str, str]]:
    """SHA-256 of each package: as it is in the first build, as dpkg noted it in the second."""
    [record] = [path for path in outcome.report.files if path.endswith(".buildinfo")]
    (directory / record).write_bytes(outcome.report.files[record])
    second = read_buildinfo(directory / record).listed
    return {
        path: (hashlib.sha256(content).hexdigest(), second[path].hexdigests["sha256"])
        for path, content in outcome.first.files.items()
        if path.endswith(".deb")
    }


def test_a_package_that_reproduces(
    user: TestUser, tarball: Path, source: Callable[[str], Path], tmp_path: Path
) -> None:
    outcome = build_twice(user, tarball, source("tiny-native"), "any")
    assert outcome.result is WorkRequestResults.SUCCESS, outcome.explain()
    by_hand = verdict_by_hand(outcome, tmp_path)
    assert list(by_hand) == ["tiny-native_1.0_amd64.deb"]
    data = outcome.report.data
    assert data["reproducible"]
    assert data["summary"] == "all files (1) are the same"
    found = {each["name"]: (each["first_sha256"], each["second_sha256"]) for each in data["files"]}
    assert found == by_hand
    [(first, second)] = by_hand.values()
    assert first == second
    # both were built with the same packages, and the record of the second says how it was built
    assert data["other_versions"] == []
    [record] = outcome.report.files.values()
    assert b"Build-Path: /build/reproducibility/second/tiny-native-1.0\n" in record
    assert b"Build-Tainted-By" not in record
    applied = {each["name"] for each in data["variations"] if each["applied"]}
    expected = {"path", "host", "user", "timezone", "locale", "umask"}
    assert applied == expected | ({"cpus"} if outcome.cpus else set())


def test_a_package_that_does_not(
    user: TestUser, tarball: Path, source: Callable[[str], Path], tmp_path: Path
) -> None:
    outcome = build_twice(user, tarball, source("tiny-varied"), "all")
    assert outcome.result is WorkRequestResults.FAILURE, outcome.explain()
    assert outcome.code == Cause.NOT_REPRODUCIBLE
    by_hand = verdict_by_hand(outcome, tmp_path)
    [(name, (first, second))] = by_hand.items()
    assert first != second
    data = outcome.report.data
    assert not data["reproducible"]
    [file] = data["files"]
    assert (file["name"], file["verdict"]) == (name, "differs")
    assert (file["first_sha256"], file["second_sha256"]) == (first, second)
    assert data["notes"] == []
    assert file["reports"] == [f"{name}.html", f"{name}.json"]
    assert set(file["causes"]) >= {"path", "host", "user", "timezone", "umask", "clock"}
    assert file["causes"][0] == "path"
    shown = outcome.report.files[f"{name}.json"].decode()
    for text in ("/build/reproducibility/second", "+localhost", "+second-builder", "+locale C"):
        assert text in shown
    assert outcome.report.files[f"{name}.html"].startswith(b"<!DOCTYPE html>")
