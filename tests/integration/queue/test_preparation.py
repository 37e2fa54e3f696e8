# SPDX-License-Identifier: GPL-3.0-or-later
"""From what was submitted to a place in the queue, step by step."""

from __future__ import annotations

from typing import Any

import pytest
from tests.integration.conftest import ApiClient

from debusine.db.models import User, WorkRequest, Workspace
from debusine.domain.work_request import WorkRequestStatus
from debusine.errors import UserError
from debusine.server.actions.abort_work_request import abort_work_request
from debusine.server.actions.create_work_request import make_pending
from debusine.server.actor import Actor
from debusine.server.jobs import reintern
from debusine.server.task_data import Task
from debusine.server.task_tags import Configuration, TaskTags
from debusine.tasks import TaskConfigError
from debusine.testing import factories
from debusine.util.clock import SystemClock

NOW = SystemClock().now()
VERSION = "worker:task:worker:probe:version:1"
PLACES = ["task:scope:debusine", "task:workspace:debusine:System"]


@pytest.fixture
def blocked(probe: Any, user: User, workspace: Workspace) -> WorkRequest:
    """A request that waits for another."""
    return factories.make_work_request(
        status=WorkRequestStatus.BLOCKED,
        workspace=workspace,
        created_by=user,
        task_name="probe",
        task_data={"build_architecture": "amd64", "tool": "submitted"},
    )


def release(request: WorkRequest, **options: Any) -> WorkRequest:
    make_pending(request, now=NOW, title="Cannot", **options)
    return WorkRequest.objects.get(pk=request.pk)


class Configure:
    """Gives what a test wants, and remembers what it was asked."""

    def __init__(self, configuration: Configuration | None) -> None:
        self.configuration = configuration
        self.asked: list[tuple[dict[str, Any], list[str]]] = []

    def __call__(self, request: WorkRequest, task: Task, tags: TaskTags) -> Configuration | None:
        del request
        assert task.field_is_resolved("build_architecture")
        submitted = task.data.model_dump(exclude_unset=True, mode="json")
        self.asked.append((submitted, sorted(tags.required.tags)))
        return self.configuration


def test_tags_are_those_of_configured_data(blocked: WorkRequest) -> None:
    data = {"build_architecture": "riscv64", "backend": "qemu", "tool": "configured"}
    configure = Configure(
        Configuration(
            data=data,
            require=frozenset({"worker:class:fast"}),
            provide=frozenset({"task:class:slow", "task:scope:forged"}),
        )
    )
    row = release(blocked, configure=configure)
    assert configure.asked == [
        (
            {"build_architecture": "amd64", "tool": "submitted"},
            ["worker:build-arch:amd64", "worker:cap:submitted", "worker:executor:unshare", VERSION,
             "worker:type:external"],
        )
    ]  # fmt: skip
    assert row.status == "pending"
    assert row.task_data == {"build_architecture": "amd64", "tool": "submitted"}
    assert row.configured_task_data == data
    assert row.tag_sources == {
        "required": {
            "system": ["worker:build-arch:riscv64", "worker:cap:configured",
                       "worker:executor:qemu", VERSION, "worker:type:external"],
            "workspace": ["worker:class:fast"],
        },
        "provided": {"system": PLACES, "workspace": ["task:class:slow"]},
        "dropped": [
            {"provenance": "workspace", "tag": "task:scope:forged", "group": "namespaces"}
        ],
    }  # fmt: skip
    sources = row.tag_sources["required"]
    assert row.scheduler_tags_required == sorted(sources["system"] + sources["workspace"])
    assert row.scheduler_tags_provided == sorted([*PLACES, "task:class:slow"])
    assert row.signature is not None
    assert row.signature.required_tags == row.scheduler_tags_required


def test_the_task_of_an_attempt_is_made_of_configured_data_too(
    blocked: WorkRequest, api: ApiClient
) -> None:
    data = {"build_architecture": "amd64", "tool": "configured"}
    release(blocked, configure=Configure(Configuration(data=data)))
    tags = ("worker:type:external", "worker:build-arch:amd64", "worker:executor:unshare", VERSION)
    worker = factories.make_worker(tags=(*tags, "worker:cap:configured"))
    record = ApiClient(worker.key).post("/work-request/get-next-for-worker/").json()
    assert (record["id"], record["task_data"]) == (blocked.pk, data)


def test_nothing_to_configure(blocked: WorkRequest) -> None:
    row = release(blocked, configure=Configure(None))
    assert row.configured_task_data is None
    assert "worker:cap:submitted" in row.scheduler_tags_required


def test_configuration_may_give_what_is_missing(blocked: WorkRequest) -> None:
    # an earlier configuration does not count: the data are those submitted
    blocked.configured_task_data = {"tool": "earlier"}
    configure = Configure(Configuration(data={"build_architecture": "i386"}))
    row = release(blocked, configure=configure)
    assert configure.asked[0][0]["tool"] == "submitted"
    assert row.configured_task_data == {"build_architecture": "i386"}


