# SPDX-License-Identifier: GPL-3.0-or-later
"""Who delivers is told when there is something to send, and need not wait for a sweep."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_network
from typing import Any

import pytest
from django.db import connection

from debusine.db.models import Notification, User, Webhook, WebhookDelivery, Workspace
from debusine.domain.event import EventKind
from debusine.domain.result import WorkRequestResults
from debusine.server import deliveries, events, job_queue
from debusine.server.job_queue import Queue
from debusine.server.jobs import deliver
from debusine.testing import factories
from debusine.testing.receiver import receiver
from debusine.testing.waiting import wait_for
from debusine.util.clock import SystemClock

pytestmark = pytest.mark.django_db(transaction=True)
NOW = SystemClock().now()
MESSAGE = ("deliver", ())


@pytest.fixture
def told() -> Iterator[list[tuple[str, Sequence[int]]]]:
    """What was told to who runs jobs."""
    messages: list[tuple[str, Sequence[int]]] = []

    def take(job: str, ids: Sequence[int], queue: Queue) -> None:
        messages.append((job, ids))

    before = job_queue.connect(take)
    # what others told while nobody listened
    messages.clear()
    yield messages
    # who runs jobs goes on hearing of them
    if before is None:
        job_queue.disconnect()
    else:
        job_queue.connect(before)


def make(url: str = "http://hooks.example.org/", **fields: Any) -> Webhook:
    place = factories.make_workspace()
    return Webhook.objects.create(
        **{
            "workspace": place, "name": "hook", "url": url, "secret": "whsec_AAAA",
            "created_at": NOW,
        } | fields
    )  # fmt: skip


def happen() -> None:
    request = factories.make_work_request()
    # its number, and so the message, come after the commit
    events.record(request, EventKind.ABORTED, at=NOW)


def test_an_event_for_a_webhook_sends_a_message(told: list[Any]) -> None:
    make()
    happen()
    assert told == [MESSAGE]


@pytest.mark.parametrize("fields", [None, {"enabled": False}, {"workspace": "Other"}])
def test_events_that_no_webhook_wants_send_none(told: list[Any], fields: Any) -> None:
    if fields is not None:
        if "workspace" in fields:
            fields = {"workspace": factories.make_workspace(fields["workspace"])}
        make(**fields)
    happen()
    assert told == []


@pytest.mark.parametrize("result", list(WorkRequestResults)[1:])
@pytest.mark.parametrize("reaction", ["on_success", "on_failure"])
def test_an_end_that_people_are_to_be_told_of_sends_one(
    told: list[Any], result: WorkRequestResults, reaction: str
) -> None:
    wanted = {reaction: [{"action": "send-notification", "channel": "team"}]}
    request = factories.make_work_request(event_reactions=wanted, result=result.value)
    events.record(request, EventKind.COMPLETED, at=NOW)
    is_wanted = result is not WorkRequestResults.SKIPPED and (reaction == "on_success") == (
        result is WorkRequestResults.SUCCESS
    )
    assert told == [MESSAGE] * is_wanted
    # it finds what it is told about
    assert deliveries.note_deliveries(NOW) == 1
    assert Notification.objects.count() == is_wanted


def test_tests_and_replays_send_one_too(
    told: list[Any], user: User, workspace: Workspace, api: Any
) -> None:
    make()
    assert api.post("/webhook/System/hook/test/", {}).status_code in {200, 201}
    assert told == [MESSAGE]
    body = {"delivery": WebhookDelivery.objects.get().pk}
    assert api.post("/webhook/System/hook/replay/", body).status_code == 200
    assert told == [MESSAGE] * 2
    assert api.post("/webhook/System/hook/replay/", {"after": "0"}).status_code == 200
    assert told == [MESSAGE] * 3


def run() -> None:
    try:
        deliver.run()
    finally:
        connection.close()


def test_a_message_that_comes_while_one_delivers_is_not_forgotten(
    told: list[Any], settings: Any
) -> None:
    networks = (ip_network("127.0.0.0/8"),)
    settings.DEBUSINE = settings.DEBUSINE.model_copy(update={"webhook_networks": networks})
    with receiver() as there, ThreadPoolExecutor(1) as threads:
        there.hold.set()
        make(there.url)
        happen()
        first = threads.submit(run)
        wait_for(lambda: there.received)
        told.clear()
        deliver.run()
        assert told == []
        there.go_on.set()
        first.result()
        assert told == [MESSAGE]
        deliver.run()
    assert told == [MESSAGE]
    assert len(there.received) == 1
