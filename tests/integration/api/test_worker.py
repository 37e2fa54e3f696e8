# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest

from debusine.db.models import Attempt, Token, Worker, WorkRequest
from debusine.server.actions.requeue_work_request import requeue_work_request
from debusine.server.actions.update_worker_metadata import update_worker_metadata
from debusine.server.actor import SYSTEM, Actor
from debusine.server.jobs import reintern
from debusine.testing import factories
from debusine.testing.factories import NOOP_TAGS, WorkerWithKey
from debusine.util.clock import SystemClock

GET_NEXT = "/work-request/get-next-for-worker/"
KEY = "ab" * 32


def create(api: Any, **data: Any) -> int:
    answer = api.post("/work-request/", {"task_name": "noop", "task_data": data})
    assert answer.status_code == 200, answer.content
    pk: int = answer.json()["id"]
    return pk


def report(api: Any, pk: int, key: str, result: str = "success", **output: Any) -> Any:
    body = {"result": result, **({"output_data": output} if output else {})}
    return type(api)(key).put(f"/work-request/{pk}/completed/", body)


def state(pk: int) -> tuple[str, str]:
    row = WorkRequest.objects.get(pk=pk)
    return row.status, row.result


# joining


def test_new_worker_waits_to_be_enabled(anonymous: Any) -> None:
    body = {"token": KEY, "fqdn": "build1.example.org"}
    answer = anonymous.post("/worker/register/", body)
    assert (answer.status_code, answer.content) == (201, b"")
    worker = Worker.objects.get()
    assert (worker.name, worker.token.enabled) == ("build1-example-org", False)
    assert anonymous.post("/worker/register/", body).status_code == 201
    assert Worker.objects.count() == 1
    assert type(anonymous)(KEY).post(GET_NEXT).status_code == 403


def test_equal_host_names_get_numbers(anonymous: Any) -> None:
    for number in range(3):
        anonymous.post("/worker/register/", {"token": f"{number}" * 64, "fqdn": "b.example.org"})
    names = list(Worker.objects.order_by("pk").values_list("name", flat=True))
    assert names == ["b-example-org", "b-example-org-2", "b-example-org-3"]


@pytest.mark.parametrize(
    "body",
    [{}, {"token": KEY}, {"token": "x" * 65, "fqdn": "a"}, {"token": KEY, "fqdn": "a" * 401},
     {"token": KEY, "fqdn": "a", "worker_type": "human"}],
)  # fmt: skip
def test_bad_registration_is_refused(anonymous: Any, body: dict[str, str]) -> None:
    assert anonymous.post("/worker/register/", body).status_code == 400


def test_activation_token_lets_a_worker_in_once(anonymous: Any) -> None:
    activation = factories.make_activation("prepared")
    client = type(anonymous)(activation.key)
    body = {"token": KEY, "fqdn": "build1.example.org"}
    assert client.post("/worker/register/", body).status_code == 201
    worker = Worker.objects.get()
    assert (worker.name, worker.token.enabled, worker.activation_token) == ("prepared", True, None)
    assert client.post("/worker/register/", {**body, "token": "c" * 64}).status_code == 400


def test_other_tokens_do_not_activate(api: Any, anonymous: Any) -> None:
    body = {"token": KEY, "fqdn": "build1.example.org"}
    assert api.post("/worker/register/", body).status_code == 400
    assert type(anonymous)("no-such-key").post("/worker/register/", body).status_code == 400


def test_metadata_decide_the_tags(worker: WorkerWithKey, worker_api: Any) -> None:
    metadata = {
        "system:cpu_count": 2,
        "provided_tags": ["worker:cap:sbuild", "worker:type:signing", "worker:class:fast"],
    }
    answer = worker_api.put("/worker/dynamic-metadata/", metadata)
    assert (answer.status_code, answer.content) == (204, b"")
    worker.worker.refresh_from_db()
    assert worker.worker.dynamic_metadata == metadata
    assert worker.worker.provided_tags == ["worker:cap:sbuild", "worker:type:external"]
    assert worker.worker.tag_sources == {
        "provided": {"system": ["worker:type:external"], "worker": ["worker:cap:sbuild"]},
        "required": {},
        "withheld": [],
        "dropped": [
            {"provenance": "worker", "tag": "worker:class:fast", "group": "namespaces"},
            {"provenance": "worker", "tag": "worker:type:signing", "group": "namespaces"},
        ],
        # what it had before it said this, too
        "ever": sorted({"worker:cap:sbuild", "worker:type:external", *NOOP_TAGS}),
    }


@pytest.mark.parametrize("body", ["[]", "{", '"x"'])
def test_metadata_that_are_no_object_are_refused(worker_api: Any, body: str) -> None:
    assert worker_api.put("/worker/dynamic-metadata/", body).status_code == 400


def test_only_workers_report_metadata_and_get_work(api: Any, anonymous: Any) -> None:
    for caller in (api, anonymous):
        assert caller.put("/worker/dynamic-metadata/", {}).status_code == 403
        assert caller.post(GET_NEXT).status_code == 403


# getting work


