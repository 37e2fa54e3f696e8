# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import fcntl
import os
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection
from django.test.utils import CaptureQueriesContext
from tests.integration.files.conftest import TransferClient, make_artifact

from debusine.db.models import (
    Artifact,
    ArtifactRelation,
    Collection,
    CollectionItem,
    FileInArtifact,
    FileUpload,
    Workspace,
)
from debusine.server.jobs.abandoned import remove_abandoned
from debusine.server.jobs.expire import remove_uploads
from debusine.server.uploads import UploadBusyError, UploadFile
from debusine.util.clock import SystemClock

DATA = b"half of this arrived, the rest never did"
PATH = "hello.deb"
HALF = len(DATA) // 2


def sweep(**after: float) -> int:
    """Sweep as one would after a time, until nothing is left to do."""
    now = SystemClock().now() + timedelta(**after)
    done = 0
    while count := remove_uploads(now):
        done += count
    return done


def put(files: TransferClient, artifact: Artifact, start: int, stop: int, path: str = PATH) -> int:
    size = f"bytes {start}-{stop - 1}/{len(DATA)}"
    return files.put(artifact.pk, path, [DATA[start:stop]], size).status


def bytes_left() -> list[Path]:
    directory: Path = settings.DEBUSINE.upload_dir
    return list(directory.iterdir()) if directory.exists() else []


@pytest.fixture
def artifact(workspace: Workspace) -> Artifact:
    return make_artifact({"complete.txt": b"came"}, incomplete={PATH: DATA})


def test_an_upload_that_was_never_finished_goes(files: TransferClient, artifact: Artifact) -> None:
    whole = make_artifact({"a": b"a"})
    ArtifactRelation.objects.create(artifact=artifact, target=whole, type="relates-to")
    ArtifactRelation.objects.create(artifact=whole, target=artifact, type="relates-to")
    assert put(files, artifact, 0, HALF) == 200
    assert sweep(hours=23) == 0
    assert put(files, artifact, HALF, HALF + 1) == 200
    assert sweep(hours=25) > 0
    assert (bytes_left(), list(FileUpload.objects.all())) == ([], [])
    assert list(Artifact.objects.all()) == [whole]
    assert FileInArtifact.objects.get().artifact == whole
    assert put(files, artifact, HALF, len(DATA)) == 404


def test_an_artifact_whose_files_never_came_goes(workspace: Workspace) -> None:
    make_artifact({}, incomplete={"a": b"a", "b": b"b"})
    whole = [make_artifact({"a": b"a"}), make_artifact({})]
    assert sweep(hours=23) == 0
    assert sweep(hours=25) == 1
    assert list(Artifact.objects.order_by("pk")) == whole


def test_the_time_is_a_setting(artifact: Artifact) -> None:
    hour = timedelta(hours=1)
    settings.DEBUSINE = settings.DEBUSINE.model_copy(update={"upload_max_idle": hour})
    assert sweep(minutes=59) == 0
    assert sweep(minutes=61) == 1


def test_what_a_collection_holds_stays_but_its_uploads_go(
    files: TransferClient, artifact: Artifact
) -> None:
    _put_into_collection(artifact)
    put(files, artifact, 0, HALF)
    assert sweep(hours=25) > 0
    assert (bytes_left(), list(Artifact.objects.all())) == ([], [artifact])
    assert put(files, artifact, HALF, len(DATA)) == 400
    assert put(files, artifact, 0, len(DATA)) == 201


def test_an_artifact_that_takes_days_stays_while_files_come(
    files: TransferClient, workspace: Workspace
) -> None:
    artifact = make_artifact({}, incomplete={PATH: DATA, "b": b"b"})
    Artifact.objects.update(created_at=SystemClock().now() - timedelta(days=2))
    assert put(files, artifact, 0, len(DATA)) == 201
    assert sweep() == 0
    assert Artifact.objects.get() == artifact


def test_a_request_that_lasts_longer_than_the_time_is_not_cut(
    files: TransferClient, artifact: Artifact
) -> None:
    put(files, artifact, 0, HALF)
    long_ago = SystemClock().now() - timedelta(days=2)
    Artifact.objects.update(created_at=long_ago)
    FileUpload.objects.update(last_activity_at=long_ago)
    sweep()
    assert put(files, artifact, HALF, len(DATA)) == 201


