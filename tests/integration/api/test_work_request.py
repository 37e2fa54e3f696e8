# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest
from django.conf import settings
from django.utils import timezone

from debusine.db.models import (
    Artifact,
    File,
    FileInArtifact,
    User,
    Worker,
    WorkRequest,
    Workspace,
)
from debusine.domain.result import WorkRequestResults
from debusine.domain.work_request import WorkRequestStatus
from debusine.testing import factories

PROBLEM = "application/problem+json"


def create(api: Any, **fields: Any) -> dict[str, Any]:
    answer = api.post("/work-request/", {"task_name": "noop", **fields})
    assert answer.status_code == 200, answer.content
    record: dict[str, Any] = answer.json()
    return record


def test_reason_for_waiting_is_what_connected_workers_lack(api: Any, worker: Any) -> None:
    pk = api.post("/work-request/", {"task_name": "noop"}).json()["id"]
    assert api.get(f"/work-request/{pk}/waiting/").json()["reason"] is None
    Worker.objects.update(provided_tags=["worker:type:external"])
    answer = api.get(f"/work-request/{pk}/waiting/").json()
    assert answer["reason"] == (
        "no worker that is connected runs version 1 of the task noop "
        "(worker:task:worker:noop:version:1)"
    )
    Worker.objects.update(connected_at=None)
    answer = api.get(f"/work-request/{pk}/waiting/").json()
    assert answer["reason"] == "no worker is connected"
    api.post(f"/work-request/{pk}/abort/")
    assert api.get(f"/work-request/{pk}/waiting/").json()["reason"] is None


def test_created_request_is_pending_and_complete(api: Any, user: User) -> None:
    record = create(api, task_data={"result": "failure"})
    pk = record["id"]
    path = f"/debusine/System/work-request/{pk}/"
    created_at = record.pop("created_at")
    assert created_at.endswith("Z")
    assert record == {
        "links": {
            "self": f"/api/1.0/work-request/{pk}/",
            "webui_self": path,
            "webui_created_by": f"/-/user/{user.pk}/",
        },
        "id": pk,
        "url": path,
        "parent": None,
        "workflow_root": None,
        "created_by": user.pk,
        "completed_by": None,
        "aborted_by": None,
        "started_at": None,
        "completed_at": None,
        "duration": None,
        "status": "pending",
        "result": "",
        "worker": None,
        "task_type": "Worker",
        "task_name": "noop",
        "task_data": {"result": "failure"},
        "dynamic_task_data": None,
        "priority_base": 0,
        "priority_adjustment": 0,
        "workflow_data": {},
        "event_reactions": {},
        "artifacts": [],
        "scope": "debusine",
        "workspace": "System",
        "scheduler_tags_provided": ["task:scope:debusine", "task:workspace:debusine:System"],
        "scheduler_tags_required": ["worker:task:worker:noop:version:1", "worker:type:external"],
    }
    assert api.get(f"/work-request/{pk}/").json() == {**record, "created_at": created_at}


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, {"task_name"}),
        ({"task_name": "noop", "colour": "red"}, {"colour"}),
        ({"task_name": "no-such-task"}, {"task_name"}),
        ({"task_name": "noop", "task_data": {"result": "perhaps"}}, {"result"}),
        ({"task_name": "noop", "task_data": {"colour": "red"}}, {"colour"}),
        ({"task_name": "noop", "task_data": []}, {"task_data"}),
        ({"task_name": "noop", "event_reactions": {"on_success": [{"action": "explode"}]}},
         {"event_reactions"}),
        ({"task_name": "noop", "event_reactions": {"on_monday": []}}, {"event_reactions"}),
    ],
)  # fmt: skip
def test_mistake_is_answered_with_its_field(
    api: Any, body: dict[str, Any], fields: set[str]
) -> None:
    answer = api.post("/work-request/", body)
    assert (answer.status_code, answer["Content-Type"]) == (400, PROBLEM)
    problem = answer.json()
    assert problem["title"] == "Cannot create work request"
    assert set(problem["validation_errors"]) == fields
    assert set(problem) <= {"title", "detail", "validation_errors"}
    assert not WorkRequest.objects.exists()


