# SPDX-License-Identifier: GPL-3.0-or-later
"""Task configuration: pushed, read, applied."""

from __future__ import annotations

from typing import Any

import pytest
from tests.integration.collections.conftest import names, put_data
from tests.integration.conftest import ApiClient
from tests.integration.lookup.conftest import make_collection

from debusine.db.models import Collection, CollectionItem, WorkRequest, WorkspaceChain
from debusine.domain.work_request import WorkRequestStatus
from debusine.server.actions.create_work_request import make_pending
from debusine.testing import factories
from debusine.util.clock import SystemClock

CATEGORY = "debusine:task-configuration"
PATH = "/task-configuration/System/default/"
NOOP = {"task_type": "Worker", "task_name": "noop"}
COMMIT = "0123456789" * 4


@pytest.fixture
def configuration(api: ApiClient) -> Collection:
    return make_collection("default", CATEGORY)


def body(configuration: Collection, *items: dict[str, Any], **given: Any) -> dict[str, Any]:
    collection = {"id": configuration.pk, "name": configuration.name, "data": {}}
    return {"collection": collection, "items": list(items), **given}


def test_a_configuration_is_replaced_as_a_whole(api: ApiClient, configuration: Collection) -> None:
    first = {**NOOP, "default_values": {"a": 1}}
    second = {"template": "x", "override_values": {"b": 2}}
    wanted = body(configuration, first, second)
    wanted["collection"]["data"] = {"git_commit": COMMIT}
    counts = {"added": 2, "updated": 0, "removed": 0, "unchanged": 0}
    assert api.post(PATH, {**wanted, "dry_run": True}).json() == counts
    configuration.refresh_from_db()
    assert (names(configuration), configuration.data) == ([], {})
    assert api.post(PATH, wanted).json() == counts
    shown = api.get(PATH).json()
    assert shown == {
        "collection": {
            "id": configuration.pk,
            "name": "default",
            "data": {"git_commit": COMMIT},
        },
        "items": [first, second],
    }
    # what was read can be pushed, also with defaults written out
    again = {**shown, "items": [{**first, "comment": ""}, second]}
    assert api.post(PATH, again).json() == {**counts, "added": 0, "unchanged": 2}
    other = body(configuration, {**first, "default_values": {"a": 2}}, {"template": "y"})
    assert api.post(PATH, other).json() == {
        "added": 1,
        "updated": 1,
        "removed": 1,
        "unchanged": 0,
    }
    assert names(configuration) == ["Worker:noop::", "template:y"]
    assert CollectionItem.objects.count() == 4
    # the commit was not said
    assert api.get(PATH).json()["collection"]["data"] == {}


def test_other_changes_forget_the_commit(api: ApiClient, configuration: Collection) -> None:
    configuration.data = {"git_commit": COMMIT, "a": 1}
    configuration.save()
    path = f"/collection/System/{configuration.pk}/"
    assert api.patch(path, {"name": "default"}).json()["data"] == configuration.data
    changed = api.patch(path, {"data": {"git_commit": COMMIT, "a": 2}}).json()
    assert changed["data"] == {"a": 2}


@pytest.mark.parametrize(
    ("items", "collection", "field"),
    [
        ([{"task_name": "noop"}], {}, "items.0"),
        ([NOOP, {**NOOP, "comment": "again"}], {}, "items.1"),
        ([{**NOOP, "unknown": 1}], {}, "items.0.unknown"),
        ([{**NOOP, "tags_provided": "a and"}], {}, "items.0.tags_provided"),
        ([], {"id": 0}, "collection.id"),
        ([], {"name": "other"}, "collection.name"),
        ([], {"data": {"git_commit": "main"}}, "collection.data.git_commit"),
        ([], {"data": {"git_commit": 5}}, "collection.data.git_commit"),
    ],
)
def test_what_cannot_be_pushed(
    api: ApiClient,
    configuration: Collection,
    items: list[dict[str, Any]],
    collection: dict[str, Any],
    field: str,
) -> None:
    wanted = body(configuration, *items)
    wanted["collection"].update(collection)
    answer = api.post(PATH, wanted)
    assert answer.status_code == 400
    assert any(name.startswith(field) for name in answer.json()["validation_errors"])
    assert names(configuration) == []


