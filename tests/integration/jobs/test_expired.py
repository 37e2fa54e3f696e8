# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests, artifacts and files go when their time is over, and nothing that somebody needs."""

from __future__ import annotations

import threading
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta
from io import BytesIO
from typing import Any

import pytest
from django.conf import settings
from django.db import connection

from debusine.artifacts.relation import RelationType
from debusine.db.models import (
    Artifact,
    ArtifactRelation,
    Collection,
    CollectionItem,
    Event,
    File,
    FileInArtifact,
    Worker,
    WorkRequest,
    Workspace,
)
from debusine.domain.work_request import WorkRequestStatus
from debusine.server.actions.create_artifact import create_artifact
from debusine.server.actor import Actor
from debusine.server.jobs import expire, expired_artifacts, unused_files
from debusine.server.jobs.collection_history import forget_items, forget_links
from debusine.server.jobs.expired_artifacts import remove_artifacts
from debusine.server.jobs.expired_requests import remove_requests
from debusine.server.jobs.unused_files import remove_files
from debusine.server.stores import Content, default_store
from debusine.server.stores.local import LocalStore
from debusine.testing import factories
from debusine.util.clock import SystemClock
from debusine.wire.artifact import ArtifactCreate

pytestmark = pytest.mark.django_db

NOW = SystemClock().now()
DAY = timedelta(days=1)
OLD = NOW - 10 * DAY


@pytest.fixture
def workspace() -> Workspace:
    """Things in it expire after a week."""
    made = factories.make_workspace()
    made.default_expiration_delay = 7 * DAY
    made.save()
    return made


def make_request(workspace: Workspace, **fields: Any) -> int:
    values = {"created_at": OLD, "status": WorkRequestStatus.COMPLETED} | fields
    return factories.make_work_request(workspace=workspace, **values).pk


def make_artifact(workspace: Workspace, **fields: Any) -> int:
    values = {"category": "debusine:test", "created_at": OLD} | fields
    return Artifact.objects.create(workspace=workspace, **values).pk


def relate(artifact: int, kind: RelationType, target: int) -> None:
    ArtifactRelation.objects.create(artifact_id=artifact, target_id=target, type=kind.value)


def make_collection(workspace: Workspace, **fields: Any) -> Collection:
    values = {"name": "some", "category": "debusine:test"} | fields
    return Collection.objects.create(workspace=workspace, **values)


def make_item(collection: Collection, **fields: Any) -> CollectionItem:
    values = {"name": "item", "category": "debusine:test", "created_at": OLD, **fields}
    kind = "artifact" if "artifact_id" in fields else "bare"
    return CollectionItem.objects.create(collection=collection, child_type=kind, **values)


def requests() -> set[int]:
    return set(WorkRequest.objects.values_list("pk", flat=True))


def artifacts() -> set[int]:
    return set(Artifact.objects.values_list("pk", flat=True))


def test_requests_go_when_their_time_is_over(workspace: Workspace) -> None:
    gone = [make_request(workspace), make_request(workspace, status=WorkRequestStatus.ABORTED)]
    gone.append(make_request(workspace, created_at=NOW - 3 * DAY, expiration_delay=2 * DAY))
    kept = {
        make_request(workspace, created_at=NOW - 6 * DAY),
        make_request(workspace, expiration_delay=20 * DAY),
        make_request(workspace, expiration_delay=timedelta()),
        make_request(workspace, status=WorkRequestStatus.PENDING),
        make_request(workspace, status=WorkRequestStatus.BLOCKED),
        make_request(factories.make_workspace(name="without-delay")),
    }
    # parts smaller than what there is
    assert remove_requests(NOW, batch=2) == 3
    assert requests() == kept
    assert remove_requests(NOW) == 0
    found = Event.objects.filter(kind="work_request.expired")
    assert sorted(found.values_list("work_request_id", flat=True)) == gone


def test_a_workflow_goes_as_a_whole(workspace: Workspace) -> None:
    root = make_request(workspace, task_type="workflow")
    WorkRequest.objects.filter(pk=root).update(workflow_root=root)
    child = make_request(workspace, workflow_root_id=root, parent_id=root, created_at=NOW - 3 * DAY)
    internal = make_collection(
        workspace, category="debusine:workflow-internal", name=f"workflow-{root}"
    )
    make_item(internal, created_by_work_request_id=child)
    assert remove_requests(NOW) == 0
    assert requests() == {root, child}
    assert remove_requests(NOW + 5 * DAY) == 2
    assert not Collection.objects.exists()


