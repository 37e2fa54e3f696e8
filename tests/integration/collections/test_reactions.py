# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest
from tests.integration.collections.conftest import names
from tests.integration.lookup.conftest import BEGIN, make_artifact, make_collection

from debusine.db.models import Collection, CollectionItem, User, WorkRequest, Workspace
from debusine.server.react import react_to
from debusine.testing import factories

HISTORY = "debusine:task-history"
LOGS = "debian:package-build-logs"
STATISTICS = {"duration": 7, "memory": 1024}
LOG = {"vendor": "debian", "codename": "trixie", "architecture": "amd64"}


@pytest.fixture
def history(workspace: Workspace) -> Collection:
    return make_collection("_", HISTORY, workspace=workspace)


def end(
    user: User, result: str = "success", *reactions: dict[str, Any], **fields: Any
) -> WorkRequest:
    """A request that ran and has ended; its reactions are for either result."""
    request = factories.make_work_request(
        created_by=user,
        event_reactions={"on_success": list(reactions), "on_failure": list(reactions)},
        dynamic_task_data={"subject": "hello", "runtime_context": "amd64"},
        output_data={"runtime_statistics": STATISTICS},
        started_at=BEGIN,
        result=result,
    )
    react_to(request, now=BEGIN)
    return request


@pytest.mark.parametrize("result", ["success", "failure", "error"])
def test_every_run_is_remembered(user: User, history: Collection, result: str) -> None:
    request = end(user, result)
    item = CollectionItem.objects.get()
    assert item.name == f"Worker:noop:hello:amd64:{request.pk}"
    assert item.data == {
        "task_type": "Worker",
        "task_name": "noop",
        "subject": "hello",
        "context": "amd64",
        "timestamp": int(BEGIN.timestamp()),
        "work_request_id": request.pk,
        "result": result,
        "runtime_statistics": STATISTICS,
    }
    assert (item.created_by, item.created_by_work_request) == (user, request)


def test_somebody_may_say_what_it_was_about(user: User, history: Collection) -> None:
    said = {"action": "record-in-task-history", "subject": "world", "context": "x/y"}
    request = end(user, "success", said)
    assert names(history) == [f"Worker:noop:world:x%2Fy:{request.pk}"]


def test_what_did_not_run_is_not_remembered(
    user: User, history: Collection, django_assert_num_queries: Any
) -> None:
    request = factories.make_work_request(created_by=user, result="error")
    with django_assert_num_queries(0):
        react_to(request, now=BEGIN)
    assert names(history) == []


def test_without_a_history_nothing_is_remembered(user: User, workspace: Workspace) -> None:
    end(user)
    assert not CollectionItem.objects.exists()


def test_builds_that_are_to_come(user: User, workspace: Workspace) -> None:
    logs = make_collection("_", LOGS, workspace=workspace)
    data = {**LOG, "srcpkg_name": "hello", "srcpkg_version": "1.0-1", "work_request_id": 7}
    planned = {
        "action": "update-collection-with-data",
        "collection": f"_@{LOGS}",
        "category": "debian:package-build-log",
        "data": data,
    }
    end(user, "success", planned)
    assert names(logs) == ["debian_trixie_amd64_hello_1.0-1_7"]
    assert CollectionItem.objects.get().data == data
    # the log itself takes its place
    build = factories.make_work_request(
        created_by=user,
        result="success",
        event_reactions={
            "on_success": [
                {
                    "action": "update-collection-with-artifacts",
                    "collection": f"_@{LOGS}",
                    "artifact_filters": {"category": "debian:package-build-log"},
                    "variables": {**LOG, "work_request_id": 7},
                }
            ]
        },
    )
    make_artifact(
        "debian:package-build-log",
        data={"source": "hello", "version": "1.0-1", "filename": "x.build"},
        created_by_work_request=build,
    )
    react_to(build, now=BEGIN)
    assert names(logs) == ["debian_trixie_amd64_hello_1.0-1_7"]
    assert CollectionItem.objects.get(removed_at=None).artifact is not None


def test_results_of_checks(user: User, workspace: Workspace) -> None:
    results = make_collection("trixie", "debian:qa-results", workspace=workspace)
    check = factories.make_work_request(task_name="lintian", result="success")
    said = {
        "action": "update-collection-with-data",
        "collection": "trixie@debian:qa-results",
        "category": "debian:qa-result",
        "data": {
            "package": "hello",
            "version": "1.0-1",
            "architecture": "source",
            "timestamp": 5,
            "work_request_id": check.pk,
        },
    }
    end(user, "failure", said)
    assert names(results) == [f"lintian_hello_1.0-1_source_{check.pk}"]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"name_template": "x-{a}"}, ["x-1"]),
        ({"name_template": "{b}"}, []),
        ({"collection": "nowhere@debusine:test"}, []),
        ({"category": "debian:qa-result"}, []),
        ({}, []),
    ],
)
def test_names_and_mistakes(
    user: User, workspace: Workspace, fields: dict[str, Any], expected: list[str]
) -> None:
    plain = make_collection("plain", "debusine:test", workspace=workspace)
    said = {
        "action": "update-collection-with-data",
        "collection": "plain@debusine:test",
        "category": "debusine:test",
        "data": {"a": 1},
        **fields,
    }
    end(user, "success", said)
    assert names(plain) == expected
