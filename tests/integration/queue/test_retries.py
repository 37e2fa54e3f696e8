# SPDX-License-Identifier: GPL-3.0-or-later
"""What comes after an attempt that came to nothing."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from tests.integration.conftest import ApiClient

from debusine.db.models import Attempt, Timer, Worker, WorkRequest
from debusine.domain.work_request import WorkRequestStatus
from debusine.server.actions.abort_work_request import abort_work_request
from debusine.server.actions.claim_work_request import (
    Assignment,
    ContentionError,
    claim_work_request,
    take,
)
from debusine.server.actions.complete_work_request import LateReportError, complete_work_request
from debusine.server.actions.create_work_request import create_work_request
from debusine.server.actor import Actor
from debusine.server.jobs.sweep import requeue_lapsed
from debusine.server.jobs.timers import ring_timers
from debusine.server.retry import make_due_claimable
from debusine.server.scheduler import reintern_pending
from debusine.testing import factories
from debusine.testing.clock import FakeClock
from debusine.wire.work_request import OutputData, OutputError, WorkRequestCompleted


class Desk:
    """A queue with one request, and workers that come and ask."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.author = Actor(user=factories.make_user(superuser=True))
        made = create_work_request(
            self.author,
            workspace=factories.make_workspace(),
            task_name="noop",
            data={},
            now=self.clock.now(),
        )
        self.pk = made.pk

    @property
    def now(self) -> datetime:
        return self.clock.now()

    @property
    def request(self) -> WorkRequest:
        return WorkRequest.objects.get(pk=self.pk)

    @property
    def last(self) -> Attempt:
        return Attempt.objects.order_by("number").last()

    def claim(self, worker: Worker) -> Assignment | None:
        return claim_work_request(Actor(worker=worker), now=self.now)

    def report(self, got: Assignment | None, *codes: str, result: str = "failure") -> None:
        assert got is not None
        errors = [OutputError(message=f"because of {code}", code=code) for code in codes]
        complete_work_request(
            self.author,
            token_hash=got.attempt.token_hash,
            work_request_id=self.pk,
            report=WorkRequestCompleted(result=result, output_data=OutputData(errors=errors)),
            now=self.now,
        )


@pytest.fixture
def desk(db: None) -> Desk:
    return Desk()


@pytest.fixture
def worker(desk: Desk) -> Worker:
    return factories.make_worker(features=("heartbeat",)).worker


@pytest.fixture
def other(desk: Desk) -> Worker:
    return factories.make_worker(features=("heartbeat",)).worker


def test_network_waits_longer_each_time_and_then_gives_up(desk: Desk, worker: Worker) -> None:
    delays = []
    for number in range(1, 5):
        desk.report(desk.claim(worker), "network-failed")
        assert (desk.last.number, desk.last.outcome, desk.last.blame, desk.last.lost_by) == (
            number,
            "failure",
            "environment",
            "network",
        )
        assert desk.last.reason == "because of network-failed"
        request = desk.request
        if request.delayed_until is None:
            break
        assert (request.status, request.result, request.worker) == ("pending", "", None)
        delays.append((request.delayed_until - desk.now).total_seconds())
        assert f"tried again in {round(delays[-1])} seconds" in desk.last.next_step
        # claims do not see it before it is due
        ring_timers(desk.now)
        assert desk.claim(worker) is None
        desk.clock.advance(delays[-1])
        ring_timers(desk.now)
    assert [15 <= delays[0] < 45, 30 <= delays[1] < 90, 60 <= delays[2] < 180] == [True] * 3
    assert len(delays) == 3
    request = desk.request
    assert (request.status, request.result, request.blame) == (
        "completed",
        "failure",
        "environment",
    )
    assert desk.last.next_step == "given up: tried again 3 times because of the network"
    assert request.output_data["errors"][0]["code"] == "network-failed"


def test_a_delay_whose_timer_is_lost_ends_with_a_sweep(desk: Desk, worker: Worker) -> None:
    desk.report(desk.claim(worker), "network-failed")
    Timer.objects.all().delete()
    assert make_due_claimable(desk.now) == 0
    desk.clock.advance(100)
    assert make_due_claimable(desk.now) == 1
    assert desk.claim(worker) is not None


