# SPDX-License-Identifier: GPL-3.0-or-later
"""What strangers and broken clients send to the API: each gets a problem document."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.http import HttpResponse

from debusine.db.models import Artifact, Token, User, Worker, WorkRequest
from debusine.testing import factories

HUGE = 10**30
LONE_SURROGATE = '"\\ud800"'
ANYTHING = {"size": 1, "checksums": {"sha256": "0" * 64}}


def problem(answer: HttpResponse, status: int) -> dict[str, Any]:
    """The problem document of an answer; what is no bug of ours has more than a title."""
    assert (answer.status_code, answer["Content-Type"]) == (status, "application/problem+json")
    document: dict[str, Any] = json.loads(answer.content)
    assert set(document) <= {"title", "detail", "validation_errors"}
    assert document != {"title": "Error"}
    return document


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"[]", b"null", b"\xff", b"[" * 100_000,
        b'{"task_name": "noop", "task_data": {"result": NaN}}',
        b'{"task_name": "noop", "task_data": {"result": -Infinity}}',
        b'{"task_name": "noop", "task_data": {"result": 1' + b"0" * 5000 + b"}}",
        b'{"task_name": "noop", "task_data": {"a": ' + b"[" * 900 + b"]" * 900 + b"}}",
        b'{"task_name": ' + LONE_SURROGATE.encode() + b"}",
        b'{"task_name": "noop", "workspace": ' + LONE_SURROGATE.encode() + b"}",
        b'{"task_name": "noop", "task_data": {"result": ' + LONE_SURROGATE.encode() + b"}}",
    ],
)  # fmt: skip
def test_malformed_bodies_are_refused(api: Any, body: bytes) -> None:
    problem(api.post("/work-request/", body), 400)
    assert not WorkRequest.objects.exists()


def test_whole_characters_beyond_the_first_plane_are_fine(api: Any) -> None:
    # JSON writes them as two surrogates
    body = b'{"task_name": "\\ud83d\\ude00"}'
    assert "\N{GRINNING FACE}" in problem(api.post("/work-request/", body), 400)["detail"]


def test_nothing_that_cannot_be_written_as_text_gets_into_artifacts(api: Any) -> None:
    text = json.dumps({"category": "debusine:test", "files": {"X": ANYTHING}})
    problem(api.post("/artifact/", text.replace('"X"', LONE_SURROGATE).encode()), 400)
    assert not Artifact.objects.exists()


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"task_name": "nope"}, "task_name"),
        ({"task_name": "noop", "task_data": {"x": 1}}, "x"),
        ({"task_name": "noop", "x": 1}, "x"),
        ({"task_name": "mmdebstrap"}, "bootstrap_options"),
        (
            {"task_name": "sbuild",
             "task_data": {"input": {"source_artifact": 1, "x": 2}, "build_architecture": "amd64",
                           "environment": "debian/match:codename=trixie"}},
            "input.x",
        ),
        (
            {"task_name": "sbuild",
             "task_data": {"input": {"source_artifact": 1}, "build_architecture": "a b",
                           "environment": "debian/match:codename=trixie"}},
            "build_architecture",
        ),
    ],
)  # fmt: skip
def test_each_wrong_field_is_named(api: Any, body: dict[str, Any], field: str) -> None:
    document = problem(api.post("/work-request/", body), 400)
    assert field in document["validation_errors"]
    # people read the detail: pydantic's own text names classes and a web site
    assert "pydantic" not in document.get("detail", "")
    assert not WorkRequest.objects.exists()


@pytest.mark.parametrize(
    "path",
    [
        f"/work-request/{HUGE}/", f"/artifact/{HUGE}/", f"/artifact-relation/?artifact={HUGE}",
        f"/work-request/{HUGE}/log/", "/artifact/%00/1/", "/nothing/", "/%00", "/%ff/", "/../..",
    ],
)  # fmt: skip
def test_what_cannot_exist_is_not_found(api: Any, path: str) -> None:
    problem(api.get(path), 404)


@pytest.mark.parametrize(
    "query", ["ids=x", f"ids={'9' * 5000}", f"ids={HUGE}", "cursor=x", "status=x", "root_only=x"]
)
def test_wrong_parameters_are_refused(api: Any, query: str) -> None:
    problem(api.get(f"/work-request/?{query}"), 400)


def test_reports_for_requests_that_cannot_exist(api: Any) -> None:
    problem(api.put(f"/work-request/{HUGE}/completed/", {"result": "success"}), 404)


def test_names_of_workers_are_only_letters_digits_and_dashes(anonymous: Any) -> None:
    hostile = "../../<b>\u001b[31m\n\u202e'\""
    assert anonymous.post("/worker/register/", {"token": "k", "fqdn": hostile}).status_code == 201
    assert Worker.objects.get().name.replace("-", "").isalnum()


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_other_methods_are_refused(api: Any, method: str) -> None:
    answer = getattr(api, method)("/whoami/")
    assert "not allowed" in problem(answer, 405)["detail"]
    assert answer["Allow"] == "GET"


class FullDatabase:
    """Fails every statement that writes, as SQLite does on a full disk."""

    def __init__(self, message: str) -> None:
        self.message = message

    def __call__(self, execute: Any, sql: str, *arguments: Any) -> Any:
        if sql.startswith("SELECT"):
            return execute(sql, *arguments)
        raise OperationalError(self.message)


@pytest.mark.parametrize(
    ("message", "status", "words"),
    [
        ("database or disk is full", 507, "no space left"),
        ("database is locked", 503, "does not answer"),
    ],
)
def test_an_agent_is_told_to_come_again_when_the_database_fails(
    transactional_db: None, api: Any, worker: Any, message: str, status: int, words: str
) -> None:
    running = factories.make_running(worker=worker.worker)
    path = f"/work-request/{running.work_request.pk}/completed/"
    agent = type(api)(running.key)
    with connection.execute_wrapper(FullDatabase(message)):
        assert words in problem(agent.put(path, {"result": "success"}), status)["title"]
        assert words in problem(api.post("/work-request/", {"task_name": "noop"}), status)["title"]
        assert api.get(f"/work-request/{running.work_request.pk}/").status_code == 200
    assert agent.put(path, {"result": "success"}).status_code == 200


@pytest.mark.parametrize("change", ["wrong", "disabled", "expired", "worker", "inactive"])
def test_keys_that_open_nothing(api: Any, token: Any, worker: Any, change: str) -> None:
    key = {"wrong": "nobody", "worker": worker.key}.get(change, token.key)
    if change == "disabled":
        Token.objects.update(enabled=False)
    if change == "expired":
        Token.objects.update(expire_at=datetime(2020, 1, 1, tzinfo=UTC))
    if change == "inactive":
        User.objects.update(is_active=False)
    answer = type(api)(key).post("/work-request/", {"task_name": "noop"})
    if change == "inactive":
        # nothing but the key is wrong: clients say that the token is refused
        assert (answer.status_code, answer["Content-Type"].partition(";")[0]) == (403, "text/plain")
    else:
        document = problem(answer, 403)
        assert document["title"] == "this needs the token of a user"
        assert ("unknown, disabled or expired" in document["detail"]) == (change != "worker")
    assert not WorkRequest.objects.exists()
