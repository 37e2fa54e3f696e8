# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import hashlib
import io
import json
import random
import tarfile

import pytest
from django.test import Client
from tests.integration.files.conftest import TransferClient, make_artifact

from debusine.api import transfer
from debusine.db.models import Artifact, User, Workspace
from debusine.server.stores import Content, default_store
from debusine.testing import factories
from debusine.testing.asgi import http_scope

DATA = random.Random(2).randbytes(2 * 1024 * 1024 + 5)
ETAG = f'"{hashlib.sha256(DATA).hexdigest()}"'
FILES = {"log.txt": b"hello\n", "pool/a.deb": DATA, "pool/b.deb": b"b" * 600}


@pytest.fixture
def artifact(workspace: Workspace) -> Artifact:
    return make_artifact(FILES, incomplete={"missing.deb": b"not there"})


def url(artifact: Artifact, path: str = "", how: str = "download") -> str:
    workspace = artifact.workspace
    return f"/{workspace.scope.name}/{workspace.name}/artifact/{artifact.pk}/{how}/{path}"


def members(body: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(body), mode="r:gz") as archive:
        found = {}
        for info in archive:
            file = archive.extractfile(info)
            assert file is not None, f"{info.name} is no file"
            found[info.name] = file.read()
        return found


def test_a_file(files: TransferClient, artifact: Artifact) -> None:
    answer = files.get(url(artifact, "pool/a.deb"))
    assert answer.status == 200
    assert answer.body == DATA
    modified = answer.headers.pop("last-modified")
    assert modified.endswith(" GMT")
    assert answer.headers == {
        "accept-ranges": "bytes",
        "cache-control": "private",
        "content-disposition": 'attachment; filename="a.deb"',
        "content-length": str(len(DATA)),
        "content-range": f"bytes 0-{len(DATA) - 1}/{len(DATA)}",
        "content-type": "application/vnd.debian.binary-package",
        "etag": ETAG,
        "vary": "Cookie, Token",
        "x-content-type-options": "nosniff",
    }


def test_raw_is_shown_in_the_browser(files: TransferClient, artifact: Artifact) -> None:
    answer = files.get(url(artifact, "log.txt", how="raw"))
    assert answer.body == b"hello\n"
    assert answer.headers["content-disposition"] == 'inline; filename="log.txt"'
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"


@pytest.mark.parametrize(
    ("header", "first", "stop"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=5-9", 5, 10),
        ("bytes=1000000-", 1_000_000, len(DATA)),
        ("bytes=-5", len(DATA) - 5, len(DATA)),
        ("bytes=-99999999", 0, len(DATA)),
        ("bytes=7-99999999", 7, len(DATA)),
    ],
)
def test_ranges(
    files: TransferClient, artifact: Artifact, header: str, first: int, stop: int
) -> None:
    answer = files.get(url(artifact, "pool/a.deb"), Range=header)
    assert answer.status == 206
    assert answer.body == DATA[first:stop]
    assert answer.headers["content-length"] == str(stop - first)
    assert answer.headers["content-range"] == f"bytes {first}-{stop - 1}/{len(DATA)}"


@pytest.mark.parametrize(
    "header",
    [
        "bytes=",
        "bytes=-",
        "bytes=9-5",
        f"bytes={len(DATA)}-",
        "bytes=-0",
        "lines=0-5",
        "bytes=0-1,4-5",
        "bytes=" + "9" * 40 + "-",
    ],
)
def test_bad_ranges(files: TransferClient, artifact: Artifact, header: str) -> None:
    answer = files.get(url(artifact, "pool/a.deb"), Range=header)
    assert answer.status == 400
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_range_of_another_version_gives_the_whole(
    files: TransferClient, artifact: Artifact
) -> None:
    where = url(artifact, "pool/a.deb")
    assert files.get(where, Range="bytes=0-4", If_Range='"other"').status == 200
    assert files.get(where, Range="bytes=0-4", If_Range=ETAG).status == 206