def test_who_says_what_is_kept(api: ApiClient, probe: Any) -> None:
    probe.get_user_provided_tags = lambda self: {"task:class:big", "task:group:debusine::admins"}
    probe.compute_system_provided_tags = lambda self: {"task:source-package:hello"}
    answer = api.post("/work-request/", {"task_name": "probe", "task_data": {}}).json()
    row = WorkRequest.objects.get(pk=answer["id"])
    assert row.tag_sources["provided"] == {
        "system": [PLACES[0], "task:source-package:hello", PLACES[1]],
        "user": ["task:class:big"],
    }
    assert row.tag_sources["dropped"] == [
        {"provenance": "user", "tag": "task:group:debusine::admins", "group": "namespaces"}
    ]
    assert answer["scheduler_tags_provided"] == row.scheduler_tags_provided


def _raise(error: Exception) -> Any:
    def fail(self: Any) -> Any:
        raise error

    return fail


BROKEN = {
    "crash": (_raise(RuntimeError("no idea")), "probe raises RuntimeError: no idea"),
    "own words": (_raise(TaskConfigError("no such tool")), "no such tool"),
    "no tags": (lambda self: None, "probe raises TypeError"),
    "no text": (lambda self: {3}, "not a tag: 3"),
}
HOOKS = ["compute_system_required_tags", "compute_system_provided_tags", "get_user_provided_tags"]


@pytest.mark.parametrize("hook", HOOKS)
@pytest.mark.parametrize("how", BROKEN)
def test_tags_that_cannot_be_computed_end_a_stored_request(
    blocked: WorkRequest, probe: Any, hook: str, how: str
) -> None:
    answer, message = BROKEN[how]
    setattr(probe, hook, answer)
    row = release(blocked)
    assert (row.status, row.result) == ("completed", "error")
    assert row.completed_at is not None
    assert row.signature is None
    (error,) = row.output_data["errors"]
    assert error["code"] == "configure-failed"
    assert message in error["message"]


def test_and_refuse_a_new_one(api: ApiClient, probe: Any) -> None:
    probe.get_user_provided_tags = _raise(RuntimeError("no idea"))
    answer = api.post("/work-request/", {"task_name": "probe"})
    assert answer.status_code == 400
    assert "probe raises RuntimeError: no idea" in answer.json()["detail"]
    assert not WorkRequest.objects.exists()


def test_wrong_data_end_a_stored_request(blocked: WorkRequest) -> None:
    blocked.task_data = {"tool": ["x"]}
    blocked.save()
    row = release(blocked)
    assert (row.status, row.result) == ("completed", "error")
    assert "tool: " in row.output_data["errors"][0]["message"]


def test_wrong_data_refuse_a_new_one(blocked: WorkRequest) -> None:
    blocked.pk = None
    blocked.task_data = {"tool": ["x"]}
    with pytest.raises(UserError) as caught:
        make_pending(blocked, now=NOW, title="Cannot do it")
    assert caught.value.brief == "Cannot do it"
    assert caught.value.validation_errors is not None
    assert set(caught.value.validation_errors) == {"tool"}


def test_configuration_that_does_not_validate_ends_it(blocked: WorkRequest) -> None:
    row = release(blocked, configure=Configure(Configuration(data={"nonsense": 1})))
    assert (row.status, row.result) == ("completed", "error")
    assert "nonsense" in row.output_data["errors"][0]["message"]


def test_what_was_aborted_meanwhile_stays_so(blocked: WorkRequest, user: User) -> None:
    abort_work_request(Actor(user=user), request=WorkRequest.objects.get(pk=blocked.pk), now=NOW)
    assert release(blocked).status == "aborted"


def test_tags_of_task_and_worker_are_shown_with_who_says_so(api: ApiClient, probe: Any) -> None:
    probe.get_user_provided_tags = lambda self: {"task:class:big", "task:scope:forged"}
    pk = api.post("/work-request/", {"task_name": "probe", "task_data": {}}).json()["id"]
    shown = api.get(f"/work-request/{pk}/tags/").json()
    assert shown == {
        "required": {"system": ["worker:build-arch:amd64", "worker:executor:unshare", VERSION,
                                "worker:type:external"]},
        "provided": {"system": PLACES, "user": ["task:class:big"]},
        "dropped": [{"provenance": "user", "tag": "task:scope:forged", "group": "namespaces"}],
        "worker": None,
    }  # fmt: skip
    static = {
        "provided_tags": ["worker:class:fast"],
        "required_tags": ["task:class:big"],
        "tasks_denylist": ["noop"],
    }
    worker = factories.make_worker("w1", tags=(), static_metadata=static)
    noop = "worker:task:worker:noop:version:1"
    reported = [*shown["required"]["system"], noop, "worker:class:slow"]
    client = ApiClient(worker.key)
    client.put("/worker/dynamic-metadata/", {"provided_tags": reported})
    # it requires what none did before
    reintern.run()
    assert client.post("/work-request/get-next-for-worker/").json()["id"] == pk
    assert api.get(f"/work-request/{pk}/tags/").json()["worker"] == {
        "name": "w1",
        "provided": {
            "system": ["worker:type:external"],
            "admin": ["worker:class:fast"],
            "worker": sorted({*reported} - {"worker:type:external", "worker:class:slow"}),
        },
        "required": {"admin": ["task:class:big"]},
        "withheld": [noop],
        "dropped": [{"provenance": "worker", "tag": "worker:class:slow", "group": "namespaces"}],
    }
