# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from tests.integration.conftest import ApiClient
from tests.integration.files.conftest import make_artifact

from debusine.db.models import Artifact, ArtifactRelation, File, FileInArtifact, User, Workspace
from debusine.server.stores import EMPTY, Content, default_store
from debusine.testing import factories
from debusine.wire.base import to_wire_time

KNOWN = b"known to the workspace"
PROBLEM = "application/problem+json"


def entry(data: bytes, **fields: Any) -> dict[str, Any]:
    content = Content.of(data)
    return {
        "size": content.size_bytes,
        "checksums": {"sha256": content.sha256, "md5": "0" * 32},
        "type": "file",
        **fields,
    }


def body(files: dict[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
    return {
        "category": "debusine:test",
        "workspace": "System",
        "files": files or {},
        "data": {},
        "work_request": None,
        **fields,
    }


def create(api: ApiClient, *args: Any, **fields: Any) -> dict[str, Any]:
    answer = api.post("/artifact/", body(*args, **fields))
    assert answer.status_code == 201, answer.content
    record: dict[str, Any] = answer.json()
    return record


def test_the_record(api: ApiClient, user: User) -> None:
    make_artifact({"old": KNOWN})
    record = create(
        api,
        {
            "b dir/new.log": entry(b"new", content_type="text/plain; charset=utf-8"),
            "a.deb": entry(KNOWN),
        },
        # clients send whole records back, and keys that mean nothing
        links={"self": "/x/"},
        id=5,
        expire_at=None,
    )
    artifact = Artifact.objects.get(pk=record["id"])
    assert (artifact.created_by, artifact.created_by_work_request) == (user, None)
    path = f"/debusine/System/artifact/{artifact.pk}/"
    base = f"http://testserver{path}download/"
    assert record == {
        "links": {
            "self": f"/api/1.0/artifact/{artifact.pk}/",
            "webui_self": path,
            "download_tar_gz": {
                "href": f"{path}download/?archive=tar.gz",
                "type": "application/tar+gzip",
            },
        },
        "id": artifact.pk,
        "url": path,
        "scope": "debusine",
        "workspace": "System",
        "category": "debusine:test",
        "created_at": to_wire_time(artifact.created_at),
        "data": {},
        "download_tar_gz_url": f"{base}?archive=tar.gz",
        "files_to_upload": ["b dir/new.log"],
        "expire_at": None,
        "files": {
            "a.deb": {
                "size": len(KNOWN),
                "checksums": {"sha256": Content.of(KNOWN).sha256},
                "type": "file",
                "content_type": None,
                "url": f"{base}a.deb",
            },
            "b dir/new.log": {
                "size": 3,
                "checksums": {"sha256": Content.of(b"new").sha256},
                "type": "file",
                "content_type": "text/plain; charset=utf-8",
                "url": f"{base}b%20dir/new.log",
            },
        },
    }
    for where in (f"/artifact/{artifact.pk}/", f"/artifact/System/{artifact.pk}/"):
        assert api.get(where).json() == record


def test_urls_follow_the_proxy(api: ApiClient, workspace: Workspace) -> None:
    artifact = make_artifact({"x": b"x"})
    headers = {"X-Forwarded-Proto": "https", "Host": "debusine.example.org"}
    record = api.get(f"/artifact/{artifact.pk}/", **headers).json()
    start = f"https://debusine.example.org/debusine/System/artifact/{artifact.pk}/download/"
    assert record["files"]["x"]["url"] == f"{start}x"
    assert record["download_tar_gz_url"] == f"{start}?archive=tar.gz"


def test_workspace_is_the_default_one_if_none_is_named(api: ApiClient) -> None:
    answer = api.post("/artifact/", {"category": "debusine:test"})
    assert answer.json()["workspace"] == "System"


def test_empty_artifacts_and_files_are_complete_at_once(api: ApiClient) -> None:
    assert create(api, category="debusine:work-request-debug-logs")["files"] == {}
    record = create(api, {"empty": entry(b"")})
    assert record["files_to_upload"] == []
    assert default_store().exists(EMPTY)


@pytest.mark.parametrize(
    ("delay", "expected"),
    [
        (None, None),
        (86400, timedelta(days=1)),
        ("86400", timedelta(days=1)),
        ("7 00:00:00", timedelta(days=7)),
        ("0", None),
    ],
)
def test_expiration(api: ApiClient, delay: Any, expected: timedelta | None) -> None:
    record = create(api, expiration_delay=delay)
    artifact = Artifact.objects.get(pk=record["id"])
    moment = None if expected is None else to_wire_time(artifact.created_at + expected)
    assert record["expire_at"] == moment


def test_expiration_of_the_workspace(api: ApiClient, workspace: Workspace) -> None:
    workspace.default_expiration_delay = timedelta(days=3)
    workspace.save()
    assert create(api)["expire_at"] is not None
    assert create(api, expiration_delay="0")["expire_at"] is None


def test_content_of_other_workspaces_has_to_be_uploaded(api: ApiClient) -> None:
    make_artifact({"x": KNOWN}, workspace=factories.make_workspace("other"))
    assert create(api, {"x": entry(KNOWN)})["files_to_upload"] == ["x"]


def test_content_that_was_only_declared_has_to_be_uploaded(api: ApiClient) -> None:
    make_artifact({}, incomplete={"x": KNOWN})
    assert create(api, {"x": entry(KNOWN)})["files_to_upload"] == ["x"]


def test_content_that_the_store_has_lost_has_to_be_uploaded(api: ApiClient) -> None:
    make_artifact({"x": KNOWN})
    default_store().delete(Content.of(KNOWN))
    assert create(api, {"x": entry(KNOWN)})["files_to_upload"] == ["x"]


def test_the_same_hash_with_another_size_is_another_file(api: ApiClient) -> None:
    make_artifact({"x": KNOWN})
    assert create(api, {"x": entry(KNOWN, size=5)})["files_to_upload"] == ["x"]


def test_a_task_need_not_upload_what_it_may_read(workspace: Workspace) -> None:
    source = make_artifact({"x": KNOWN})
    make_artifact({"y": b"not an input"})
    running = factories.make_running(
        created_by=factories.make_user(superuser=True),
        dynamic_task_data={"input_source_artifact_id": source.pk},
    )
    make_artifact({"z": b"own"}, made_by=running.work_request)
    files = {"x": entry(KNOWN), "y": entry(b"not an input"), "z": entry(b"own")}
    record = create(ApiClient(running.key), files, work_request=running.work_request.pk)
    assert record["files_to_upload"] == ["y"]
    artifact = Artifact.objects.get(pk=record["id"])
    assert artifact.created_by_work_request == running.work_request
    assert artifact.created_by is None


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"category": "debian:unheard-of"}, "category"),
        ({"category": ""}, "category"),
        ({"category": None}, "category"),
        ({"data": {"unknown": 1}}, "data.unknown"),
        ({"data": []}, "data"),
        ({"data": None}, "data"),
        ({"files": ["x"]}, "files"),
        ({"files": {"x": {}}}, "files.x.size"),
        ({"expiration_delay": "soon"}, "expiration_delay"),
        ({"expiration_delay": -5}, "expiration_delay"),
        ({"expiration_delay": "999999 00:00:00"}, "expiration_delay"),
        ({"work_request": "x"}, "work_request"),
    ],
)
def test_bad_fields(api: ApiClient, fields: dict[str, Any], named: str) -> None:
    answer = api.post("/artifact/", body(**fields))
    assert answer.status_code == 400, answer.content
    assert answer["Content-Type"] == PROBLEM
    assert named in answer.json()["validation_errors"]
    assert not Artifact.objects.exists()


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/etc/passwd",
        "../up",
        "a/../../b",
        "a//b",
        "a/",
        "./a",
        "a/.",
        "control\1",
        "new\nline",
        "esc\x1b[2J",
        "x" * 501,
        "ü" * 200,
    ],
)
def test_bad_paths(api: ApiClient, path: str) -> None:
    answer = api.post("/artifact/", body({path: entry(b"x")}))
    assert answer.status_code == 400
    assert "path" in str(answer.json()["validation_errors"])
    assert not Artifact.objects.exists()