def test_what_the_client_has_is_not_sent(files: TransferClient, artifact: Artifact) -> None:
    answer = files.get(url(artifact, "pool/a.deb"), If_None_Match=f'"x", W/{ETAG}')
    assert (answer.status, answer.body) == (304, b"")
    assert answer.headers["etag"] == ETAG


def test_head_sends_no_body(files: TransferClient, artifact: Artifact) -> None:
    answer = files.head(url(artifact, "pool/a.deb"))
    assert (answer.status, answer.body) == (200, b"")
    assert answer.headers["content-length"] == str(len(DATA))
    assert files.head(url(artifact)).body == b""


def test_a_tarball_of_everything_that_is_complete(
    files: TransferClient, artifact: Artifact
) -> None:
    answer = files.get(url(artifact, "?archive=tar.gz"))
    assert answer.status == 200
    assert members(answer.body) == FILES
    assert answer.headers["content-type"] == "application/octet-stream"
    disposition = f'attachment; filename="artifact-{artifact.pk}.tar.gz"'
    assert answer.headers["content-disposition"] == disposition
    with tarfile.open(fileobj=io.BytesIO(answer.body), mode="r:gz") as archive:
        times = {info.mtime for info in archive}
    assert times == {int(artifact.created_at.timestamp())}


def test_several_files_come_as_a_tarball(files: TransferClient, artifact: Artifact) -> None:
    assert members(files.get(url(artifact)).body) == FILES


def test_a_directory_as_a_tarball(files: TransferClient, artifact: Artifact) -> None:
    answer = files.get(url(artifact, "pool/?archive=tar.gz"))
    assert set(members(answer.body)) == {"pool/a.deb", "pool/b.deb"}
    assert f"artifact-{artifact.pk}-pool.tar.gz" in answer.headers["content-disposition"]
    assert files.get(url(artifact, "pool")).status == 400


def test_a_single_file_needs_no_path(files: TransferClient, place: Workspace) -> None:
    artifact = make_artifact({"only.txt": b"x"}, incomplete={"later.txt": b"y"})
    answer = files.get(url(artifact))
    assert answer.body == b"x"
    assert answer.headers["content-disposition"] == 'attachment; filename="only.txt"'
    assert members(files.get(url(artifact, "?archive=tar.gz")).body) == {"only.txt": b"x"}


def test_no_files_at_all(files: TransferClient, place: Workspace) -> None:
    assert members(files.get(url(make_artifact({}))).body) == {}


def test_an_empty_file(files: TransferClient, place: Workspace) -> None:
    artifact = make_artifact({"empty": b"", "other": b"x"})
    answer = files.get(url(artifact, "empty"))
    assert (answer.status, answer.body) == (200, b"")
    assert "content-range" not in answer.headers
    assert members(files.get(url(artifact)).body) == {"empty": b"", "other": b"x"}


def test_long_and_odd_names(files: TransferClient, place: Workspace) -> None:
    name = "dir/" + "n" * 200 + 'ä"\\.txt'
    artifact = make_artifact({name: b"x", "b": b"y"})
    assert members(files.get(url(artifact)).body) == {name: b"x", "b": b"y"}
    answer = files.get(url(artifact, "dir/" + "n" * 200 + "%C3%A4%22%5C.txt"))
    assert answer.headers["content-disposition"].startswith("attachment; filename*=UTF-8''nnn")


@pytest.mark.parametrize(
    ("stored", "served"),
    [
        ("text/html", "text/plain"),
        ("application/javascript", "application/octet-stream"),
        ("image/svg+xml", "application/octet-stream"),
        ("text/plain; charset=utf-8", "text/plain; charset=utf-8"),
        ("application/json", "application/json"),
    ],
)
def test_content_types(files: TransferClient, place: Workspace, stored: str, served: str) -> None:
    artifact = make_artifact({"page.html": b"x"}, content_types={"page.html": stored})
    for how in ("download", "raw"):
        assert files.get(url(artifact, "page.html", how=how)).headers["content-type"] == served


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("missing.deb", 404),
        ("nothing", 404),
        ("nothing?archive=tar.gz", 404),
        ("POOL/a.deb", 404),
        ("pool/a.deb/more", 404),
        ("..%2f..%2fetc%2fpasswd", 404),
        ("%00", 404),
        ("x" * 2000, 404),
        ("pool", 400),
        ("?archive=zip", 400),
        ("pool/a.deb?archive=", 400),
    ],
)
def test_what_is_not_there(
    files: TransferClient, artifact: Artifact, path: str, status: int
) -> None:
    answer = files.get(url(artifact, path))
    assert answer.status == status
    assert answer.headers["content-type"] == "application/problem+json"


