# SPDX-License-Identifier: GPL-3.0-or-later
"""Why a request waits, as the API and the page say it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from tests.integration.conftest import ApiClient

from debusine.db.models import Worker, WorkRequest
from debusine.domain.work_request import WorkRequestStatus
from debusine.server.scheduler import intern_signature
from debusine.server.views import waiting as module
from debusine.server.worker_tags import TAG_FIELDS, retag
from debusine.testing import factories

GET_NEXT = "/work-request/get-next-for-worker/"


def create(api: ApiClient) -> int:
    return int(api.post("/work-request/", {"task_name": "noop"}).json()["id"])


def waiting(api: ApiClient, pk: int) -> dict[str, Any]:
    answer = api.get(f"/work-request/{pk}/waiting/")
    assert answer.status_code == 200
    found: dict[str, Any] = answer.json()
    return found


def codes(api: ApiClient, pk: int) -> list[str]:
    return [cause["code"] for cause in waiting(api, pk)["causes"]]


def texts(api: ApiClient, pk: int) -> str:
    return "\n".join(cause["text"] for cause in waiting(api, pk)["causes"])


def test_an_idle_worker_is_about_to_take_it(api: ApiClient, worker: Any) -> None:
    found = waiting(api, create(api))
    assert found["status"] == "pending"
    assert (found["reason"], found["warning"], found["ahead"]) == (None, None, 0)
    assert [cause["code"] for cause in found["causes"]] == ["soon"]


def test_all_that_fit_are_busy(api: ApiClient, worker: Any, worker_api: ApiClient) -> None:
    create(api)
    assert worker_api.post(GET_NEXT).status_code == 200
    create(api)
    last = create(api)
    assert codes(api, last) == ["busy", "queue"]
    assert "1 request is before it" in texts(api, last)
    # what comes later is not before it
    create(api)
    assert waiting(api, last)["ahead"] == 1


def test_requests_of_other_tags_count_if_the_workers_could_run_them(
    api: ApiClient, worker: Any
) -> None:
    create(api)
    WorkRequest.objects.update(signature=intern_signature(["worker:type:external"], []))
    assert waiting(api, create(api))["ahead"] == 1
    WorkRequest.objects.filter(pk=WorkRequest.objects.earliest("pk").pk).update(
        signature=intern_signature(["worker:cap:unknown"], [])
    )
    assert waiting(api, WorkRequest.objects.latest("pk").pk)["ahead"] == 0


def test_counting_is_bounded(api: ApiClient, worker: Any) -> None:
    first = create(api)
    columns = WorkRequest.objects.values().get(pk=first)
    del columns["id"]
    WorkRequest.objects.bulk_create(
        WorkRequest(**columns | {"order": columns["order"] - 1 - number}) for number in range(1005)
    )
    assert waiting(api, first)["ahead"] == module.AHEAD_LIMIT
    assert "more than 1000 requests are before it" in texts(api, first)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"drained_at": datetime(2026, 1, 1, tzinfo=UTC), "drain_reason": "new disk"}, "new disk"),
        ({"connected_at": None}, "is disconnected"),
        ({"version": "0.9.1"}, "the worker is version 0.9.1"),
    ],
)
def test_the_worker_that_fits_is_not_there(
    api: ApiClient, worker: Any, change: dict[str, Any], text: str
) -> None:
    pk = create(api)
    Worker.objects.update(**change)
    assert codes(api, pk) == ["worker-not-there"]
    assert text in texts(api, pk)


def test_a_disabled_worker_is_named(api: ApiClient, worker: Any) -> None:
    pk = create(api)
    api.post(f"/worker/{worker.worker.name}/disable/")
    assert texts(api, pk) == f"{worker.worker.name} fits, but is disabled"


def test_a_request_of_another_version_of_its_task_is_given_to_nobody(api: ApiClient) -> None:
    tags = ("worker:task:worker:noop:version:2", "worker:type:external")
    old = factories.make_worker("newer", tags=tags)
    pk = create(api)
    assert ApiClient(old.key).post(GET_NEXT).status_code == 204
    assert "no worker runs version 1 of the task noop" in texts(api, pk)


def test_what_nobody_ever_offered_is_said(api: ApiClient) -> None:
    factories.make_worker(tags=("worker:type:external",))
    found = waiting(api, create(api))
    assert [cause["code"] for cause in found["causes"]] == ["never-offered", "tags"]
    assert found["warning"].startswith("no worker has ever offered all that it asks for: no worker")


def test_what_a_worker_offered_once_is_remembered(api: ApiClient, worker: Any) -> None:
    row = worker.worker
    for metadata in ({"provided_tags": list(factories.NOOP_TAGS)}, {"provided_tags": []}):
        row.dynamic_metadata = metadata
        retag(row)
        row.save(update_fields=[*TAG_FIELDS, "dynamic_metadata"])
    found = waiting(api, create(api))
    assert [cause["code"] for cause in found["causes"]] == ["tags"]
    assert found["warning"] is None


def test_a_worker_that_offers_too_little(api: ApiClient, worker: Any) -> None:
    pk = create(api)
    Worker.objects.update(memory_mib=512)
    request = WorkRequest.objects.select_related("signature").get(pk=pk)
    assert request.signature is not None
    request.signature.memory_mib = 4096
    request.signature.save()
    assert codes(api, pk) == ["resources"]


def test_dependencies_that_have_not_ended(api: ApiClient, user: Any) -> None:
    done = factories.make_work_request(status=WorkRequestStatus.COMPLETED)
    hidden = factories.make_work_request(workspace=factories.make_workspace("hidden"))
    open_ones = [factories.make_work_request() for _ in range(7)]
    blocked = factories.make_work_request(status=WorkRequestStatus.BLOCKED)
    blocked.dependencies.add(done, hidden, *open_ones)
    assert codes(api, blocked.pk) == ["dependency"] * 6
    shown = texts(api, blocked.pk)
    assert f"work request {hidden.pk} (noop), which is pending" in shown
    assert f"work request {done.pk} " not in shown
    assert shown.endswith("3 others have to end first")


def test_dependencies_that_the_caller_may_not_see_are_only_counted(db: None) -> None:
    public = factories.make_workspace("public", public=True)
    hidden = factories.make_work_request(workspace=factories.make_workspace("hidden"))
    blocked = factories.make_work_request(workspace=public, status=WorkRequestStatus.BLOCKED)
    blocked.dependencies.add(hidden)
    stranger = ApiClient(factories.make_token().key)
    assert texts(stranger, blocked.pk) == "one other has to end first"


def test_delays(api: ApiClient, user: Any) -> None:
    until = datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)
    running = factories.make_running()
    running.attempt.reason = "the mirror did not answer\nmore"
    running.attempt.save()
    pk = running.work_request.pk
    WorkRequest.objects.filter(pk=pk).update(status="pending", delayed_until=until)
    assert texts(api, pk) == (
        "it is not tried before 2030-01-02 03:04:05 UTC,"
        " as attempt 1 ended: the mirror did not answer"
    )


def test_of_what_does_not_wait_that_is_said(
    api: ApiClient, worker: Any, worker_api: ApiClient
) -> None:
    pk = create(api)
    record = worker_api.post(GET_NEXT).json()
    assert f"it runs on {worker.worker.name} since" in texts(api, pk)
    ApiClient(record["token"]).put(f"/work-request/{pk}/completed/", {"result": "failure"})
    assert texts(api, pk).startswith("it is completed with failure, since")
    assert codes(api, pk) == ["ended"]


def test_not_for_those_who_may_not_see_the_request(api: ApiClient, worker: Any) -> None:
    pk = create(api)
    stranger = ApiClient(factories.make_token().key)
    assert stranger.get(f"/work-request/{pk}/waiting/").status_code == 404


def test_as_many_queries_for_much(api: ApiClient) -> None:
    counts = []
    for number in (1, 12):
        for _ in range(number):
            made = factories.make_worker(cpu_count=number)
            factories.make_running(worker=made.worker)
            create(api)
        last = WorkRequest.objects.filter(status="pending").latest("pk").pk
        waiting(api, last)
        with CaptureQueriesContext(connection) as captured:
            waiting(api, last)
        counts.append(len(captured))
    assert counts[0] == counts[1]


def test_the_page_says_the_same(api: ApiClient, client: Any, worker: Any) -> None:
    pk = create(api)
    Worker.objects.update(drained_at=datetime(2026, 1, 1, tzinfo=UTC), drain_reason="new <disk>")
    client.force_login(factories.make_user(superuser=True))
    page = client.get(f"/debusine/System/work-request/{pk}/").content.decode()
    assert f"{worker.worker.name} fits, but is drained: new &lt;disk&gt;" in page
