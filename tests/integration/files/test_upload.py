# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import errno
import hashlib
import json
import os
import random
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from tests.integration.files.conftest import TransferClient, make_artifact

from debusine.api.transfer_http import Request
from debusine.db.models import Artifact, File, FileInArtifact, FileUpload, Workspace
from debusine.server import uploads
from debusine.server.stores import Content, default_store
from debusine.testing import factories

DATA = random.Random(1).randbytes(3 * 1024 * 1024 + 17)
SIZE = len(DATA)
PATH = "pool/hello.deb"


@pytest.fixture
def artifact(workspace: Workspace) -> Artifact:
    return make_artifact({}, incomplete={PATH: DATA})


def put(files: TransferClient, artifact: Artifact, start: int, stop: int, **kw: Any) -> Any:
    return files.put(
        artifact.pk, PATH, [DATA[start:stop]], f"bytes {start}-{stop - 1}/{SIZE}", **kw
    )


def query(files: TransferClient, artifact: Artifact) -> tuple[int, str | None]:
    answer = files.put(artifact.pk, PATH, content_range=f"bytes */{SIZE}")
    assert answer.body == b""
    return answer.status, answer.headers.get("range")


def is_stored(artifact: Artifact) -> bool:
    entry = FileInArtifact.objects.select_related("file").get(artifact=artifact, path=PATH)
    if not entry.complete:
        return False
    with default_store().open(Content.of(DATA)) as file:
        stored = b"".join(iter(lambda: file.read(65536), b""))
    assert stored == DATA
    assert entry.file.stored
    assert not FileUpload.objects.exists()
    assert list(settings.DEBUSINE.upload_dir.iterdir()) == []
    return True


def test_a_whole_file_in_one_request(files: TransferClient, artifact: Artifact) -> None:
    pieces = [DATA[start : start + 70_000] for start in range(0, SIZE, 70_000)]
    answer = files.put(artifact.pk, PATH, pieces)
    assert (answer.status, answer.body) == (201, b"")
    assert is_stored(artifact)


def test_chunks_in_order(files: TransferClient, artifact: Artifact) -> None:
    assert query(files, artifact) == (206, "bytes=0-0")
    middle = SIZE // 2
    answer = put(files, artifact, 0, middle)
    assert (answer.status, answer.headers["range"]) == (200, f"bytes=0-{middle}")
    assert query(files, artifact) == (206, f"bytes=0-{middle}")
    assert put(files, artifact, middle, SIZE).status == 201
    assert is_stored(artifact)
    # all is said and done
    assert query(files, artifact) == (206, "bytes=0-0")
    assert put(files, artifact, 0, 10).status == 201


def test_size_may_be_left_open(files: TransferClient, artifact: Artifact) -> None:
    assert files.put(artifact.pk, PATH, content_range="bytes */*").status == 206
    assert files.put(artifact.pk, PATH, [DATA], f"bytes 0-{SIZE - 1}/*").status == 201
    assert is_stored(artifact)


def test_the_beginning_without_a_range(files: TransferClient, artifact: Artifact) -> None:
    answer = files.put(artifact.pk, PATH, [DATA[:1000]])
    assert (answer.status, answer.headers["range"]) == (200, "bytes=0-1000")
    answer = files.put(artifact.pk, PATH)
    assert (answer.status, answer.headers["range"]) == (200, "bytes=0-1000")


@pytest.mark.parametrize(
    "chunks",
    [
        [(0, 1000), (500, 2000), (2000, SIZE)],
        [(0, 2000), (0, 1000), (1000, SIZE)],
        [(0, 2000), (2000, 3000), (2000, SIZE)],
        [(0, 3000), (1000, 2000), (2500, SIZE)],
        [(0, SIZE - 1), (SIZE - 1, SIZE)],
        [(0, 2_000_000), (2_000_000, SIZE - 1), (0, SIZE)],
    ],
)
def test_chunks_may_overlap(
    files: TransferClient, artifact: Artifact, chunks: list[tuple[int, int]]
) -> None:
    for start, stop in chunks[:-1]:
        assert put(files, artifact, start, stop).status == 200
    assert put(files, artifact, *chunks[-1]).status == 201
    assert is_stored(artifact)


def test_wrong_bytes_may_be_written_over(files: TransferClient, artifact: Artifact) -> None:
    files.put(artifact.pk, PATH, [b"x" * 5000], f"bytes 0-4999/{SIZE}")
    assert put(files, artifact, 0, 4000).status == 200
    assert put(files, artifact, 4000, SIZE).status == 201
    assert is_stored(artifact)


def test_wrong_bytes_are_dropped(files: TransferClient, artifact: Artifact) -> None:
    answer = files.put(artifact.pk, PATH, [DATA[:-1] + b"?"])
    assert answer.status == 409
    assert answer.headers["content-type"] == "application/problem+json"
    assert "another hash" in json.loads(answer.body)["title"]
    assert not default_store().exists(Content.of(DATA))
    assert list(settings.DEBUSINE.upload_dir.iterdir()) == []
    assert query(files, artifact) == (206, "bytes=0-0")
    assert files.put(artifact.pk, PATH, [DATA]).status == 201
    assert is_stored(artifact)


