# SPDX-License-Identifier: GPL-3.0-or-later
"""What happened is written once, and no reader that resumes from a cursor misses any of it."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection, transaction

from debusine.db.models import Event, EventCounter, EventReader, User, WorkRequest, Workspace
from debusine.domain.event import EventKind
from debusine.domain.result import WorkRequestResults
from debusine.domain.work_request import WorkRequestStatus
from debusine.errors import NotFoundError, PermissionDeniedError, UserError
from debusine.server import events
from debusine.server.actions.abort_work_request import abort_work_request
from debusine.server.actions.complete_work_request import complete_work_request, fail_pending
from debusine.server.actions.create_work_request import create_work_request
from debusine.server.actions.requeue_work_request import requeue_work_request
from debusine.server.actions.retry_work_request import retry_work_request
from debusine.server.actor import ANONYMOUS, SYSTEM, Actor
from debusine.server.views.event import (
    EventCursorError,
    listener_for,
    position_of,
    read_events,
    view_page,
)
from debusine.testing import factories
from debusine.wire.work_request import WorkRequestCompleted

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def written() -> list[tuple[str, int | None, dict[str, Any]]]:
    rows = Event.objects.order_by("id")
    return [(row.kind, row.work_request_id, row.data) for row in rows]


def finish(result: WorkRequestResults) -> WorkRequest:
    running = factories.make_running()
    report = WorkRequestCompleted(result=result)
    for _ in range(2):  # workers repeat reports
        complete_work_request(
            SYSTEM,
            token_hash=running.token.hash,
            work_request_id=running.work_request.pk,
            report=report,
            now=NOW,
        )
    return running.work_request


def happen(count: int, workspace: Workspace | None = None, *, at: datetime = NOW) -> None:
    request = factories.make_work_request(workspace=workspace)
    for _ in range(count):
        events.record(request, EventKind.ABORTED, at=at)


@pytest.mark.parametrize("result", list(WorkRequestResults)[1:])
def test_a_result_is_one_event(db: None, result: WorkRequestResults) -> None:
    request = finish(result)
    ((kind, pk, data),) = written()
    assert (kind, pk) == ("work_request.completed", request.pk)
    blame = {"blame": data.pop("blame")} if "blame" in data else {}
    assert data == {
        "task_type": "Worker",
        "task_name": "noop",
        "status": "completed",
        "result": result.value,
    }
    assert bool(blame) == (result not in {"success", "skipped"})


def test_an_abort_is_one_event_for_each_that_it_stops(user: User, workspace: Workspace) -> None:
    parent = factories.make_work_request()
    child = factories.make_work_request(parent=parent)
    factories.make_work_request(parent=parent, status=WorkRequestStatus.COMPLETED)
    abort_work_request(Actor(user=user), request=parent, now=NOW)
    found = [(kind, pk, data["status"]) for kind, pk, data in written()]
    kind = "work_request.aborted"
    assert found == [(kind, parent.pk, "aborted"), (kind, child.pk, "aborted")]


def test_a_request_that_cannot_start_ends_with_one_event(db: None) -> None:
    request = factories.make_work_request()
    for _ in range(2):
        fail_pending(SYSTEM, request=request, error=UserError("gone"), now=NOW)
    assert [(kind, pk) for kind, pk, _ in written()] == [("work_request.completed", request.pk)]


def test_only_the_last_lost_attempt_is_an_event(db: None) -> None:
    request = factories.make_work_request()
    for _ in range(4):
        attempt = factories.make_running(work_request=request).attempt
        for _ in range(2):
            requeue_work_request(SYSTEM, attempt=attempt, reason="gone", now=NOW)
    assert [(pk, data["result"]) for _, pk, data in written()] == [(request.pk, "error")]


def test_a_retry_supersedes(user: User, workspace: Workspace) -> None:
    request = create_work_request(
        Actor(user=user), workspace=workspace, task_name="noop", data={}, now=NOW
    )
    abort_work_request(Actor(user=user), request=request, now=NOW)
    again = retry_work_request(Actor(user=user), request=request, now=NOW)
    kind, pk, data = written()[-1]
    assert (kind, pk, data["superseded_by"]) == ("work_request.superseded", request.pk, again.pk)
    assert len(written()) == 2


def test_what_is_undone_did_not_happen(db: None) -> None:
    with transaction.atomic():
        happen(1)
        transaction.set_rollback(True)
    assert not Event.objects.exists()


@pytest.mark.parametrize("count", [1, 300])
def test_numbers_cost_the_same_however_many_there_are(
    db: None, count: int, django_assert_num_queries: Any
) -> None:
    happen(count)
    assert events.number_events() == count
    happen(1)
    # any; savepoint, counter, events, counter, savepoint; webhooks
    with django_assert_num_queries(7):
        assert events.number_events() == 1
    with django_assert_num_queries(1):
        assert events.number_events() == 0


def test_numbers_are_given_in_batches_without_gaps(db: None) -> None:
    happen(7)
    assert events.number_events(batch=3) == 7
    found = Event.objects.order_by("id").values_list("position", flat=True)
    assert list(found) == [1, 2, 3, 4, 5, 6, 7]


def everything_after(position: int) -> list[Event]:
    listener = listener_for(Actor(user=User.objects.get(username="admin")))
    rows: list[Event] = []
    while (found := read_events(listener, position, limit=7)).rows or found.more:
        rows += found.rows
        position = found.position
    return rows


@pytest.fixture
def _admin(transactional_db: None) -> None:
    factories.make_user("admin", superuser=True)
    factories.make_workspace()


@pytest.mark.usefixtures("_admin")
def test_nobody_misses_an_event_that_is_committed_late() -> None:
    request = factories.make_work_request()
    EventCounter.objects.create(pk=1)
    may_commit, has_written = threading.Event(), threading.Event()

    def slow() -> None:
        with transaction.atomic():
            events.record(request, EventKind.ABORTED, at=NOW, who="slow")
            has_written.set()
            may_commit.wait(20)
        connection.close()

    def fast() -> None:
        with transaction.atomic():
            events.record(request, EventKind.ABORTED, at=NOW, who="fast")
        connection.close()

    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(slow)
        assert has_written.wait(20)
        second = threads.submit(fast)
        if connection.vendor == "sqlite":  # there the second waits for the first
            may_commit.set()
        second.result(20)
        before = everything_after(0)
        may_commit.set()
        first.result(20)
    after = everything_after(before[-1].position or 0)
    assert sorted(row.data["who"] for row in [*before, *after]) == ["fast", "slow"]


WRITERS = 5
TRANSACTIONS = 20


@pytest.mark.usefixtures("_admin")
def test_a_reader_sees_each_event_once_while_many_write() -> None:
    request = factories.make_work_request()
    writing = threading.Barrier(WRITERS + 1)
    done = threading.Event()

    def write(writer: int) -> None:
        writing.wait(20)
        for number in range(TRANSACTIONS):
            with transaction.atomic():
                for part in range(1 + (writer + number) % 3):
                    which = [writer, number, part]
                    events.record(request, EventKind.ABORTED, at=NOW, which=which)
        connection.close()

    def read() -> list[Event]:
        seen: list[Event] = []
        writing.wait(20)
        while True:
            last_time = done.is_set()
            seen += everything_after((seen[-1].position or 0) if seen else 0)
            if last_time:
                connection.close()
                return seen

    with ThreadPoolExecutor(WRITERS + 1) as threads:
        reading = threads.submit(read)
        for each in [threads.submit(write, number) for number in range(WRITERS)]:
            each.result(60)
        events.number_events()
        done.set()
        seen = reading.result(60)
    assert [row.position for row in seen] == list(range(1, Event.objects.count() + 1))
    assert len({tuple(row.data["which"]) for row in seen}) == len(seen) > WRITERS * TRANSACTIONS


def test_only_visible_events_are_shown(user: User, workspace: Workspace) -> None:
    public = factories.make_workspace("Public", public=True)
    happen(1, workspace)
    happen(1, public)
    events.number_events()
    assert len(read_events(listener_for(Actor(user=user)), 0).rows) == 2
    guest = Actor(user=factories.make_user())
    (row,) = read_events(listener_for(guest), 0).rows
    assert row.workspace == public
    public.public = False
    public.save()
    assert read_events(listener_for(guest, workspaces=""), 0).rows == []
    with pytest.raises(NotFoundError):
        listener_for(guest, workspaces="Public")
    with pytest.raises(PermissionDeniedError):
        listener_for(ANONYMOUS)


def test_a_cursor_moves_on_past_what_others_see(user: User, workspace: Workspace) -> None:
    other = factories.make_workspace("Other")
    happen(3, other)
    happen(1, workspace)
    events.number_events()
    listener = listener_for(Actor(user=user), workspaces="debusine/Other")
    page = view_page(read_events(listener, 0, limit=2))
    assert (page.cursor, page.more, len(page.results)) == ("2", True, 2)
    page = view_page(read_events(listener, 2, limit=2))
    assert (page.cursor, page.more, len(page.results)) == ("4", False, 1)
    listener = listener_for(Actor(user=user), kinds="work_request.completed")
    assert view_page(read_events(listener, 0)).cursor == "4"


@pytest.mark.parametrize("count", [0, 200])
def test_reading_costs_the_same_however_many_there_are(
    user: User, workspace: Workspace, count: int, django_assert_num_queries: Any
) -> None:
    happen(count + 2)
    events.number_events()
    listener = listener_for(Actor(user=user))
    with django_assert_num_queries(3):
        assert len(view_page(read_events(listener, count)).results) == 2
    with django_assert_num_queries(1):
        read_events(listener, count + 2)


def test_old_events_are_forgotten_and_late_readers_told(user: User, workspace: Workspace) -> None:
    happen(3, at=NOW)
    happen(2, at=NOW + timedelta(days=2))
    events.number_events()
    listener = listener_for(Actor(user=user))
    assert events.remove_old(before=NOW + timedelta(days=1), batch=2) == 2
    assert events.remove_old(before=NOW + timedelta(days=1), batch=2) == 1
    assert events.remove_old(before=NOW + timedelta(days=1)) == 0
    assert [row.position for row in read_events(listener, 3).rows] == [4, 5]
    with pytest.raises(EventCursorError, match="gone") as caught:
        position_of("2")
    assert "anew" in (caught.value.resolution or "")
    with pytest.raises(EventCursorError):
        read_events(listener, 2)
    with pytest.raises(EventCursorError):
        position_of("6")
    with pytest.raises(UserError, match="Invalid cursor"):
        position_of("soon")
    assert position_of(None) == 5


def test_what_our_own_readers_have_not_read_is_kept(db: None) -> None:
    happen(3)
    events.number_events()
    EventReader.objects.create(name="deliveries", position=1)
    assert events.remove_old(before=NOW + timedelta(days=1)) == 1
    assert list(Event.objects.values_list("position", flat=True)) == [2, 3]


def test_events_outlive_what_they_are_about(db: None) -> None:
    happen(1)
    request = WorkRequest.objects.get()
    pk = request.pk
    request.delete()
    assert Event.objects.get().work_request_id == pk