@pytest.mark.parametrize(
    "bad",
    [
        {"size": -1},
        {"size": 2**63},
        {"size": 10**30},
        {"size": "big"},
        {"checksums": {}},
        {"checksums": {"md5": "0" * 32}},
        {"checksums": {"sha256": "0" * 63}},
        {"checksums": {"sha256": "G" * 64}},
        {"checksums": {"sha256": "A" * 64}},
        {"checksums": {"sha256": None}},
        {"type": "symlink"},
        {"content_type": "text/plain\r\nX-Evil: 1"},
        {"content_type": "x" * 300},
        {"size": 0},
    ],
)
def test_bad_entries(api: ApiClient, bad: dict[str, Any]) -> None:
    answer = api.post("/artifact/", body({"x": {**entry(b"x"), **bad}}))
    assert answer.status_code == 400
    assert answer.json()["validation_errors"]


def test_a_file_cannot_be_a_directory_too(api: ApiClient) -> None:
    answer = api.post("/artifact/", body({"a": entry(b"x"), "a/b": entry(b"y")}))
    assert answer.status_code == 400
    assert answer.json()["validation_errors"] == {"files.a": ["path is a file and a directory"]}


def test_many_files_take_few_queries(api: ApiClient, workspace: Workspace) -> None:
    create(api)
    counts = []
    for number in (1, 400):
        files = {f"f{index}": entry(b"%d" % (index + number)) for index in range(number)}
        with CaptureQueriesContext(
            connection,
        ) as queries:
            create(api, files)
        counts.append(len(queries))
    assert counts[0] <= 11
    # SQLite takes so many values at once
    assert counts[1] <= counts[0] + 3


