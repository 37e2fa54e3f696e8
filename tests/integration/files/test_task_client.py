# SPDX-License-Identifier: GPL-3.0-or-later
"""What a task sees of a server: the same in the fake, and of a server in memory or a real one."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from debusine.artifacts.files import LocalArtifact
from debusine.artifacts.kinds.source_package import SourcePackage
from debusine.artifacts.kinds.test import Test, TestData
from debusine.artifacts.relation import RelationType
from debusine.client.debusine import Debusine
from debusine.client.http import Transport
from debusine.domain.result import WorkRequestResults
from debusine.domain.work_request import TaskTypes, WorkRequestStatus
from debusine.errors import NotFoundError
from debusine.testing import FakeTaskClient, factories, write_dsc
from debusine.testing.live_server import LiveServer
from debusine.testing.server import MemoryServer
from debusine.wire.work_request import WorkRequestCreate

MISSING = 4711


@pytest.fixture
def real_client(transactional_db: None) -> Iterator[Debusine]:
    factories.make_workspace()
    token = factories.make_token(factories.make_user(superuser=True))
    with LiveServer().running() as server:
        yield Debusine(f"{server.url}/api", token.key)


@pytest.fixture(params=["fake", "memory", "real"])
def client(request: pytest.FixtureRequest, transactional_db: None) -> Any:
    if request.param == "fake":
        return FakeTaskClient()
    if request.param == "real":
        return request.getfixturevalue("real_client")
    server = MemoryServer()
    return Debusine.over(
        Transport(base_api_url=f"{server.base_url}/", token="k" * 64, session=server.session())
    )


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    source = tmp_path / "source"
    source.mkdir()
    contents = {"text": b"some text\n" * 1000, "deep/er/bytes": bytes(range(256)), "empty": b""}
    for path, content in contents.items():
        (source / path).parent.mkdir(parents=True, exist_ok=True)
        (source / path).write_bytes(content)
    return {path: source / path for path in contents}


def upload(client: Any, files: dict[str, Path], **more: Any) -> Any:
    local = LocalArtifact(category=Test.category, data=TestData(), files=files)
    return client.upload_artifact(local, workspace="System", **more)


def test_what_was_uploaded_is_shown(client: Any, files: dict[str, Path]) -> None:
    made = upload(client, files)
    shown = client.artifact_get(made.id)
    for answer in (made, shown, client.artifact_get(made.id, workspace="System")):
        assert (answer.id, answer.category, answer.data) == (made.id, "debusine:test", {})
        assert (answer.workspace, answer.scope) == ("System", "debusine")
        assert answer.files_to_upload == []
        assert {path: file.size for path, file in answer.files.items()} == {
            path: file.stat().st_size for path, file in files.items()
        }
        assert {path: file.checksums["sha256"] for path, file in answer.files.items()} == {
            path: hashlib.sha256(file.read_bytes()).hexdigest() for path, file in files.items()
        }
        assert all(file.url.endswith(f"/download/{path}") for path, file in answer.files.items())


def test_data_is_kept(client: Any, tmp_path: Path) -> None:
    local = SourcePackage.from_dsc(write_dsc(tmp_path))
    made = client.upload_artifact(local, workspace="System")
    data = client.artifact_get(made.id).data
    assert (data["name"], data["version"], data["type"]) == ("hello", "1.0-1", "dpkg")
    assert data["dsc_fields"]["Source"] == "hello"


def test_what_was_uploaded_can_be_downloaded(
    client: Any, files: dict[str, Path], tmp_path: Path
) -> None:
    made = upload(client, files)
    target = tmp_path / "not" / "yet"
    answer = client.download_artifact(made.id, target, workspace="System")
    assert answer.id == made.id
    found = {
        str(path.relative_to(target)): path.read_bytes()
        for path in target.rglob("*")
        if path.is_file()
    }
    assert found == {path: file.read_bytes() for path, file in files.items()}


def test_progress_is_told_in_bytes(client: Any, files: dict[str, Path], tmp_path: Path) -> None:
    sent: list[int] = []
    received: list[int] = []
    made = upload(client, files, progress=sent.append)
    client.download_artifact(made.id, tmp_path / "target", progress=received.append)
    assert sum(sent) == sum(received) == sum(file.stat().st_size for file in files.values())


def test_an_artifact_may_be_without_files(client: Any, tmp_path: Path) -> None:
    made = upload(client, {})
    assert client.artifact_get(made.id).files == {}
    client.download_artifact(made.id, tmp_path / "target")
    assert list((tmp_path / "target").iterdir()) == []


def test_each_upload_is_another_artifact(client: Any, files: dict[str, Path]) -> None:
    assert upload(client, files).id != upload(client, files).id


def test_what_does_not_exist(client: Any, tmp_path: Path) -> None:
    made = upload(client, {})
    for call in (
        lambda: client.artifact_get(MISSING),
        lambda: client.download_artifact(MISSING, tmp_path / "target"),
        lambda: client.relation_create(MISSING, made.id, RelationType.RELATES_TO),
        lambda: client.relation_create(made.id, MISSING, RelationType.RELATES_TO),
        lambda: client.work_request_get(MISSING),
    ):
        with pytest.raises(NotFoundError):
            call()


def test_relations_exist_once(client: Any) -> None:
    one, other = upload(client, {}).id, upload(client, {}).id
    made = client.relation_create(one, other, RelationType.RELATES_TO)
    assert (made.artifact, made.target, made.type) == (one, other, RelationType.RELATES_TO)
    assert client.relation_create(one, other, RelationType.RELATES_TO).id == made.id
    assert client.relation_create(one, other, RelationType.EXTENDS).id != made.id
    assert client.relation_create(other, one, RelationType.RELATES_TO).id != made.id


def test_work_can_be_asked_for(client: Any) -> None:
    data = {"result": "failure"}
    made = client.work_request_create(WorkRequestCreate(task_name="noop", task_data=data))
    for answer in (made, client.work_request_get(made.id)):
        assert answer.id == made.id
        assert (answer.task_type, answer.task_name) == (TaskTypes.WORKER, "noop")
        assert answer.task_data == data
        assert answer.status is WorkRequestStatus.PENDING
        assert answer.result is WorkRequestResults.NONE
        assert (answer.workspace, answer.artifacts) == ("System", [])
