# SPDX-License-Identifier: GPL-3.0-or-later
"""Text that databases refuse: every way in says which field holds it."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from django.conf import settings
from django.http import HttpResponse
from django.test import Client
from tests.integration.conftest import ApiClient

from debusine.api import transfer
from debusine.db.models import Artifact, Worker, WorkRequest, Workspace
from debusine.testing import factories
from debusine.testing.asgi import call
from debusine.testing.factories import WithKey

NUL = "a\0b"
HALF = "a\ud800b"
BAD = pytest.mark.parametrize("bad", [NUL, HALF], ids=["NUL", "half"])
FILE = {"size": 1, "checksums": {"sha256": "0" * 64}}


def fields(answer: HttpResponse) -> set[str]:
    """The fields that a refusal names."""
    assert answer.status_code == 400, answer.content
    assert answer["Content-Type"] == "application/problem+json"
    document: dict[str, Any] = json.loads(answer.content)
    assert set(document) == {"title", "detail", "validation_errors"}
    for field, problems in document["validation_errors"].items():
        assert f"{field}: {problems[0]}" in document["detail"]
        assert problems[0].startswith("must not hold")
    return set(document["validation_errors"])


@BAD
@pytest.mark.parametrize(
    ("method", "path", "body", "field"),
    [
        ("post", "/work-request/", {"task_name": "BAD"}, "task_name"),
        ("post", "/work-request/", {"task_name": "noop", "workspace": "BAD"}, "workspace"),
        (
            "post",
            "/work-request/",
            {"task_name": "noop", "task_data": {"x": [{"y": "BAD"}]}},
            "task_data.x.0.y",
        ),
        (
            "post",
            "/work-request/",
            {"task_name": "noop", "task_data": {"BAD": 1}},
            "task_data.a\ufffdb",
        ),
        ("post", "/work-request/", {"event_reactions": {"on_x": "BAD"}}, "event_reactions.on_x"),
        ("post", "/artifact/", {"category": "BAD"}, "category"),
        ("post", "/artifact/", {"category": "debusine:test", "data": {"x": "BAD"}}, "data.x"),
        (
            "post",
            "/artifact/",
            {"category": "debusine:test", "files": {"BAD": FILE}},
            "files.a\ufffdb",
        ),
        ("post", "/lookup/single/", {"lookup": "BAD"}, "lookup"),
        ("post", "/lookup/multiple/", {"lookup": [{"collection": "BAD"}]}, "lookup.0.collection"),
        ("post", "/environment/System/", {"codename": "BAD"}, "codename"),
        ("post", "/worker/register/", {"token": "k", "fqdn": "BAD"}, "fqdn"),
        ("post", "/artifact-relation/", {"type": "BAD"}, "type"),
        ("patch", "/work-request/1/", {"x": "BAD"}, "x"),
        ("put", "/work-request/1/completed/", {"output_data": {"x": "BAD"}}, "output_data.x"),
    ],
)
def test_bodies(
    api: ApiClient, bad: str, method: str, path: str, body: dict[str, Any], field: str
) -> None:
    sent = json.dumps(body).replace('"BAD"', json.dumps(bad)).encode()
    assert fields(getattr(api, method)(path, sent)) == {field}
    assert not [row for model in (WorkRequest, Artifact, Worker) for row in model.objects.all()]


@BAD
def test_what_a_worker_says_about_itself(worker_api: ApiClient, bad: str) -> None:
    sent = json.dumps({"system:name": {"x": bad}}).encode()
    assert fields(worker_api.put("/worker/dynamic-metadata/", sent)) == {"system:name.x"}
    too_deep = b'{"x": ' + b"[" * 100_000
    assert (
        "JSON"
        in json.loads(worker_api.put("/worker/dynamic-metadata/", too_deep).content)["detail"]
    )


@BAD
def test_reports_of_tasks(workspace: Workspace, bad: str) -> None:
    running = factories.make_running()
    report = {
        "result": "error",
        "output_data": {"errors": [{"code": "x", "message": bad}]},
    }
    path = f"/work-request/{running.work_request.pk}/completed/"
    answer = ApiClient(running.key).put(path, json.dumps(report).encode())
    assert fields(answer) == {"output_data.errors.0.message"}


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32"])
def test_bodies_in_other_encodings(api: ApiClient, encoding: str) -> None:
    answer = api.post("/work-request/", json.dumps({"task_name": "noop"}).encode(encoding))
    assert answer.status_code == 400


def test_halves_of_characters_in_utf8(api: ApiClient) -> None:
    body = '{"task_name": "noop", "task_data": {"x": "\ud800"}}'.encode("utf-8", "surrogatepass")
    assert api.post("/work-request/", body).status_code == 400


@pytest.mark.parametrize(
    "path",
    [
        "/collection/%00/", "/collection/System/%00/x/", "/collection/System/x/%00/item/",
        "/collection/System/x/y/item/%00/", "/work-request/%00/",
    ],
)  # fmt: skip
def test_paths(api: ApiClient, path: str) -> None:
    answer = api.get(path)
    assert (answer.status_code, answer["Content-Type"]) == (404, "application/problem+json")


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/work-request/?cursor=%00", "cursor"),
        ("/work-request/?ids=1&ids=%00", "ids"),
        ("/work-request/?what=%00", "what"),
        ("/collection/System/a/b/item/?name__startswith=%00", "name__startswith"),
        ("/collection/System/?page=%00", "page"),
    ],
)
def test_parameters(api: ApiClient, path: str, field: str) -> None:
    assert fields(api.get(path)) == {field}


def test_the_scope(api: ApiClient) -> None:
    assert fields(api.get("/whoami/", **{"X-Debusine-Scope": NUL})) == {"X-Debusine-Scope"}


# Django takes octal escapes in cookies
COOKIE = f'{settings.SESSION_COOKIE_NAME}="\\000sessionkey"'


def test_sessions(db: None) -> None:
    client = Client(headers={"Cookie": COOKIE})
    factories.make_workspace()
    assert fields(client.get("/api/1.0/whoami/")) == {"Cookie"}
    page = client.get("/")
    assert (page.status_code, b"Cookie" in page.content) == (400, True)


@pytest.mark.parametrize("path", ["/%00/", "/debusine/%00/work-request/", "/static/%00"])
def test_addresses_of_pages(db: None, path: str) -> None:
    assert Client().get(path).status_code == 404


@pytest.mark.parametrize("field", ["username", "token", "next"])
def test_forms(db: None, field: str) -> None:
    form = {"username": "x", "password": "y", field: NUL}
    answer = Client().post("/-/login/", form)
    assert (answer.status_code, field in answer.content.decode()) == (400, True)


@pytest.mark.parametrize(
    ("method", "url", "headers", "status"),
    [
        ("PUT", "/api/1.0/artifact/1/files/a%00b/", {}, 404),
        ("PUT", "/api/1.0/artifact/1/files/x/", {"X-Debusine-Scope": NUL}, 400),
        ("GET", "/debusine/%00/artifact/1/download/x", {}, 404),
        ("GET", "/%00/System/artifact/1/download/x", {}, 404),
        ("GET", "/debusine/System/artifact/1/download/?archive=%00", {}, 400),
        ("GET", "/debusine/System/artifact/1/download/x", {"Cookie": COOKIE}, 400),
    ],
)
def test_files(
    transactional_db: None,
    token: WithKey,
    method: str,
    url: str,
    headers: dict[str, str],
    status: int,
) -> None:
    who = {} if "Cookie" in headers else {"Token": token.key}
    answer = asyncio.run(call(transfer.application, method, url, headers={**who, **headers}))
    assert (answer.status, answer.headers["content-type"]) == (status, "application/problem+json")
    if status == 400:
        (field,) = json.loads(answer.body)["validation_errors"]
        assert field in {*headers, "archive"}