def test_showing_takes_four_queries(
    api: ApiClient, workspace: Workspace, django_assert_num_queries: Any
) -> None:
    artifact = make_artifact({f"f{number}": b"%d" % number for number in range(20)})
    api.get(f"/artifact/{artifact.pk}/")
    # token, scope, artifact, files
    with django_assert_num_queries(4):
        api.get(f"/artifact/{artifact.pk}/")


def test_who_may_create(workspace: Workspace) -> None:
    boss = factories.make_user(superuser=True)
    running = factories.make_running(created_by=boss)
    other = factories.make_running(created_by=boss, workspace=factories.make_workspace("other"))
    callers = {
        "nobody": ApiClient(),
        "outsider": ApiClient(factories.make_token(factories.make_user()).key),
        "worker": ApiClient(factories.make_worker().key),
        "boss": ApiClient(factories.make_token(boss).key),
        "task": ApiClient(running.key),
    }
    requests = {
        "none": None,
        "own": running.work_request.pk,
        "other": other.work_request.pk,
    }
    found = {
        (name, which): api.post("/artifact/", body(work_request=request)).status_code
        for name, api in callers.items()
        for which, request in requests.items()
    }
    allowed = {("boss", "none"): 201, ("task", "own"): 201}
    hidden = {("outsider", "none"): 404}
    assert found == {key: allowed.get(key) or hidden.get(key) or 403 for key in found}


def test_a_task_creates_in_its_own_workspace_only(workspace: Workspace) -> None:
    running = factories.make_running(created_by=factories.make_user(superuser=True))
    factories.make_workspace("other")
    api = ApiClient(running.key)
    request = running.work_request.pk
    assert api.post("/artifact/", body(work_request=request, workspace="other")).status_code == 403
    record = create(api, work_request=request, workspace=None)
    assert record["workspace"] == "System"


@pytest.mark.parametrize("name", ["nowhere", "", "x" * 1000])
def test_unknown_workspace(api: ApiClient, name: str) -> None:
    answer = api.post("/artifact/", body(workspace=name))
    assert answer.status_code == 404
    assert answer.json()["title"] == "Workspace not found"


def test_who_sees_an_artifact(workspace: Workspace) -> None:
    artifact = make_artifact({})
    factories.make_workspace("other")
    boss = factories.make_user(superuser=True)
    running = factories.make_running(
        created_by=boss,
        workspace=factories.make_workspace("elsewhere"),
        dynamic_task_data={"task_input_fields": {"x": {"artifact_id": artifact.pk}}},
    )
    boss_api = ApiClient(factories.make_token(boss).key)
    task = ApiClient(running.key)
    assert boss_api.get(f"/artifact/{artifact.pk}/").status_code == 200
    assert boss_api.get(f"/artifact/other/{artifact.pk}/").status_code == 404
    assert boss_api.get(f"/artifact/nowhere/{artifact.pk}/").status_code == 404
    # an input, seen from the workspace the task runs in
    assert task.get(f"/artifact/elsewhere/{artifact.pk}/").status_code == 200
    assert task.get(f"/artifact/elsewhere/{make_artifact({}).pk}/").status_code == 404
    outsider = ApiClient(factories.make_token(factories.make_user()).key)
    for api in (outsider, ApiClient(), ApiClient(factories.make_worker().key)):
        answer = api.get(f"/artifact/{artifact.pk}/")
        assert (answer.status_code, answer["Content-Type"]) == (404, PROBLEM)