def test_who_may_push(configuration: Collection, anonymous: ApiClient) -> None:
    configuration.workspace.public = True
    configuration.workspace.save()
    stranger = ApiClient(factories.make_token(factories.make_user()).key)
    assert stranger.get(PATH).status_code == 200
    for api in (stranger, anonymous):
        assert api.post(PATH, body(configuration)).status_code == 403
    missing = stranger.get("/task-configuration/System/other/")
    assert (missing.status_code, missing.json()["title"]) == (404, "Collection not found")


def create(api: ApiClient, **data: Any) -> WorkRequest:
    answer = api.post("/work-request/", {"task_name": "noop", "task_data": data})
    assert answer.status_code == 200, answer.content
    return WorkRequest.objects.get(pk=answer.json()["id"])


def test_a_request_is_configured(api: ApiClient, configuration: Collection) -> None:
    put_data(
        configuration,
        CATEGORY,
        **NOOP,
        override_values={"result": "failure"},
        require_tags=["worker:class:fast"],
        use_templates=["slow"],
    )
    put_data(configuration, CATEGORY, template="slow", provide_tags=["task:class:slow"])
    put_data(configuration, CATEGORY, task_type="Worker", task_name="other", lock_values=["x"])
    row = create(api, result="success")
    assert row.task_data == {"result": "success"}
    assert row.configured_task_data == {
        "result": "failure",
        "task_configuration": configuration.pk,
    }
    assert row.tag_sources["required"]["workspace"] == ["worker:class:fast"]
    assert row.tag_sources["provided"]["workspace"] == ["task:class:slow"]


def test_a_configuration_may_be_inherited_named_or_none(
    api: ApiClient, configuration: Collection
) -> None:
    put_data(configuration, CATEGORY, **NOOP, default_values={"result": "failure"})
    heir = factories.make_workspace("heir")
    WorkspaceChain.objects.create(child=heir, parent=configuration.workspace, order=0)
    answer = api.post("/work-request/", {"task_name": "noop", "task_data": {}, "workspace": "heir"})
    row = WorkRequest.objects.get(pk=answer.json()["id"])
    assert row.configured_task_data == {
        "result": "failure",
        "task_configuration": configuration.pk,
    }
    assert create(api, task_configuration=None).configured_task_data is None
    other = make_collection("other", CATEGORY)
    row = create(api, task_configuration="other")
    assert row.configured_task_data == {"task_configuration": other.pk}


@pytest.mark.parametrize("lookup", ["nowhere", "trixie@debian:suite", "x/y/z", 999999, "//x"])
def test_a_configuration_that_is_named_must_be_there(api: ApiClient, lookup: object) -> None:
    make_collection("trixie", "debian:suite")
    wanted = {"task_name": "noop", "task_data": {"task_configuration": lookup}}
    answer = api.post("/work-request/", wanted)
    assert answer.status_code == 400
    assert list(answer.json()["validation_errors"]) == ["task_configuration"]


@pytest.mark.parametrize("entry", [{"use_templates": ["nothing"]}, {"override_values": {"x": 1}}])
def test_a_wrong_configuration_is_said(
    api: ApiClient, configuration: Collection, entry: dict[str, Any]
) -> None:
    put_data(configuration, CATEGORY, **NOOP, **entry)
    answer = api.post("/work-request/", {"task_name": "noop", "task_data": {}})
    assert answer.status_code == 400
    assert not WorkRequest.objects.exists()


def test_what_waited_is_configured_when_it_is_ready(configuration: Collection) -> None:
    row = factories.make_work_request(
        status=WorkRequestStatus.BLOCKED, created_by=factories.make_user(superuser=True)
    )
    put_data(configuration, CATEGORY, **NOOP, default_values={"result": "failure"})
    make_pending(row, now=SystemClock().now(), title="Cannot")
    row.refresh_from_db()
    assert row.configured_task_data == {
        "result": "failure",
        "task_configuration": configuration.pk,
    }