def test_a_delay_survives_that_signatures_are_made_anew(desk: Desk, worker: Worker) -> None:
    desk.report(desk.claim(worker), "network-failed")
    reintern_pending()
    assert desk.claim(worker) is None


def test_a_delayed_request_can_be_aborted(desk: Desk, worker: Worker) -> None:
    desk.report(desk.claim(worker), "network-failed")
    abort_work_request(desk.author, request=desk.request, now=desk.now)
    desk.clock.advance(100)
    ring_timers(desk.now)
    assert make_due_claimable(desk.now) == 0
    assert (desk.request.status, desk.claim(worker)) == ("aborted", None)


@pytest.mark.parametrize("code", ["worker-failed", "out-of-disk-space", "out-of-memory"])
def test_another_worker_gets_it_at_once(
    desk: Desk, worker: Worker, other: Worker, code: str
) -> None:
    desk.report(desk.claim(worker), code)
    assert "at once on another worker" in desk.last.next_step
    assert desk.claim(worker) is None
    assert desk.claim(other) is not None


def test_the_same_worker_gets_it_after_all_if_nobody_else_does(
    desk: Desk, worker: Worker, other: Worker
) -> None:
    desk.report(desk.claim(worker), "worker-failed")
    desk.clock.advance(599)
    ring_timers(desk.now)
    assert desk.claim(worker) is None
    desk.clock.advance(2)
    ring_timers(desk.now)
    assert desk.claim(worker) is not None


def test_what_comes_back_while_it_was_kept_from_a_worker_is_not_kept_for_ever(
    desk: Desk, worker: Worker, other: Worker
) -> None:
    desk.report(desk.claim(worker), "worker-failed")
    desk.claim(other)
    desk.clock.advance(601)
    ring_timers(desk.now)
    requeue_lapsed(desk.now)
    assert desk.claim(worker) is not None


@pytest.mark.parametrize("reason", ["away", "disabled", "drained", "unfit"])
def test_a_worker_that_cannot_is_no_other_worker(
    desk: Desk, worker: Worker, other: Worker, reason: str
) -> None:
    match reason:
        case "away":
            other.connected_at = None
        case "disabled":
            other.token.enabled = False
            other.token.save()
        case "drained":
            other.drained_at = desk.now
        case "unfit":
            other.provided_tags = []
    other.save()
    desk.report(desk.claim(worker), "worker-failed")
    assert desk.request.delayed_until is not None
    desk.clock.advance(60)
    ring_timers(desk.now)
    assert desk.claim(worker) is not None


@pytest.mark.parametrize(
    ("result", "codes"),
    [
        ("failure", ["build-failed"]),
        ("failure", ["dependencies-unmet"]),
        ("temporary failure", []),
        ("error", ["cleanup-failed"]),
        ("success", ["network-failed"]),
    ],
)
def test_nothing_else_is_tried_again(
    desk: Desk, worker: Worker, other: Worker, result: str, codes: list[str]
) -> None:
    desk.report(desk.claim(worker), *codes, result=result)
    assert (desk.request.status, desk.request.result) == ("completed", result)


def test_settings_say_what_is_tried_again(desk: Desk, worker: Worker, settings: Any) -> None:
    update = {"retries_flaky": 1, "retry_delay": timedelta(0)}
    settings.DEBUSINE = settings.DEBUSINE.model_copy(update=update)
    desk.report(desk.claim(worker), result="temporary failure")
    desk.report(desk.claim(worker), result="temporary failure")
    assert desk.request.status == "completed"
    assert Attempt.objects.count() == 2


def test_classes_are_counted_one_by_one(desk: Desk, worker: Worker) -> None:
    for _ in range(3):
        desk.claim(worker)
        desk.clock.advance(61)
        requeue_lapsed(desk.now)
    desk.report(desk.claim(worker), "network-failed")
    assert (desk.request.status, desk.request.retry_count) == ("pending", 4)
    desk.clock.advance(60)
    ring_timers(desk.now)
    desk.claim(worker)
    desk.clock.advance(61)
    requeue_lapsed(desk.now)
    request = desk.request
    assert (request.status, request.result) == ("completed", "error")
    assert request.output_data["errors"][0]["code"] == "work-request-retry-limit-exceeded"


