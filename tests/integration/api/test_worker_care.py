# SPDX-License-Identifier: GPL-3.0-or-later
"""Administrators drain, enable and disable workers; workers give back what they hold."""

from __future__ import annotations

from typing import Any

import pytest
from tests.integration.conftest import ApiClient

from debusine.db.models import Attempt, Token, Worker, WorkRequest
from debusine.testing import factories

GET_NEXT = "/work-request/get-next-for-worker/"


def create(api: ApiClient) -> int:
    return int(api.post("/work-request/", {"task_name": "noop"}).json()["id"])


def states(api: ApiClient) -> dict[str, str]:
    return {one["name"]: one["state"] for one in api.get("/worker/").json()}


@pytest.mark.parametrize("path", ["drain/", "enable/", "disable/"])
def test_only_administrators_lead_workers(worker: Any, worker_api: Any, path: str) -> None:
    stranger = ApiClient(factories.make_token().key)
    running = ApiClient(
        factories.make_running(created_by=factories.make_user("root2", superuser=True)).key
    )
    for caller in (stranger, worker_api, running, ApiClient()):
        assert caller.get("/worker/").status_code == 403
        for name in (worker.worker.name, "no-such"):
            assert caller.post(f"/worker/{name}/{path}").status_code == 403
    worker.worker.refresh_from_db()
    assert worker.worker.drained_at is None
    assert Token.objects.get(worker=worker.worker).enabled


@pytest.mark.parametrize("path", ["drain/", "enable/", "disable/"])
def test_a_worker_that_is_not_there(api: ApiClient, path: str) -> None:
    assert api.post(f"/worker/no-such/{path}").status_code == 404


def test_a_drained_worker_gets_nothing_new_and_finishes(
    api: ApiClient, worker: Any, worker_api: ApiClient
) -> None:
    create(api)
    record = worker_api.post(GET_NEXT).json()
    answer = api.post(f"/worker/{worker.worker.name}/drain/", {"reason": "new disk"}).json()
    assert (answer["state"], answer["drain_reason"]) == ("drained", "new disk")
    assert answer["running"] == [record["id"]]
    assert answer["drained_at"] is not None
    path = f"/work-request/{record['id']}/completed/"
    assert ApiClient(record["token"]).put(path, {"result": "success"}).status_code == 200
    create(api)
    assert worker_api.post(GET_NEXT).status_code == 204
    assert api.post(f"/worker/{worker.worker.name}/enable/").json()["state"] == "idle"
    assert worker_api.post(GET_NEXT).status_code == 200


def test_a_disabled_worker_hands_back_at_once(
    api: ApiClient, worker: Any, worker_api: ApiClient
) -> None:
    pk = create(api)
    key = worker_api.post(GET_NEXT).json()["token"]
    answer = api.post(f"/worker/{worker.worker.name}/disable/").json()
    assert (answer["state"], answer["running"]) == ("disabled", [])
    request = WorkRequest.objects.get(pk=pk)
    assert (request.status, request.worker, request.retry_count) == ("pending", None, 0)
    assert worker_api.post(GET_NEXT).status_code == 403
    late = ApiClient(key).put(f"/work-request/{pk}/completed/", {"result": "success"})
    assert late.status_code == 403
    other = ApiClient(factories.make_worker().key)
    assert other.post(GET_NEXT).json()["id"] == pk
    first, second = Attempt.objects.order_by("number")
    assert (first.number, first.outcome) == (1, "lost")
    assert first.reason.startswith("the worker was disabled\nlate report")
    assert (second.number, second.outcome) == (2, "")
    assert api.post(f"/worker/{worker.worker.name}/enable/").json()["state"] == "idle"


def test_a_new_worker_is_enabled(api: ApiClient) -> None:
    made = factories.make_worker(enabled=False)
    assert states(api)[made.worker.name] == "disabled"
    api.post(f"/worker/{made.worker.name}/enable/")
    assert ApiClient(made.key).post(GET_NEXT).status_code == 204


def test_a_worker_that_has_not_registered_cannot_be_enabled(api: ApiClient) -> None:
    factories.make_activation("later")
    answer = api.post("/worker/later/enable/")
    assert answer.status_code == 400
    assert answer.json()["detail"].startswith("It has not registered yet.")


def test_all_states_in_the_list(api: ApiClient) -> None:
    factories.make_worker("gone", connected=False)
    factories.make_worker("off", enabled=False)
    factories.make_worker("free")
    factories.make_worker("old", version="0.9.1")
    factories.make_running(worker=factories.make_worker("full").worker)
    assert states(api) == {
        "free": "idle", "full": "busy", "gone": "disconnected", "off": "disabled", "old": "idle",
    }  # fmt: skip
    (old,) = [one for one in api.get("/worker/").json() if one["name"] == "old"]
    assert old["version"] == "0.9.1"
    assert old["problem"].startswith("the worker is version 0.9.1 and the server ")


def test_the_list_takes_as_many_queries_for_many(
    api: ApiClient, django_assert_max_num_queries: Any
) -> None:
    for _ in range(20):
        factories.make_running(worker=factories.make_worker().worker)
    api.get("/worker/")
    with django_assert_max_num_queries(4):
        api.get("/worker/")


def test_an_agent_of_a_distant_version_gets_nothing(api: ApiClient) -> None:
    create(api)
    made = factories.make_worker(version="0.9.1")
    assert ApiClient(made.key).post(GET_NEXT).status_code == 204
    Worker.objects.update(version="")
    assert ApiClient(made.key).post(GET_NEXT).status_code == 200


def test_what_is_handed_back_waits_again_and_is_not_counted(
    api: ApiClient, worker_api: ApiClient
) -> None:
    pk = create(api)
    for number in range(1, 12):
        record = worker_api.post(GET_NEXT).json()
        assert record["id"] == pk
        task = ApiClient(record["token"])
        path = f"/work-request/{pk}/handed-back/"
        assert task.put(path, {}).status_code == 200
        # the token is gone with the attempt
        assert task.put(path, {}).status_code == 403
        assert Attempt.objects.filter(work_request=pk).count() == number
    request = WorkRequest.objects.get(pk=pk)
    assert (request.status, request.retry_count) == ("pending", 0)
    assert {one.reason for one in request.attempts.all()} == {"the worker was stopped"}


def test_only_the_attempt_itself_gives_back(api: ApiClient, worker_api: ApiClient) -> None:
    mine = factories.make_running()
    other = factories.make_running()
    path = f"/work-request/{mine.work_request.pk}/handed-back/"
    assert ApiClient(other.key).put(path, {}).status_code == 404
    for caller in (api, worker_api, ApiClient()):
        assert caller.put(path, {}).status_code == 403
    mine.attempt.refresh_from_db()
    assert mine.attempt.ended_at is None