def test_a_request_that_another_one_waits_for_stays(workspace: Workspace) -> None:
    needed = make_request(workspace)
    waiting = make_request(workspace, status=WorkRequestStatus.BLOCKED)
    WorkRequest.objects.get(pk=waiting).dependencies.add(needed)
    assert remove_requests(NOW) == 0
    WorkRequest.objects.filter(pk=waiting).update(status=WorkRequestStatus.COMPLETED.value)
    assert remove_requests(NOW) == 2


@pytest.mark.parametrize("field", ["created_by_work_request_id", "removed_by_work_request_id"])
def test_who_changed_a_collection_stays(workspace: Workspace, field: str) -> None:
    made = make_request(workspace)
    item = make_item(make_collection(workspace), **{field: made})
    assert remove_requests(NOW) == 0
    item.delete()
    make_item(make_collection(workspace, category="debusine:task-history"), **{field: made})
    assert remove_requests(NOW) == 1
    assert CollectionItem.objects.count() == 1


def test_artifacts_go_when_their_time_is_over(workspace: Workspace) -> None:
    for _ in range(3):
        make_artifact(workspace)
    kept = {
        make_artifact(workspace, created_at=NOW),
        make_artifact(workspace, expiration_delay=timedelta()),
        make_artifact(factories.make_workspace(name="without-delay")),
    }
    assert remove_artifacts(NOW, batch=2) == 3
    assert artifacts() == kept


def test_what_a_kept_artifact_needs_stays(workspace: Workspace) -> None:
    source, binary, upload, other, about = (make_artifact(workspace) for _ in range(5))
    log = make_artifact(workspace, created_at=NOW)
    relate(log, RelationType.RELATES_TO, binary)
    relate(binary, RelationType.BUILT_USING, source)
    # what extends a kept one is kept, what only relates to it is not
    relate(upload, RelationType.EXTENDS, binary)
    relate(about, RelationType.RELATES_TO, source)
    assert remove_artifacts(NOW, batch=2) == 2
    assert artifacts() == {source, binary, upload, log}
    assert other not in artifacts()


def test_collections_keep_artifacts(workspace: Workspace) -> None:
    for kind in ("always", "never"):
        collection = make_collection(workspace, name=kind, retains_artifacts=kind)
        make_item(collection, artifact_id=make_artifact(workspace))
        make_item(collection, artifact_id=make_artifact(workspace), removed_at=OLD)
    assert remove_artifacts(NOW) == 2
    rows = CollectionItem.objects.filter(collection__name="always")
    assert artifacts() == set(rows.values_list("artifact_id", flat=True))
    for item in CollectionItem.objects.filter(collection__name="never"):
        assert item.artifact_id is None
        assert item.removed_at in {OLD, NOW}


def test_a_workflow_keeps_its_artifacts_until_it_ends(workspace: Workspace) -> None:
    root = make_request(workspace, status=WorkRequestStatus.RUNNING)
    internal = make_collection(
        workspace,
        category="debusine:workflow-internal",
        name=f"workflow-{root}",
        retains_artifacts="workflow",
    )
    artifact = make_artifact(workspace)
    make_item(internal, artifact_id=artifact)
    assert remove_artifacts(NOW) == 0
    WorkRequest.objects.filter(pk=root).update(status=WorkRequestStatus.COMPLETED.value)
    assert remove_artifacts(NOW) == 1


def test_the_input_of_a_request_that_waits_stays(workspace: Workspace) -> None:
    artifact = make_artifact(workspace)
    request = make_request(
        workspace,
        status=WorkRequestStatus.PENDING,
        dynamic_task_data={"input_source_artifact_id": artifact},
    )
    assert remove_artifacts(NOW) == 0
    WorkRequest.objects.filter(pk=request).update(status=WorkRequestStatus.COMPLETED.value)
    assert remove_artifacts(NOW) == 1