def test_nothing_to_do_is_an_empty_answer(worker_api: Any) -> None:
    answer = worker_api.post(GET_NEXT)
    assert (answer.status_code, answer.content) == (204, b"")


def test_worker_gets_a_request_with_a_token(
    api: Any, worker: WorkerWithKey, worker_api: Any
) -> None:
    pk = create(api)
    record = worker_api.post(GET_NEXT).json()
    assert (record["id"], record["status"], record["worker"]) == (pk, "running", worker.worker.pk)
    assert (record["scope"], record["workspace"]) == ("debusine", "System")
    assert (record["task_data"], record["dynamic_task_data"]) == ({}, {})
    task = type(api)(record["token"])
    assert task.get("/whoami/").json() == {
        "user": "alice", "auth": True, "work_request": pk, "worker": False,
    }  # fmt: skip
    attempt = Attempt.objects.get()
    assert (attempt.number, attempt.worker_id) == (1, worker.worker.pk)


def test_priority_then_age_decide(api: Any, worker_api: Any) -> None:
    first, second, third = (create(api) for _ in range(3))
    api.patch(f"/work-request/{third}/", {"priority_adjustment": 1})
    got = []
    for _ in range(3):
        record = worker_api.post(GET_NEXT).json()
        got.append(record["id"])
        report(api, record["id"], record["token"])
    assert got == [third, first, second]


def test_tags_decide_who_gets_what(api: Any) -> None:
    create(api)
    other = factories.make_worker(tags=("worker:type:external",))
    assert type(api)(other.key).post(GET_NEXT).status_code == 204


def test_worker_that_requires_tags_takes_only_such_requests(api: Any) -> None:
    create(api)
    picky = factories.make_worker(required_tags=("task:scope:debian",))
    assert type(api)(picky.key).post(GET_NEXT).status_code == 204
    fitting = factories.make_worker(required_tags=("task:scope:debusine",))
    # requirements count for requests that wait from when they are known
    fitting.worker.static_metadata = {"required_tags": ["task:scope:debusine"]}
    fitting.worker.required_tags = []
    fitting.worker.save()
    update_worker_metadata(
        Actor(worker=fitting.worker),
        metadata={"provided_tags": list(NOOP_TAGS)},
        now=SystemClock().now(),
    )
    # the job that was sent
    reintern.run()
    assert type(api)(fitting.key).post(GET_NEXT).status_code == 200


def test_denied_tasks_pass_a_worker_by(api: Any, worker: WorkerWithKey, worker_api: Any) -> None:
    create(api)
    worker.worker.static_metadata = {"tasks_denylist": ["noop"]}
    worker.worker.save()
    worker_api.put("/worker/dynamic-metadata/", {"provided_tags": list(NOOP_TAGS)})
    assert worker_api.post(GET_NEXT).status_code == 204


@pytest.fixture
def by_metadata(settings: Any) -> None:
    settings.DEBUSINE = settings.DEBUSINE.model_copy(update={"tag_based_scheduling": False})


@pytest.mark.usefixtures("by_metadata")
def test_refused_request_is_passed_over_until_the_worker_changes(
    api: Any, worker: WorkerWithKey, worker_api: Any
) -> None:
    old = {"system:worker_type": "external", "noop:version": 99}
    worker_api.put("/worker/dynamic-metadata/", old)
    pk = create(api)
    assert worker_api.post(GET_NEXT).status_code == 204
    refused = WorkRequest.objects.get(pk=pk).signature_id
    assert worker_api.post(GET_NEXT).status_code == 204
    assert WorkRequest.objects.get(pk=pk).signature_id == refused
    worker_api.put("/worker/dynamic-metadata/", {**old, "noop:version": 1})
    assert worker_api.post(GET_NEXT).json()["id"] == pk


def test_request_whose_data_became_invalid_ends_in_an_error(api: Any, worker_api: Any) -> None:
    pk = create(api)
    WorkRequest.objects.filter(pk=pk).update(task_data={"result": "perhaps"})
    after = create(api)
    assert worker_api.post(GET_NEXT).json()["id"] == after
    row = WorkRequest.objects.get(pk=pk)
    assert (row.status, row.result) == ("completed", "error")
    assert row.output_data["errors"][0]["code"] == "configure-failed"


# results


def test_report_ends_the_request(api: Any, worker_api: Any) -> None:
    pk = create(api)
    record = worker_api.post(GET_NEXT).json()
    statistics = {"duration": 3}
    answer = report(api, pk, record["token"], "failure", runtime_statistics=statistics)
    assert (answer.status_code, answer.content) == (200, b"")
    row = WorkRequest.objects.get(pk=pk)
    assert (row.status, row.result, row.blame) == ("completed", "failure", "subject")
    assert row.output_data == {"runtime_statistics": statistics}
    assert not Token.objects.filter(token_type="work-request").exists()
    assert Attempt.objects.get().statistics == statistics


def test_what_was_known_before_a_report_is_kept(api: Any, worker_api: Any) -> None:
    pk = create(api)
    record = worker_api.post(GET_NEXT).json()
    before = {"skip_reason": "none", "errors": [{"message": "old", "code": "x"}]}
    WorkRequest.objects.filter(pk=pk).update(output_data=before)
    report(api, pk, record["token"], "success", errors=[])
    assert WorkRequest.objects.get(pk=pk).output_data == {"skip_reason": "none", "errors": []}