def test_reports_of_attempts_that_are_over_change_nothing(
    desk: Desk, worker: Worker, other: Worker
) -> None:
    first = desk.claim(worker)
    desk.report(first, "worker-failed")
    # it did not hear the answer
    desk.report(first, "worker-failed")
    second = desk.claim(other)
    desk.report(first, "worker-failed")
    assert desk.request.worker == other
    desk.report(second, result="success")
    assert (desk.request.status, desk.request.result) == ("completed", "success")


@pytest.mark.parametrize("number", [1, 5])
def test_late_reports_are_noted_once(desk: Desk, worker: Worker, number: int) -> None:
    got = desk.claim(worker)
    desk.clock.advance(61)
    requeue_lapsed(desk.now)
    for _ in range(number):
        with pytest.raises(LateReportError):
            desk.report(got, result="success")
    assert Attempt.objects.get(number=1).reason.count("late report") == 1


def failed_part(desk: Desk, worker: Worker, **fields: Any) -> WorkRequest:
    """Let the request fail as a part of a workflow that tries it again."""
    reactions = {"on_failure": [{"action": "retry-with-delays", "delays": ["30m", "2h"]}]}
    rows = WorkRequest.objects.filter(pk=desk.pk)
    rows.update(event_reactions=reactions, **fields)
    desk.report(desk.claim(worker))
    return rows.get()


@pytest.fixture
def workflow(desk: Desk) -> WorkRequest:
    return factories.make_work_request(
        created_by=desk.author.user, task_type="Workflow", status=WorkRequestStatus.RUNNING
    )


def test_a_part_of_a_workflow_is_tried_again_later_and_later(
    desk: Desk, worker: Worker, workflow: WorkRequest
) -> None:
    delays = []
    failed = failed_part(desk, worker, parent=workflow, workflow_root=workflow)
    for number in (1, 2):
        again = WorkRequest.objects.get(supersedes=failed)
        assert (again.status, again.signature, again.parent) == ("pending", None, workflow)
        assert again.workflow_data == {"retry_count": number}
        delays.append(again.delayed_until - desk.now)
        assert desk.claim(worker) is None
        desk.clock.advance(delays[-1].total_seconds() + 1)
        ring_timers(desk.now)
        desk.pk = again.pk
        desk.report(desk.claim(worker))
        failed = WorkRequest.objects.get(pk=again.pk)
        assert (failed.status, failed.result) == ("completed", "failure")
    assert delays == [timedelta(minutes=30), timedelta(hours=2)]
    assert not WorkRequest.objects.filter(supersedes=failed).exists()


def test_only_parts_of_workflows_are_tried_again_later(desk: Desk, worker: Worker) -> None:
    failed = failed_part(desk, worker)
    assert (failed.status, failed.result) == ("completed", "failure")
    assert WorkRequest.objects.count() == 1


def test_attempts_are_shown_with_what_came_next(
    desk: Desk, worker: Worker, other: Worker, settings: Any
) -> None:
    desk.report(desk.claim(worker), "worker-failed")
    desk.claim(other)
    shown = ApiClient(factories.make_token(desk.author.user).key).get(
        f"/work-request/{desk.pk}/attempts/"
    )
    first, second = shown.json()
    assert {key: first[key] for key in ("number", "worker", "outcome", "blame", "failure")} == {
        "number": 1,
        "worker": worker.name,
        "outcome": "failure",
        "blame": "environment",
        "failure": "infrastructure",
    }
    assert first["reason"] == "because of worker-failed"
    words = "tried again at once on another worker because of a broken worker: retry 1 of 1"
    assert first["next_step"] == words
    assert (second["number"], second["worker"], second["outcome"]) == (2, other.name, "")
    assert ApiClient().get(f"/work-request/{desk.pk}/attempts/").status_code == 403


def test_a_worker_that_asks_twice_at_once_gets_no_more_than_it_has_slots(
    desk: Desk, worker: Worker
) -> None:
    waiting = WorkRequest.objects.select_related("created_by").get(pk=desk.pk)
    factories.make_running(worker=worker)
    with pytest.raises(ContentionError):
        take(Actor(worker=worker), request=waiting, dynamic_data={}, now=desk.now)
    assert desk.request.status == "pending"