def test_who_needs_one_at_the_last_moment_keeps_it(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, upload = make_artifact(workspace), make_artifact(workspace)
    relate(upload, RelationType.RELATES_TO, source)
    decide = expired_artifacts.without_kept

    def decide_then_put_into_collection(*args: Any) -> set[int]:
        going = decide(*args)
        if not CollectionItem.objects.exists():
            make_item(make_collection(workspace), artifact_id=upload)
        return going

    monkeypatch.setattr(expired_artifacts, "without_kept", decide_then_put_into_collection)
    # one by one: the source is looked at once it is clear that the upload stays
    assert remove_artifacts(NOW, batch=1) == 0
    assert artifacts() == {source, upload}


def test_history_of_collections_is_forgotten_in_two_steps(workspace: Workspace) -> None:
    collection = make_collection(
        workspace,
        full_history_retention_period=2 * DAY,
        metadata_only_retention_period=3 * DAY,
    )
    endless = make_collection(workspace, name="endless")
    for place in (collection, endless):
        make_item(place, artifact_id=make_artifact(workspace), removed_at=NOW - DAY)
    assert (forget_links(NOW), forget_items(NOW)) == (0, 0)
    assert (forget_links(NOW + 2 * DAY), forget_items(NOW + 2 * DAY)) == (1, 0)
    assert remove_artifacts(NOW + 2 * DAY) == 1
    assert (forget_links(NOW + 5 * DAY), forget_items(NOW + 5 * DAY)) == (0, 1)
    assert CollectionItem.objects.get().collection == endless


def store(data: bytes, *owners: int, age: timedelta = DAY) -> Content:
    content = Content.of(data)
    row = File.objects.create(
        sha256=content.sha256, size=content.size_bytes, created_at=NOW - age, stored=True
    )
    for artifact in owners:
        FileInArtifact.objects.create(
            artifact_id=artifact, path=data.decode(), file=row, complete=True
        )
    default_store().add(BytesIO(data), content)
    return content


def test_files_go_with_their_last_artifact(workspace: Workspace) -> None:
    old, young = make_artifact(workspace), make_artifact(workspace, created_at=NOW)
    alone, shared, new = (
        store(b"alone", old),
        store(b"shared", old, young),
        store(b"new", age=timedelta()),
    )
    assert remove_files(NOW) == 0
    assert remove_artifacts(NOW) == 1
    assert remove_files(NOW) == 1
    held = default_store()
    assert [held.exists(content) for content in (alone, shared, new)] == [False, True, True]
    assert File.objects.count() == 2


def test_who_declares_a_file_that_goes_makes_it_anew(
    transactional_db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = store(b"going")
    user = factories.make_user(superuser=True)
    workspace = factories.make_workspace()
    wanted = ArtifactCreate(
        category="debusine:test",
        workspace=workspace.name,
        files={"x": {"type": "file", "size": 5, "checksums": {"sha256": content.sha256}}},
        data={},
    )
    declared = threading.Event()
    bulk_create = FileInArtifact.objects.bulk_create

    def declare() -> Artifact:
        try:
            return create_artifact(
                Actor(user=user), wanted, scope=workspace.scope, store=default_store(), now=NOW
            )
        finally:
            connection.close()

    class Slow(LocalStore):
        def delete(self, content: Content) -> None:
            super().delete(content)
            others.append(threads.submit(declare))
            # it cannot end before this transaction; on SQLite it cannot even begin
            declared.wait(1)

    def say(*args: Any, **options: Any) -> list[FileInArtifact]:
        made = bulk_create(*args, **options)
        declared.set()
        return made

    others: list[Future[Artifact]] = []
    monkeypatch.setattr(FileInArtifact.objects, "bulk_create", say)
    slow = Slow(settings.DEBUSINE.store_dir)
    monkeypatch.setattr(unused_files, "default_store", lambda: slow)
    with ThreadPoolExecutor(1) as threads:
        assert remove_files(NOW) == 1
        artifact = others[0].result()
    entry = artifact.files.get()
    assert not entry.complete
    assert not entry.file.stored


def test_a_night_does_all_of_it(workspace: Workspace) -> None:
    request = make_request(workspace)
    artifact = make_artifact(workspace, created_by_work_request_id=request)
    content = store(b"bytes", artifact)
    worker = factories.make_worker(worker_type="celery", connected=False, name="dead").worker
    long_ago = NOW - 365 * DAY
    Worker.objects.filter(pk=worker.pk).update(registered_at=long_ago, disconnected_at=long_ago)
    expire.run()
    assert not WorkRequest.objects.exists()
    assert not Artifact.objects.exists()
    assert not File.objects.exists()
    assert not default_store().exists(content)
    assert not Worker.objects.exists()