@pytest.mark.parametrize("number", ["0", "999", "99999999999999999999999", "-1", "x"])
def test_artifacts_that_are_not_there(api: ApiClient, number: str) -> None:
    answer = api.get(f"/artifact/{number}/")
    assert (answer.status_code, answer["Content-Type"]) == (404, PROBLEM)


def test_relations(api: ApiClient, workspace: Workspace) -> None:
    first, second = make_artifact({"x": b"x"}), make_artifact({})
    wanted = {"artifact": first.pk, "target": second.pk, "type": "relates-to"}
    answer = api.post("/artifact-relation/", wanted)
    assert answer.status_code == 201
    record = answer.json()
    assert record == {**wanted, "id": record["id"]}
    again = api.post("/artifact-relation/", wanted)
    assert (again.status_code, again.json()) == (200, record)
    assert api.get(f"/artifact-relation/?artifact={first.pk}").json() == [record]
    assert api.get(f"/artifact-relation/?artifact={second.pk}").json() == []
    assert api.get(f"/artifact-relation/?target_artifact={second.pk}").json() == [record]
    assert api.delete(f"/artifact-relation/{record['id']}/").status_code == 204
    assert api.delete(f"/artifact-relation/{record['id']}/").status_code == 404
    assert not ArtifactRelation.objects.exists()


@pytest.mark.parametrize("query", ["", "?artifact=1&target_artifact=1", "?artifact=x"])
def test_listing_relations_needs_one_artifact(api: ApiClient, query: str) -> None:
    assert api.get(f"/artifact-relation/{query}").status_code == 400


def test_listing_relations_of_nothing(api: ApiClient) -> None:
    assert api.get("/artifact-relation/?artifact=99999999999999999999").status_code == 404


@pytest.mark.parametrize("which", ["artifact", "target"])
def test_related_artifacts_must_be_complete(
    api: ApiClient, workspace: Workspace, which: str
) -> None:
    done, open_ = make_artifact({}), make_artifact({}, incomplete={"x": b"x"})
    wanted = {"artifact": done.pk, "target": done.pk, "type": "extends", which: open_.pk}
    answer = api.post("/artifact-relation/", wanted)
    assert answer.status_code == 400
    assert which in answer.json()["validation_errors"]


def test_who_relates(workspace: Workspace) -> None:
    boss = factories.make_user(superuser=True)
    source = make_artifact({})
    running = factories.make_running(
        created_by=boss, dynamic_task_data={"input_source_artifact_id": source.pk}
    )
    own = make_artifact({}, made_by=running.work_request)
    hidden = make_artifact({})
    task = ApiClient(running.key)

    def relate(api: ApiClient, artifact: Artifact, target: Artifact) -> int:
        wanted = {"artifact": artifact.pk, "target": target.pk, "type": "built-using"}
        return api.post("/artifact-relation/", wanted).status_code

    assert relate(task, own, source) == 201
    assert relate(task, source, own) == 403
    assert relate(task, own, hidden) == 404
    assert relate(task, hidden, own) == 404
    assert relate(ApiClient(), own, source) == 404
    relation = ArtifactRelation.objects.get()
    assert task.delete(f"/artifact-relation/{relation.pk}/").status_code == 403


def test_relations_to_what_is_hidden_are_hidden(workspace: Workspace) -> None:
    public = make_artifact({}, workspace=factories.make_workspace("public", public=True))
    private = make_artifact({})
    ArtifactRelation.objects.create(artifact=public, target=private, type="extends")
    assert ApiClient().get(f"/artifact-relation/?artifact={public.pk}").json() == []


def test_unknown_relation_type(api: ApiClient, workspace: Workspace) -> None:
    artifact = make_artifact({})
    wanted = {"artifact": artifact.pk, "target": artifact.pk, "type": "likes"}
    assert api.post("/artifact-relation/", wanted).status_code == 400


def test_declaring_a_file_twice_makes_one_row(api: ApiClient) -> None:
    create(api, {"a": entry(b"x"), "b": entry(b"x")})
    create(api, {"c": entry(b"x")})
    assert (File.objects.count(), FileInArtifact.objects.count()) == (1, 3)