@pytest.mark.parametrize(
    ("result", "codes", "blame"),
    [
        ("failure", [], "subject"),
        ("failure", ["build-failed"], "subject"),
        ("failure", ["network-failed"], "environment"),
        ("failure", ["of-another-program", "out-of-memory", "build-failed"], "environment"),
        ("failure", ["cleanup-failed"], "platform"),
        ("error", ["execute-failed"], "platform"),
        ("temporary failure", [], "environment"),
        ("success", ["build-failed"], None),
        ("skipped", [], None),
    ],
)
def test_the_workers_reasons_decide_who_is_to_blame(
    api: Any, worker_api: Any, settings: Any, result: str, codes: list[str], blame: str | None
) -> None:
    pk = create(api)
    key = worker_api.post(GET_NEXT).json()["token"]
    errors = [{"message": f"because of {code}", "code": code} for code in codes]
    no_retries = {"retries_network": 0, "retries_out_of_memory": 0}
    settings.DEBUSINE = settings.DEBUSINE.model_copy(update=no_retries)
    assert report(api, pk, key, result, errors=errors).status_code == 200
    assert WorkRequest.objects.get(pk=pk).blame == (blame or "")
    attempt = Attempt.objects.get()
    assert attempt.blame == (blame or "")
    reason = "\n".join(error["message"] for error in errors) if blame else ""
    assert attempt.reason == reason
    assert api.get(f"/work-request/{pk}/outcome/").json() == {"blame": blame, "errors": errors}


def test_the_outcome_of_what_has_not_ended_is_empty(api: Any, anonymous: Any) -> None:
    pk = create(api)
    assert api.get(f"/work-request/{pk}/outcome/").json() == {"blame": None, "errors": []}
    assert anonymous.get(f"/work-request/{pk}/outcome/").status_code == 403


def test_same_report_may_come_again(api: Any, worker_api: Any) -> None:
    pk = create(api)
    record = worker_api.post(GET_NEXT).json()
    for _ in range(3):
        answer = report(api, pk, record["token"])
        assert (answer.status_code, answer.content) == (200, b"")
    assert report(api, pk, record["token"], "failure").status_code == 403
    assert state(pk) == ("completed", "success")


@pytest.mark.parametrize(
    "body",
    [{}, {"result": ""}, {"result": "fine"}, {"result": "success", "mood": "good"},
     {"result": "success", "output_data": {"mood": "good"}}],
)  # fmt: skip
def test_bad_report_is_refused(api: Any, worker_api: Any, body: dict[str, Any]) -> None:
    pk = create(api)
    record = worker_api.post(GET_NEXT).json()
    answer = type(api)(record["token"]).put(f"/work-request/{pk}/completed/", body)
    assert answer.status_code == 400
    assert state(pk) == ("running", "")


def test_report_needs_the_token_of_that_request(api: Any, anonymous: Any, worker_api: Any) -> None:
    first, second = create(api), create(api)
    record = worker_api.post(GET_NEXT).json()
    body = {"result": "success"}
    assert report(api, second, record["token"]).status_code == 404
    for caller, status in ((api, 404), (worker_api, 404), (anonymous, 403)):
        assert caller.put(f"/work-request/{first}/completed/", body).status_code == status
    assert state(first) == ("running", "")


def test_late_report_of_a_lost_attempt_is_noted_and_refused(api: Any, worker_api: Any) -> None:
    pk = create(api)
    record = worker_api.post(GET_NEXT).json()
    now = SystemClock().now()
    requeue_work_request(SYSTEM, attempt=Attempt.objects.get(), reason="gone", now=now)
    assert report(api, pk, record["token"]).status_code == 403
    assert state(pk) == ("pending", "")
    assert "late report" in Attempt.objects.get().reason
    again = worker_api.post(GET_NEXT).json()
    assert report(api, pk, again["token"], "failure").status_code == 200
    assert state(pk) == ("completed", "failure")


def test_token_of_an_aborted_request_opens_nothing(api: Any, worker_api: Any) -> None:
    pk = create(api)
    record = worker_api.post(GET_NEXT).json()
    api.post(f"/work-request/{pk}/abort/")
    assert type(api)(record["token"]).get(f"/work-request/{pk}/").status_code == 403
    assert report(api, pk, record["token"]).status_code == 403
    assert state(pk) == ("aborted", "")


def test_worker_that_asks_again_has_lost_its_work(api: Any, worker_api: Any) -> None:
    pk = create(api)
    keys = [worker_api.post(GET_NEXT).json()["token"] for _ in range(4)]
    assert Attempt.objects.filter(outcome="lost").count() == 3
    assert worker_api.post(GET_NEXT).status_code == 204
    row = WorkRequest.objects.get(pk=pk)
    assert (row.status, row.result) == ("completed", "error")
    assert row.output_data["errors"][0]["code"] == "work-request-retry-limit-exceeded"
    assert report(api, pk, keys[0]).status_code == 403
