# SPDX-License-Identifier: GPL-3.0-or-later
"""What is looked up when a request becomes pending, and again when a worker gets it."""

from __future__ import annotations

from typing import Any

import pytest
from tests.integration.lookup.conftest import add, make_artifact, make_collection, make_tarball

from debusine.db.models import Collection, User, WorkRequest, Workspace
from debusine.domain.work_request import TaskTypes, WorkRequestStatus
from debusine.errors import UserError
from debusine.server.actions.claim_work_request import claim_work_request
from debusine.server.actions.create_work_request import create_work_request, make_pending
from debusine.server.actor import Actor
from debusine.tasks import BaseExternalTask
from debusine.tasks.inputs.inputs import EnvironmentInput, SingleInput, Stage
from debusine.testing import factories
from debusine.testing.clock import FakeClock
from debusine.testing.inputs import SOURCE, task_with_inputs

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("_task_names")]
NAME = "withinputs"
LATE = "trixie@debian:suite/hello"
NOW = FakeClock().now()


@pytest.fixture
def suite(workspace: Workspace) -> Collection:
    return make_collection("trixie", "debian:suite", workspace=workspace)


@pytest.fixture
def environments(workspace: Workspace) -> Collection:
    return make_collection(workspace=workspace)


def blocked(user: User, **data: Any) -> WorkRequest:
    """A request that waits for others, of the task with the inputs ``late`` and ``environment``."""
    inputs = {
        "late": SingleInput(field="source"),
        "environment": EnvironmentInput(stage=Stage.PENDING),
    }
    task_with_inputs({}, **inputs)
    data = {"source": LATE, "environment": "debian/match:codename=trixie", **data}
    return factories.make_work_request(
        created_by=user, status=WorkRequestStatus.BLOCKED, task_name=NAME, task_data=data
    )


def add_source(suite: Collection) -> int:
    artifact = make_artifact("debian:source-package", workspace=suite.workspace, data=SOURCE)
    suite.items.create(
        name="hello",
        child_type="artifact",
        category=artifact.category,
        artifact=artifact,
        created_at=NOW,
    )
    return artifact.pk


def claim(request: WorkRequest) -> WorkRequest:
    """Let a worker that fits ask; the request as it is then."""
    request.refresh_from_db()
    worker = factories.make_worker(tags=tuple(request.scheduler_tags_required)).worker
    claim_work_request(Actor(worker=worker), now=NOW)
    request.refresh_from_db()
    return request


def values(request: WorkRequest) -> dict[str, Any]:
    assert request.dynamic_task_data is not None
    found: dict[str, Any] = request.dynamic_task_data["task_input_fields"]
    return found


def test_what_runs_before_may_make_what_a_running_task_takes(
    user: User, suite: Collection, environments: Collection
) -> None:
    add(environments, make_tarball(), backend="unshare")
    request = blocked(user)
    make_pending(request, now=NOW, title="x")
    assert request.status == WorkRequestStatus.PENDING
    made = add_source(suite)
    assert values(claim(request))["late"]["artifact_id"] == made
    assert request.status == WorkRequestStatus.RUNNING


def test_what_a_running_task_takes_must_be_there_then(
    user: User, suite: Collection, environments: Collection
) -> None:
    add(environments, make_tarball(), backend="unshare")
    request = blocked(user)
    make_pending(request, now=NOW, title="x")
    assert (claim(request).status, request.result) == (WorkRequestStatus.COMPLETED, "error")
    (error,) = (request.output_data or {})["errors"]
    assert "while resolving input late" in error["message"]


def test_what_is_needed_to_become_pending_must_be_there(
    user: User, suite: Collection, environments: Collection
) -> None:
    add_source(suite)
    request = blocked(user)
    make_pending(request, now=NOW, title="x")
    request.refresh_from_db()
    assert (request.status, request.result) == (WorkRequestStatus.COMPLETED, "error")
    (error,) = (request.output_data or {})["errors"]
    assert "while resolving input environment" in error["message"]


def test_everything_is_looked_up_again_at_assignment(
    user: User, suite: Collection, environments: Collection
) -> None:
    add(environments, make_tarball(), backend="unshare")
    add_source(suite)
    request = blocked(user)
    make_pending(request, now=NOW, title="x")
    newer = make_tarball()
    add(environments, newer, day=1, backend="unshare")
    suite.items.all().delete()
    made = add_source(suite)
    found = values(claim(request))
    assert found["environment"]["artifact_id"] == newer.pk
    assert found["late"]["artifact_id"] == made


def test_tags_may_follow_from_every_input_that_is_there(
    user: User, suite: Collection, environments: Collection
) -> None:
    add(environments, make_tarball(), backend="unshare")
    requests = [blocked(user), blocked(user)]
    kind = BaseExternalTask.class_from_name(TaskTypes.WORKER, NAME)
    kind.get_user_provided_tags = lambda task: {f"task:example:{task.late.artifact_id}"}  # type: ignore[attr-defined, method-assign]  # of this test
    make_pending(requests[0], now=NOW, title="x")
    requests[0].refresh_from_db()
    (error,) = (requests[0].output_data or {})["errors"]
    assert "input late is unresolved" in error["message"]
    made = add_source(suite)
    make_pending(requests[1], now=NOW, title="x")
    assert requests[1].status == WorkRequestStatus.PENDING
    assert any(str(made) in tag for tag in requests[1].scheduler_tags_provided)


def test_who_waits_for_the_answer_hears_of_every_mistake(
    user: User, workspace: Workspace, suite: Collection, environments: Collection
) -> None:
    add(environments, make_tarball(), backend="unshare")
    data = blocked(user).task_data
    with pytest.raises(UserError, match="Cannot create work request") as caught:
        create_work_request(
            Actor(user=user), workspace=workspace, task_name=NAME, data=data, now=NOW
        )
    assert "while resolving input late" in (caught.value.details or "")