def test_unknown_task_is_answered_with_the_names_there_are(api: Any) -> None:
    problem = api.post("/work-request/", {"task_name": "no-such-task"}).json()
    assert "noop" in problem["detail"]


@pytest.mark.parametrize("body", ["[1]", '"text"', "{", "null"])
def test_body_that_is_no_object_is_refused(api: Any, body: str) -> None:
    answer = api.post("/work-request/", body)
    assert (answer.status_code, answer["Content-Type"]) == (400, PROBLEM)


def test_unknown_workspace_is_not_found(api: Any) -> None:
    answer = api.post("/work-request/", {"task_name": "noop", "workspace": "Nowhere"})
    assert (answer.status_code, answer.json()["title"]) == (404, "Workspace not found")


def test_nobody_and_workers_neither_read_nor_create(
    api: Any, anonymous: Any, worker_api: Any
) -> None:
    pk = create(api)["id"]
    for caller in (anonymous, worker_api):
        assert caller.get("/work-request/").status_code == 403
        assert caller.get(f"/work-request/{pk}/").status_code == 403
        assert caller.post("/work-request/", {"task_name": "noop"}).status_code == 403
        assert caller.post(f"/work-request/{pk}/abort/").status_code == 403


def test_running_task_sees_its_own_request_only(api: Any, user: User) -> None:
    create(api)
    running = factories.make_running(created_by=user)
    task = type(api)(running.key)
    assert task.get(f"/work-request/{running.work_request.pk}/").status_code == 200
    listed = task.get("/work-request/").json()["results"]
    assert [one["id"] for one in listed] == [running.work_request.pk]
    assert task.post("/work-request/", {"task_name": "noop"}).status_code == 403
    assert task.post(f"/work-request/{running.work_request.pk}/abort/").status_code == 403


def test_listing_is_cut_into_pages_newest_first(api: Any) -> None:
    made = [create(api)["id"] for _ in range(23)]
    url: str | None = "/work-request/"
    pages = []
    answer: dict[str, Any] = {}
    while url is not None:
        answer = api.get(url.removeprefix("http://testserver/api/1.0")).json()
        assert "count" not in answer
        pages.append([one["id"] for one in answer["results"]])
        url = answer["next"]
    assert [len(page) for page in pages] == [10, 10, 3]
    assert [pk for page in pages for pk in page] == made[::-1]
    back = api.get(answer["previous"].removeprefix("http://testserver/api/1.0")).json()
    assert [one["id"] for one in back["results"]] == pages[1]


def test_listing_is_filtered(api: Any, user: User) -> None:
    first, second = create(api)["id"], create(api)["id"]
    done = factories.make_work_request(created_by=user, status=WorkRequestStatus.COMPLETED).pk

    def found(query: str) -> list[int]:
        return [one["id"] for one in api.get(f"/work-request/?{query}").json()["results"]]

    assert found(f"ids={first},{done}") == [done, first]
    assert found("status=pending") == [second, first]
    assert found("task_type=Signing") == []
    assert found("root_only=true") == [done, second, first]


@pytest.mark.parametrize(
    "query", ["ids=1,x", "ids=", "status=lazy", "cursor=zz", "ids=99999999999999999999"]
)
def test_bad_filter_is_refused(api: Any, query: str) -> None:
    assert api.get(f"/work-request/?{query}").status_code == 400


def test_listing_filters_are_refused_on_one_request(api: Any) -> None:
    assert api.get(f"/work-request/{create(api)['id']}/?status=pending").status_code == 400


@pytest.mark.parametrize("pk", [0, 999, 2**63, 10**30])
def test_unknown_request_is_not_found(api: Any, pk: int) -> None:
    assert api.get(f"/work-request/{pk}/").status_code == 404


def test_priority_decides_the_place_in_the_queue(api: Any) -> None:
    first, second = create(api)["id"], create(api)["id"]
    answer = api.patch(f"/work-request/{second}/", {"priority_adjustment": 5})
    assert answer.json()["priority_adjustment"] == 5
    orders = dict(WorkRequest.objects.values_list("pk", "order"))
    assert orders[second] < orders[first]


