# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from debusine.cli.reproduction import (
    FileComparison,
    compare_files,
    describe_input,
    find_inputs,
    make_output,
    make_task,
)
from debusine.domain.result import WorkRequestResults
from debusine.errors import NotFoundError, NotPossibleError
from debusine.tasks.kinds.noop import Noop
from debusine.wire.artifact import ArtifactResponse, FileCreate, FileResponse
from debusine.wire.reproduction import KeptArtifact, Reproduction
from debusine.wire.work_request import WorkRequest, WorkRequestCompleted

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def request(**changed: Any) -> WorkRequest:
    fields = {
        "id": 12,
        "url": "",
        "created_at": NOW,
        "status": "completed",
        "result": "failure",
        "task_type": "Worker",
        "task_name": "noop",
        "task_data": {"result": "failure"},
        "dynamic_task_data": {},
        "priority_base": 0,
        "priority_adjustment": 0,
        "artifacts": [],
        "workspace": "System",
    }
    return WorkRequest.model_validate(fields | changed)


def artifact(number: int, category: str, **files: str) -> ArtifactResponse:
    """An artifact with the digests of its files."""
    return ArtifactResponse(
        id=number,
        url="",
        scope="",
        workspace="System",
        category=category,
        created_at=NOW,
        data={},
        download_tar_gz_url="",
        files_to_upload=[],
        files={
            name: FileResponse(size=1, checksums={"sha256": digest}, url="")
            for name, digest in files.items()
        },
    )


def kept(category: str, **files: str) -> KeptArtifact:
    created = {
        name: FileCreate(size=1, checksums={"sha256": digest}) for name, digest in files.items()
    }
    return KeptArtifact(directory="1", category=category, files=created)


class Artifacts:
    """A client that knows some artifacts, and counts how often each is asked for."""

    def __init__(self, *known: ArtifactResponse) -> None:
        self.known = {one.id: one for one in known}
        self.asked: list[int] = []

    def artifact_get(self, artifact_id: int) -> ArtifactResponse:
        self.asked.append(artifact_id)
        if artifact_id not in self.known:
            raise NotFoundError("Artifact not found")
        return self.known[artifact_id]


def test_the_task_is_the_one_of_the_worker() -> None:
    required = ["worker:type:external", f"worker:task:worker:noop:version:{Noop.TASK_VERSION}"]
    task = make_task(request(scheduler_tags_required=required))
    assert isinstance(task, Noop)
    assert task.data.result is WorkRequestResults.FAILURE
    assert task.dynamic_data is not None


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"task_type": "Signing"}, "is a task of type Signing"),
        ({"dynamic_task_data": None}, "has not been given to a worker yet"),
        ({"task_name": "unknown"}, "this program cannot run unknown"),
        ({"task_data": {"what": 1}}, "this program cannot run noop"),
        (
            {"scheduler_tags_required": ["worker:task:worker:noop:version:99"]},
            f"ran version 99 of noop, and here is version {Noop.TASK_VERSION}",
        ),
    ],
)
def test_what_cannot_be_run_here_is_refused(changed: dict[str, Any], message: str) -> None:
    with pytest.raises(NotPossibleError, match=message):
        make_task(request(**changed))


def _lintian() -> Any:
    data = {"input": {"source_artifact": 3, "binary_artifacts": [4]}, "environment": 5}
    dynamic = {
        "environment_id": 5,
        "input_source_artifact_id": 3,
        "input_binary_artifacts_ids": [4, 3],
    }
    return make_task(request(task_name="lintian", task_data=data, dynamic_task_data=dynamic))


def test_inputs_are_found_once_each() -> None:
    known = [artifact(number, "debian:upload") for number in (3, 4, 5)]
    client = Artifacts(*known)
    found = find_inputs(client, _lintian())
    assert sorted(one.id for one in found) == [3, 4, 5]
    assert sorted(client.asked) == [3, 4, 5]


def test_an_input_that_has_expired_is_named() -> None:
    with pytest.raises(NotPossibleError, match="artifact 5, which it took"):
        find_inputs(Artifacts(artifact(3, "a:b"), artifact(4, "a:b")), _lintian())


def test_an_input_is_told_by_its_hash() -> None:
    digest = "0123456789abcdef" + "0" * 48
    assert list(describe_input(artifact(3, "debian:upload", file=digest))) == [
        "artifact 3, debian:upload",
        "  file sha256:0123456789abcdef",
    ]


def test_an_output_is_new_or_empty(tmp_path: Path) -> None:
    assert make_output(tmp_path / "a" / "b").is_dir()
    assert make_output(tmp_path / "a" / "b") == tmp_path / "a" / "b"
    with pytest.raises(NotPossibleError, match="is not empty"):
        make_output(tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(NotPossibleError, match="cannot use"):
        make_output(tmp_path / "file" / "below")


def test_files_are_compared_by_category_name_and_hash() -> None:
    completed = WorkRequestCompleted(result=WorkRequestResults.SUCCESS)
    here = Reproduction(
        completed=completed,
        artifacts=[kept("a:b", same="1", other="2", new="3"), kept("a:log", log="4")],
    )
    there = [artifact(1, "a:b", same="1", other="9", gone="3"), artifact(2, "a:log", log="5")]
    assert compare_files(there, here, ignored=frozenset({"a:log"})) == FileComparison(
        same=1, different=["other"], only_there=["gone"], only_here=["new"]
    )