def test_a_file_that_arrives_in_order_is_not_read_again(
    files: TransferClient, artifact: Artifact, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[int] = []
    pread = os.pread

    def watch(descriptor: int, length: int, offset: int) -> bytes:
        data = pread(descriptor, length, offset)
        read.append(len(data))
        return data

    monkeypatch.setattr(uploads.os, "pread", watch)
    for start in range(0, SIZE, 700_000):
        answer = put(files, artifact, start, min(start + 700_000, SIZE))
    assert answer.status == 201
    assert sum(read) == 0


def test_it_goes_on_after_a_restart(files: TransferClient, artifact: Artifact) -> None:
    put(files, artifact, 0, 2_000_000)
    uploads._MEMORY._known.clear()
    assert put(files, artifact, 2_000_000, SIZE).status == 201
    assert is_stored(artifact)


def test_what_came_before_a_connection_broke_is_kept(
    files: TransferClient, artifact: Artifact
) -> None:
    answer = files.put(
        artifact.pk, PATH, [DATA[:1000], DATA[1000:1500]], f"bytes 0-9999/{SIZE}", goes_away=True
    )
    assert answer.status == 0
    assert query(files, artifact) == (206, "bytes=0-1500")
    assert put(files, artifact, 1500, SIZE).status == 201
    assert is_stored(artifact)


@pytest.mark.parametrize(
    ("content_range", "body"),
    [
        ("bytes 2000-2999/SIZE", [b"x" * 1000]),
        ("bytes 0-9/SIZE", [b"x" * 9]),
        ("bytes 0-9/SIZE", [b"x" * 11]),
        ("bytes 0-9/SIZE", []),
        ("bytes 0-SIZE/SIZE", [b"x"]),
        ("bytes SIZE-SIZE/SIZE", [b"x"]),
        ("bytes 5-4/SIZE", [b"x"]),
        ("bytes 0-9/5", [b"x" * 10]),
        ("bytes */5", []),
        ("bytes */SIZE", [b"x"]),
        ("bytes 0-/SIZE", [b"x"]),
        ("bytes -5/SIZE", [b"x"]),
        ("chunks 0-9/SIZE", [b"x" * 10]),
        ("bytes 0-99999999999999999999/SIZE", [b"x"]),
        ("", [b"x"]),
    ],
)
@pytest.mark.parametrize("announced", [False, True])
def test_ranges_that_do_not_fit_are_refused(
    *,
    files: TransferClient,
    artifact: Artifact,
    content_range: str,
    body: list[bytes],
    announced: bool,
) -> None:
    put(files, artifact, 0, 1000)
    headers = {"Content-Length": str(sum(map(len, body)))} if announced else {}
    answer = files.put(artifact.pk, PATH, body, content_range.replace("SIZE", str(SIZE)), **headers)
    assert answer.status == 400
    assert answer.headers["content-type"] == "application/problem+json"
    assert set(json.loads(answer.body)) <= {"title", "detail", "validation_errors"}
    assert query(files, artifact) == (206, "bytes=0-1000")
    # nothing is lost by it
    assert put(files, artifact, 0, SIZE).status == 201


def test_a_body_longer_than_the_file_is_refused(files: TransferClient, artifact: Artifact) -> None:
    assert files.put(artifact.pk, PATH, [DATA, b"x"]).status == 400
    assert not FileInArtifact.objects.get(artifact=artifact).complete


@pytest.mark.parametrize(
    "path",
    ["other", "pool", "pool/hello.deb%00", "%00", "../hello.deb", "x" * 600, "%ff", "pool//hello"],
)
def test_paths_that_were_not_declared(files: TransferClient, artifact: Artifact, path: str) -> None:
    assert files.put(artifact.pk, path, [b"x"]).status == 404


@pytest.mark.parametrize("artifact_id", [0, 999, 10**17])
def test_artifacts_that_are_not_there(files: TransferClient, artifact_id: int) -> None:
    assert files.put(artifact_id, PATH, [b"x"]).status == 404


def test_who_may_upload(artifact: Artifact) -> None:
    running = factories.make_running(created_by=factories.make_user(superuser=True))
    own = make_artifact({}, incomplete={PATH: DATA}, made_by=running.work_request)
    others = make_artifact({}, incomplete={PATH: DATA}, workspace=factories.make_workspace("other"))
    callers = {
        "nobody": None,
        "unknown": "0" * 64,
        "outsider": factories.make_token(factories.make_user()).key,
        "disabled": factories.make_token(factories.make_user(superuser=True), enabled=False).key,
        "worker": factories.make_worker().key,
        "task": running.key,
    }
    found = {
        (name, which): TransferClient(key).put(row.pk, PATH, [b"x"]).status
        for name, key in callers.items()
        for which, row in (("own", own), ("other", artifact), ("elsewhere", others))
    }
    assert found == {
        (name, which): 200 if (name, which) == ("task", "own") else 404
        for name in callers
        for which in ("own", "other", "elsewhere")
    }


def test_an_input_may_be_read_but_not_changed(artifact: Artifact) -> None:
    running = factories.make_running(
        created_by=factories.make_user(superuser=True),
        dynamic_task_data={"input_source_artifact_id": artifact.pk},
    )
    answer = TransferClient(running.key).put(artifact.pk, PATH, [b"x"])
    assert answer.status == 403
    assert "cannot change artifact" in json.loads(answer.body)["title"]


def test_the_scope_must_be_that_of_the_artifact(files: TransferClient, artifact: Artifact) -> None:
    factories.make_scope("other")
    for scope, status in (("other", 404), ("nowhere", 404), ("debusine", 201)):
        answer = files.put(artifact.pk, PATH, [DATA], **{"X-Debusine-Scope": scope})
        assert answer.status == status


def test_a_full_disk_says_so_and_loses_nothing(
    files: TransferClient, artifact: Artifact, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(files, artifact, 0, 1_000_000)

    def full(descriptor: int, pieces: list[bytes], offset: int) -> int:
        if offset >= 2_500_000:
            raise OSError(errno.ENOSPC, "No space left on device")
        return os.pwrite(descriptor, b"".join(pieces)[: 2_500_000 - offset], offset)

    monkeypatch.setattr(uploads.os, "pwritev", full)
    answer = put(files, artifact, 1_000_000, SIZE)
    assert answer.status == 507
    problem = json.loads(answer.body)
    assert "no space left" in problem["title"]
    assert "resumed" in problem["detail"]
    monkeypatch.undo()
    assert query(files, artifact) == (206, "bytes=0-2500000")
    assert put(files, artifact, 2_500_000, SIZE).status == 201
    assert is_stored(artifact)


@pytest.mark.parametrize("moved", [False, True])
def test_killed_between_check_and_end_it_is_finished_later(
    *, files: TransferClient, artifact: Artifact, moved: bool
) -> None:
    put(files, artifact, 0, SIZE - 1)
    upload = FileUpload.objects.get()
    path = settings.DEBUSINE.upload_dir / upload.temporary_name
    path.write_bytes(DATA)
    FileUpload.objects.update(verified=True)
    if moved:
        default_store().adopt(path, Content.of(DATA))
    assert put(files, artifact, SIZE - 1, SIZE).status == 201
    assert is_stored(artifact)


def test_bytes_that_vanished_are_asked_for_again(files: TransferClient, artifact: Artifact) -> None:
    put(files, artifact, 0, SIZE - 1)
    (path,) = settings.DEBUSINE.upload_dir.iterdir()
    path.unlink()
    FileUpload.objects.update(verified=True)
    assert query(files, artifact) == (206, "bytes=0-0")
    assert put(files, artifact, 0, SIZE).status == 201
    assert is_stored(artifact)


def test_twins_in_one_artifact_are_completed_together(files: TransferClient, place: Any) -> None:
    artifact = make_artifact({}, incomplete={"a": DATA, "b": DATA, "c": b"other"})
    assert files.put(artifact.pk, "a", [DATA]).status == 201
    complete = FileInArtifact.objects.filter(artifact=artifact, complete=True)
    assert set(complete.values_list("path", flat=True)) == {"a", "b"}
    assert files.put(artifact.pk, "b", [DATA]).status == 201


def test_the_same_content_in_another_artifact_is_not_completed(
    files: TransferClient, artifact: Artifact
) -> None:
    other = make_artifact({}, incomplete={PATH: DATA})
    assert files.put(artifact.pk, PATH, [DATA]).status == 201
    assert not FileInArtifact.objects.get(artifact=other).complete
    assert files.put(other.pk, PATH, [DATA]).status == 201
    assert File.objects.count() == 1


def test_bytes_never_come_from_knowing_their_hash(files: TransferClient, place: Any) -> None:
    secret = make_artifact({PATH: DATA}, workspace=factories.make_workspace("secret"))
    artifact = make_artifact({}, incomplete={PATH: DATA})
    assert secret.pk != artifact.pk
    assert query(files, artifact) == (206, "bytes=0-0")
    assert files.put(artifact.pk, PATH, [DATA[:10]]).status == 200
    assert not FileInArtifact.objects.get(artifact=artifact).complete


def test_names_of_headers_do_not_depend_on_case() -> None:
    scope: Any = {
        "method": "PUT",
        "path": "/x",
        "headers": [(b"tOKEN", b"abc")],
        "query_string": b"a=1&a=2&b",
    }
    request = Request.of(scope)
    assert request.headers["token"] == "abc"
    assert dict(request.query) == {"a": "2", "b": ""}


def test_hash_is_that_of_hashlib(tmp_path: Path) -> None:
    file = uploads.UploadFile(tmp_path / "x", start=0)
    for data in (DATA[:100], DATA[100:]):
        file.write([data])
        file.hash([data])
    assert file.digest() == hashlib.sha256(DATA).hexdigest()
    file.close()
