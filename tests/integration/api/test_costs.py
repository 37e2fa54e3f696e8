# SPDX-License-Identifier: GPL-3.0-or-later
"""Statements that the life of a request takes: few, and no more when much is waiting."""

from __future__ import annotations

from typing import Any

import pytest

GET_NEXT = "/work-request/get-next-for-worker/"


def create(api: Any) -> int:
    pk: int = api.post("/work-request/", {"task_name": "noop"}).json()["id"]
    return pk


def assign(worker_api: Any) -> dict[str, Any]:
    record: dict[str, Any] = worker_api.post(GET_NEXT).json()
    return record


def finish(api: Any, record: dict[str, Any]) -> None:
    report = {"result": "success", "output_data": {"runtime_statistics": {"duration": 1}}}
    path = f"/work-request/{record['id']}/completed/"
    assert type(api)(record["token"]).put(path, report).status_code == 200


@pytest.fixture
def used(api: Any, worker_api: Any, django_capture_on_commit_callbacks: Any) -> None:
    """What only the first request asks is over."""
    with django_capture_on_commit_callbacks(execute=True):
        create(api)
        finish(api, assign(worker_api))


@pytest.fixture(params=[0, 30])
def waiting(used: None, api: Any, request: Any) -> int:
    """Requests that wait, each made by the API."""
    for _ in range(request.param):
        create(api)
    count: int = request.param
    return count


def test_creation(
    api: Any,
    worker: Any,
    waiting: int,
    django_assert_num_queries: Any,
    django_capture_on_commit_callbacks: Any,
) -> None:
    # token, scope, workspace; begin, configuration, earlier runs, required tags, signature, shares
    # of users and of workspaces, request, commit; a charge to each; kinds of workers, signatures,
    # idle ones
    with django_assert_num_queries(17), django_capture_on_commit_callbacks(execute=True):
        create(api)


def test_assignment(
    api: Any, worker_api: Any, waiting: int, django_assert_num_queries: Any
) -> None:
    pk = create(api)
    # token with worker, scope, own attempts, signatures, head, request; begin, worker, own
    # attempts again, take, attempt, token, commit
    with django_assert_num_queries(13):
        record = worker_api.post(GET_NEXT).json()
    assert waiting or record["id"] == pk


def test_nothing_to_do(used: None, worker_api: Any, django_assert_num_queries: Any) -> None:
    # token with worker, scope, own attempts, signatures, head
    with django_assert_num_queries(5):
        assert worker_api.post(GET_NEXT).status_code == 204


def test_report(api: Any, worker_api: Any, waiting: int, django_assert_num_queries: Any) -> None:
    create(api)
    record = assign(worker_api)
    # token with attempt and request, scope; begin, artifacts, attempt, token, what it took and
    # the oldest of that, request, whether there is a history, event, dependants, commit
    with django_assert_num_queries(13):
        finish(api, record)