def test_the_place_in_the_url_must_be_right(files: TransferClient, artifact: Artifact) -> None:
    factories.make_workspace("other")
    right = url(artifact, "log.txt")
    assert files.get(right).status == 200
    for wrong in (
        right.replace("/System/", "/other/"),
        right.replace("/debusine/", "/other/"),
        right.replace(f"/{artifact.pk}/", "/99999/"),
    ):
        assert files.get(wrong).status == 404


def test_who_may_download(artifact: Artifact) -> None:
    public = make_artifact({"x": b"x"}, workspace=factories.make_workspace("public", public=True))
    boss = factories.make_user(superuser=True)
    of_task = factories.make_running(
        created_by=boss, dynamic_task_data={"environment_id": artifact.pk}
    )
    of_other = factories.make_running(created_by=boss, dynamic_task_data={"environment_id": 1})
    callers = {
        "nobody": None,
        "outsider": factories.make_token(factories.make_user()).key,
        "worker": factories.make_worker().key,
        "boss": factories.make_token(boss).key,
        "task with this input": of_task.key,
        "task with another": of_other.key,
    }
    found = {
        name: [TransferClient(key).get(url(row)).status for row in (artifact, public)]
        for name, key in callers.items()
    }
    assert found == {
        "nobody": [404, 200],
        "outsider": [404, 200],
        "worker": [404, 404],
        "boss": [200, 200],
        "task with this input": [200, 404],
        "task with another": [404, 404],
    }


def test_a_task_that_has_ended_reads_nothing(artifact: Artifact) -> None:
    running = factories.make_running(
        created_by=factories.make_user(superuser=True),
        dynamic_task_data={"environment_id": artifact.pk},
    )
    running.work_request.status = "completed"
    running.work_request.save()
    assert TransferClient(running.key).get(url(artifact)).status == 403


def test_the_session_of_a_browser_counts(
    nobody: TransferClient, artifact: Artifact, user: User, client: Client
) -> None:
    where = url(artifact, "log.txt")
    client.force_login(user)
    session = client.cookies["sessionid"].value
    assert nobody.get(where, Cookie=f"other=1; sessionid={session}").status == 200
    assert nobody.get(where, Cookie="sessionid=guessed").status == 404
    assert nobody.get(where, Cookie="][").status == 404


def test_a_file_that_the_store_has_lost(files: TransferClient, artifact: Artifact) -> None:
    default_store().delete(Content.of(DATA))
    answer = files.get(url(artifact, "pool/a.deb"))
    assert answer.status == 404
    assert "lost" in json.loads(answer.body)["title"]


def test_a_tarball_that_cannot_be_finished_ends_early(
    files: TransferClient, place: Workspace
) -> None:
    artifact = make_artifact({"a": DATA, "b": b"gone"})
    default_store().delete(Content.of(b"gone"))
    answer = files.get(url(artifact))
    assert answer.status == 200
    assert not answer.is_complete


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/api/1.0/artifact/1/files/x/"),
        ("GET", "/api/1.0/artifact/1/files/x/"),
        ("GET", "/api/1.0/artifact/1/"),
        ("GET", "/debusine/System/artifact/1/"),
        ("GET", "/debusine/System/artifact/1/file/x"),
        ("PUT", "/debusine/System/artifact/1/download/x"),
        ("PUT", "/api/1.0/artifact/x/files/y/"),
        ("PUT", "/api/1.0/artifact/1/files/"),
    ],
)
def test_everything_else_is_left_to_others(method: str, path: str) -> None:
    assert not transfer.handles(http_scope(method, path, {}))
