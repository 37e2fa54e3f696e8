# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests go to workers of their own type, in the right version, whatever workers claim."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.integration.conftest import ApiClient

from debusine.db.models import User, Worker, WorkRequest, Workspace
from debusine.domain.work_request import TaskTypes
from debusine.server.actions.create_work_request import create_work_request
from debusine.server.actor import Actor
from debusine.signing.config import KeySettings
from debusine.signing.trade import signing_trade
from debusine.testing import factories
from debusine.util.clock import SystemClock
from debusine.worker.metadata import collect_metadata
from debusine.worker.trade import EXTERNAL, Trade

GET_NEXT = "/work-request/get-next-for-worker/"
Ask = Callable[[TaskTypes], int]


@pytest.fixture
def ask(user: User, workspace: Workspace) -> Ask:
    """Create a ``noop`` of a type, as workflows and administrators' commands do."""

    def ask(task_type: TaskTypes) -> int:
        return create_work_request(
            Actor(user=user),
            workspace=workspace,
            task_name="noop",
            data={},
            now=SystemClock().now(),
            task_type=task_type,
        ).pk

    return ask


@pytest.fixture(scope="module")
def trades(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Trade]:
    nowhere = tmp_path_factory.getbasetemp()
    keys = KeySettings(data_directory=nowhere, database_url=None, service_keys=nowhere)
    return {"external": EXTERNAL, "signing": signing_trade(keys)}


@pytest.fixture(scope="module")
def reports(trades: dict[str, Trade]) -> dict[str, dict[str, Any]]:
    """What our own workers say of themselves."""
    return {name: collect_metadata(trade) for name, trade in trades.items()}


def join(worker_type: str, report: dict[str, Any]) -> ApiClient:
    worker = factories.make_worker(tags=(), worker_type=worker_type)
    client = ApiClient(worker.key)
    assert client.put("/worker/dynamic-metadata/", report).status_code == 204
    return client


def test_each_type_gets_its_own(mode: str, ask: Ask, reports: dict[str, dict[str, Any]]) -> None:
    # the one that it may not have is ahead of the one that it may
    wanted = {
        "signing": (ask(TaskTypes.WORKER), ask(TaskTypes.SIGNING)),
        "external": (ask(TaskTypes.SIGNING), ask(TaskTypes.WORKER)),
    }
    signing, external = (join(name, reports[name]) for name in ("signing", "external"))
    assert signing.post(GET_NEXT).json()["id"] == wanted["signing"][1]
    assert external.post(GET_NEXT).json()["id"] == wanted["signing"][0]


@pytest.mark.parametrize(
    ("worker_type", "task_type"),
    [("signing", TaskTypes.WORKER), ("external", TaskTypes.SIGNING)],
)
def test_what_a_worker_claims_does_not_change_its_type(
    mode: str,
    ask: Ask,
    api: ApiClient,
    reports: dict[str, dict[str, Any]],
    worker_type: str,
    task_type: TaskTypes,
) -> None:
    """Its type is what it was enrolled as; a report that says else brings it nothing."""
    other = {"signing": "external", "external": "signing"}[worker_type]
    tags = [*reports["signing"]["provided_tags"], *reports["external"]["provided_tags"]]
    lie = {**reports[worker_type], **reports[other], "provided_tags": tags}
    number = ask(task_type)
    assert join(worker_type, lie).post(GET_NEXT).status_code == 204
    assert WorkRequest.objects.get(pk=number).status == "pending"
    assert join(other, reports[other]).post(GET_NEXT).json()["id"] == number


@pytest.mark.parametrize("version", [0, 2])
def test_another_version_of_the_task_gets_nothing(
    mode: str, ask: Ask, reports: dict[str, dict[str, Any]], version: int
) -> None:
    right = reports["signing"]
    changed = {
        **right,
        "signing:noop:version": version,
        "provided_tags": [
            tag.replace("signing:noop:version:1", f"signing:noop:version:{version}")
            for tag in right["provided_tags"]
        ],
    }
    number = ask(TaskTypes.SIGNING)
    assert join("signing", changed).post(GET_NEXT).status_code == 204
    assert join("signing", right).post(GET_NEXT).json()["id"] == number


def test_nobody_asks_for_signing_by_name(api: ApiClient) -> None:
    answer = api.post("/work-request/", {"task_name": "debsign", "task_data": {}})
    assert answer.status_code == 400
    assert "only workflows" in answer.json()["detail"]


@pytest.mark.parametrize(("claimed", "status"), [("signing", 400), ("external", 201)])
def test_an_activation_lets_in_the_type_it_is_for(
    workspace: Workspace, claimed: str, status: int
) -> None:
    activation = factories.make_activation("prepared")
    body = {"token": "k" * 64, "fqdn": "w.example.org", "worker_type": claimed}
    answer = ApiClient(activation.key).post("/worker/register/", body)
    assert answer.status_code == status
    assert [worker.name for worker in Worker.objects.filter(token__isnull=False)] == (
        ["prepared"] if status == 201 else []
    )