def test_priority_update_refuses_other_keys(api: Any) -> None:
    pk = create(api)["id"]
    body = {"priority_adjustment": 1, "status": "completed"}
    assert api.patch(f"/work-request/{pk}/", body).status_code == 400


@pytest.mark.parametrize("adjustment", [2**31, -(2**31) - 1, 10**30])
def test_priority_update_refuses_what_no_database_can_hold(api: Any, adjustment: int) -> None:
    pk = create(api)["id"]
    answer = api.patch(f"/work-request/{pk}/", {"priority_adjustment": adjustment})
    assert (answer.status_code, answer.json()["title"]) == (400, "Cannot update work request")
    assert set(answer.json()["validation_errors"]) == {"priority_adjustment"}
    assert api.get(f"/work-request/{pk}/").json()["priority_adjustment"] == 0


def test_abort_ends_a_request_once(api: Any, user: User) -> None:
    pk = create(api)["id"]
    record = api.post(f"/work-request/{pk}/abort/").json()
    assert (record["status"], record["aborted_by"], record["worker"]) == ("aborted", user.pk, None)
    again = api.post(f"/work-request/{pk}/abort/")
    assert (again.status_code, again.json()["title"]) == (400, "Cannot abort work request")


def test_retry_makes_a_request_that_supersedes(api: Any, user: User) -> None:
    old = factories.make_work_request(
        created_by=user,
        status=WorkRequestStatus.COMPLETED,
        result=WorkRequestResults.FAILURE.value,
        task_data={"result": "failure"},
    )
    record = api.post(f"/work-request/{old.pk}/retry/").json()
    assert (record["status"], record["task_data"]) == ("pending", {"result": "failure"})
    assert WorkRequest.objects.get(pk=record["id"]).supersedes == old
    again = api.post(f"/work-request/{old.pk}/retry/")
    assert (again.status_code, again.json()["title"]) == (400, "Cannot retry work request")


def test_success_cannot_be_retried(api: Any, user: User) -> None:
    done = factories.make_work_request(
        created_by=user, status=WorkRequestStatus.COMPLETED, result="success"
    )
    assert api.post(f"/work-request/{done.pk}/retry/").status_code == 400


def test_requests_of_other_scopes_are_not_found(api: Any, user: User) -> None:
    elsewhere = factories.make_workspace("W", scope=factories.make_scope("other"))
    pk = factories.make_work_request(workspace=elsewhere, created_by=user).pk
    assert api.get(f"/work-request/{pk}/").status_code == 404
    assert api.get(f"/work-request/{pk}/", **{"X-Debusine-Scope": "other"}).status_code == 200


def test_number_of_queries(api: Any, django_assert_num_queries: Any) -> None:
    pk = create(api)["id"]
    api.get("/whoami/")
    with django_assert_num_queries(4):  # token, scope, request, artifacts
        api.get(f"/work-request/{pk}/")
    with django_assert_num_queries(4):
        api.get("/work-request/")


def test_scope_without_header_is_the_default(api: Any) -> None:
    assert create(api)["scope"] == settings.DEBUSINE.default_scope


def test_artifacts_that_never_became_complete_are_not_shown(api: Any, workspace: Workspace) -> None:
    request = factories.make_work_request(workspace=workspace)
    whole, part = (
        Artifact.objects.create(
            workspace=workspace,
            category="debusine:test",
            created_by_work_request=request,
            created_at=timezone.now(),
        )
        for _ in range(2)
    )
    file = File.objects.create(sha256="0" * 64, size=1, created_at=timezone.now())
    for artifact, is_complete in ((whole, True), (part, False)):
        FileInArtifact.objects.create(artifact=artifact, path="a", file=file, complete=is_complete)
    assert api.get(f"/work-request/{request.pk}/").json()["artifacts"] == [whole.pk]
    [shown] = api.get("/work-request/").json()["results"]
    assert shown["artifacts"] == [whole.pk]