def test_bytes_without_a_row_go(files: TransferClient, artifact: Artifact) -> None:
    put(files, artifact, 0, HALF)
    (kept,) = bytes_left()
    store_tmp = settings.DEBUSINE.store_dir / "tmp"
    lost = [settings.DEBUSINE.upload_dir / "lost", store_tmp / "half-copied"]
    for path in lost:
        path.write_bytes(b"from a server that was killed")
        _make_old(path, SystemClock().now() - timedelta(days=2))
    young = store_tmp / "being-written"
    young.write_bytes(b"")
    assert sweep() == 2
    assert [path.exists() for path in [*lost, young, kept]] == [False, False, True, True]


def test_bytes_that_a_connection_holds_stay(directories: Path, db: None) -> None:
    path = directories / "uploads" / "held"
    path.parent.mkdir()
    path.write_bytes(b"x")
    _make_old(path, SystemClock().now() - timedelta(days=2))
    with path.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert sweep() == 0
    assert sweep() == 1


def test_killed_between_rows_and_bytes_the_next_sweep_goes_on(
    files: TransferClient, artifact: Artifact
) -> None:
    put(files, artifact, 0, HALF)
    FileUpload.objects.all().delete()
    _make_old(bytes_left()[0], SystemClock().now() - timedelta(days=2))
    assert sweep() == 1
    assert bytes_left() == []


def test_more_than_a_batch(workspace: Workspace, directories: Path) -> None:
    for _ in range(7):
        make_artifact({}, incomplete={"a": b"a"})
    from_now = SystemClock().now() + timedelta(days=2)
    counts = [
        remove_abandoned(
            directories / "uploads", before=from_now, writing=directories / "tmp", batch=3
        )
        for _ in range(4)
    ]
    assert counts == [3, 3, 1, 0]


def test_a_sweep_costs_the_same_however_many_are_fine(workspace: Workspace) -> None:
    # in a collection, so that it is looked at again and again
    _put_into_collection(make_artifact({}, incomplete={"a": b"a"}))

    def queries() -> list[str]:
        with CaptureQueriesContext(connection) as captured:
            assert sweep(days=2) == 0
        return [str(query["sql"]) for query in captured]

    before = len(queries())
    for number in range(20):
        make_artifact({f"{number}": b"a"})
    assert len(queries()) == before
    if connection.vendor == "sqlite":  # the other plans by the sizes of tables
        assert [step for sql in queries() for step in _scans(sql)] == []


def test_bytes_that_were_removed_are_not_continued(tmp_path: Path) -> None:
    path = tmp_path / "upload"
    first = UploadFile(path, start=0)
    first.write([b"0123456789"])
    first.hash([b"0123456789"])
    first.close()
    path.unlink()
    with pytest.raises(UploadBusyError):
        UploadFile(path, start=10)
    assert not path.exists()


def test_bytes_that_went_into_the_store_are_not_written_to(tmp_path: Path) -> None:
    class GoesAway(type(tmp_path)):  # type: ignore[misc]  the class depends on the system
        """Another connection finishes this file between being opened here and being locked."""

        def exists(self) -> bool:
            self.rename(tmp_path / "stored")
            return False

    path = GoesAway(tmp_path / "upload")
    path.write_bytes(b"verified")
    with pytest.raises(UploadBusyError):
        UploadFile(path, start=0)
    assert (tmp_path / "stored").read_bytes() == b"verified"


def _scans(sql: str) -> list[str]:
    """Steps of a query that look at every row of a table."""
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN QUERY PLAN {sql}")
        steps = [str(row[3]) for row in cursor.fetchall()]
    return [step for step in steps if step.startswith("SCAN") and "INDEX" not in step]


def _make_old(path: Path, when: datetime) -> None:
    os.utime(path, (when.timestamp(), when.timestamp()))


def _put_into_collection(artifact: Artifact) -> None:
    """As history: items that were removed count as well."""
    now = SystemClock().now()
    CollectionItem.objects.create(
        collection=Collection.objects.create(
            name="x", category="debusine:test", workspace=artifact.workspace
        ),
        name="item",
        child_type="artifact",
        category=artifact.category,
        artifact=artifact,
        created_at=now,
        removed_at=now,
    )
