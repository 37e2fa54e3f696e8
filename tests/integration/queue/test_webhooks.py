# SPDX-License-Identifier: GPL-3.0-or-later
"""Webhooks: who may have them, what they get, what happens when they do not take it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from typing import Any

import pytest
from django.db import connection

from debusine.db.models import Webhook, WebhookDelivery, WorkRequest
from debusine.domain.delivery import PAUSES
from debusine.domain.event import EventKind
from debusine.domain.webhook import signature_of
from debusine.server import events
from debusine.server.jobs.deliver import deliver
from debusine.server.webhook_http import Sender
from debusine.server.webhook_turn import TURN, begin_turns
from debusine.testing import factories
from debusine.testing.clock import FakeClock
from debusine.testing.receiver import Receiver, receiver

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LOOPBACK = (ip_network("127.0.0.0/8"),)
SENDER = Sender(allowed=LOOPBACK)
HOOKS = "/webhook/System/"


@pytest.fixture(autouse=True)
def _allowed(settings: Any) -> None:
    settings.DEBUSINE = settings.DEBUSINE.model_copy(update={"webhook_networks": LOOPBACK})


@pytest.fixture
def there() -> Iterator[Receiver]:
    with receiver() as it:
        yield it


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(NOW)


def make(api: Any, url: str, name: str = "hook", **fields: Any) -> dict[str, Any]:
    answer = api.post(HOOKS, {"name": name, "url": url, **fields})
    assert answer.status_code == 201, answer.content
    made: dict[str, Any] = answer.json()
    return made


def happen(kind: EventKind = EventKind.ABORTED, **fields: Any) -> WorkRequest:
    request = factories.make_work_request(**fields)
    events.record(request, kind, at=NOW)
    events.number_events()
    return request


def test_a_message_says_what_happened_and_is_signed(
    api: Any, there: Receiver, clock: FakeClock
) -> None:
    happen()
    made = make(api, there.url)
    request = happen()
    happen(workspace=factories.make_workspace("Other"))
    assert deliver(clock=clock, sender=SENDER) == 1
    ((headers, body),) = there.received
    assert json.loads(body) == {
        "type": "work_request.aborted",
        "timestamp": "2026-01-01T00:00:00.000000Z",
        "data": {
            "cursor": "2",
            "scope": "debusine",
            "workspace": "System",
            "work_request": request.pk,
            "data": {"task_type": "Worker", "task_name": "noop", "status": "pending"},
        },
    }
    (delivery,) = api.get(f"{HOOKS}hook/delivery/").json()["results"]
    assert headers["content-type"] == "application/json"
    assert headers["webhook-id"] == f"msg_{delivery['id']}"
    assert headers["webhook-timestamp"] == str(int(NOW.timestamp()))
    assert headers["webhook-signature"] == signature_of(
        made["secret"],
        message_id=headers["webhook-id"],
        timestamp=int(NOW.timestamp()),
        body=body,
    )
    assert delivery["delivered_at"] == "2026-01-01T00:00:00.000000Z"
    assert delivery["due_at"] is None
    assert deliver(clock=clock, sender=SENDER) == 0


def test_the_secret_is_shown_once(api: Any, there: Receiver) -> None:
    secret = make(api, there.url)["secret"]
    assert secret.startswith("whsec_")
    for path in (HOOKS, f"{HOOKS}hook/"):
        assert secret not in api.get(path).content.decode()
    assert secret not in repr(Webhook.objects.get())


def test_only_owners_have_webhooks(api: Any, there: Receiver) -> None:
    factories.make_workspace("Public", public=True)
    guest = type(api)(factories.make_token().key)
    for client in (guest, type(api)()):
        answer = client.post("/webhook/Public/", {"name": "a", "url": there.url})
        assert answer.status_code == 403
        assert client.get("/webhook/Public/").status_code == 403
        assert client.get("/webhook/Public/a/").status_code == 403


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"name": "a b"}, "name"),
        ({"url": "ftp://example.org/"}, "url"),
        ({"url": "http://10.0.0.1/"}, "url"),
        ({"kinds": ["work_request.exploded"]}, "kinds"),
    ],
)
def test_wrong_wishes_name_the_field(api: Any, fields: dict[str, Any], field: str) -> None:
    wanted = {"name": "a", "url": "https://example.org/", **fields}
    answer = api.post(HOOKS, wanted)
    assert (answer.status_code, list(answer.json()["validation_errors"])) == (400, [field])


def test_a_name_is_taken_once(api: Any, there: Receiver) -> None:
    make(api, there.url)
    assert api.post(HOOKS, {"name": "hook", "url": there.url}).status_code == 400
    assert api.delete(f"{HOOKS}hook/").status_code == 204
    make(api, there.url)


def test_only_the_kinds_that_are_wanted_are_sent(
    api: Any, there: Receiver, clock: FakeClock
) -> None:
    make(api, there.url, kinds=["work_request.superseded"])
    happen()
    happen(EventKind.SUPERSEDED)
    assert deliver(clock=clock, sender=SENDER) == 1
    assert json.loads(there.received[0][1])["type"] == "work_request.superseded"


def test_what_fails_is_tried_again_with_the_same_id_until_it_is_given_up(
    api: Any, there: Receiver, clock: FakeClock
) -> None:
    make(api, there.url)
    happen()
    there.answers[:] = [500, 302, *[503] * 100]
    tries = 0
    while deliver(clock=clock, sender=SENDER):
        tries += 1
        assert deliver(clock=clock, sender=SENDER) == 0
        due = WebhookDelivery.objects.get().due_at
        if due is not None:
            clock.advance((due - clock.now()).total_seconds())
    assert tries == len(there.received) == len(PAUSES) + 1
    assert len({headers["webhook-id"] for headers, _ in there.received}) == 1
    (delivery,) = api.get(f"{HOOKS}hook/delivery/").json()["results"]
    assert (delivery["due_at"], delivery["delivered_at"]) == (None, None)
    errors = [entry["error"] for entry in delivery["history"]]
    assert errors[:3] == [
        "answered 500",
        "answered 302; redirects are not followed",
        "answered 503",
    ]
    assert len(errors) == tries
    there.answers.clear()
    assert api.post(f"{HOOKS}hook/replay/", {"delivery": delivery["id"]}).status_code == 200
    clock.advance(3600 * 24 * 365)
    assert deliver(clock=clock, sender=SENDER) == 1
    (delivery,) = api.get(f"{HOOKS}hook/delivery/").json()["results"]
    assert delivery["delivered_at"] is not None
    assert len(delivery["history"]) == tries + 1


def test_a_receiver_that_fails_for_long_is_disabled_and_can_be_enabled(
    api: Any, there: Receiver, clock: FakeClock
) -> None:
    make(api, there.url)
    there.answers[:] = [500, 500]
    happen()
    deliver(clock=clock, sender=SENDER)
    assert api.get(f"{HOOKS}hook/").json()["failing_since"] is not None
    clock.advance(6 * 24 * 3600)
    deliver(clock=clock, sender=SENDER)
    shown = api.get(f"{HOOKS}hook/").json()
    assert (shown["enabled"], "nothing could be delivered" in shown["disabled_reason"]) == (
        False,
        True,
    )
    happen()
    clock.advance(3600)
    assert deliver(clock=clock, sender=SENDER) == 0
    answer = api.post(f"{HOOKS}hook/test/")
    assert answer.status_code == 400
    assert "disabled" in answer.json()["title"]
    assert api.post(f"{HOOKS}hook/enable/", {"enabled": True}).json()["enabled"]
    answer = api.post(f"{HOOKS}hook/replay/", {"after": "0"}).json()
    assert answer == {"count": 2, "cursor": "2", "more": False}
    clock.advance(3600 * 24 * 365)
    assert deliver(clock=clock, sender=SENDER) == 2
    assert api.get(f"{HOOKS}hook/").json()["failing_since"] is None


def test_a_receiver_that_is_gone_is_disabled_at_once(
    api: Any, there: Receiver, clock: FakeClock
) -> None:
    make(api, there.url)
    there.answers[:] = [410]
    happen()
    deliver(clock=clock, sender=SENDER)
    assert api.get(f"{HOOKS}hook/").json()["disabled_reason"] == "the receiver answered 410 Gone"


def test_a_test_is_a_message_about_nothing(api: Any, there: Receiver, clock: FakeClock) -> None:
    make(api, there.url)
    pk = api.post(f"{HOOKS}hook/test/").json()["id"]
    clock.advance(3600 * 24 * 365)
    assert deliver(clock=clock, sender=SENDER) == 1
    ((headers, body),) = there.received
    assert headers["webhook-id"] == f"msg_{pk}"
    assert (json.loads(body)["type"], json.loads(body)["data"]) == (
        "webhook.test",
        {"webhook": "hook"},
    )


def test_what_is_older_than_the_webhook_can_be_replayed(
    api: Any, there: Receiver, clock: FakeClock
) -> None:
    happen()
    make(api, there.url)
    assert deliver(clock=clock, sender=SENDER) == 0
    assert api.post(f"{HOOKS}hook/replay/", {"after": "0"}).json()["count"] == 1
    clock.advance(3600 * 24 * 365)
    assert deliver(clock=clock, sender=SENDER) == 1
    assert api.post(f"{HOOKS}hook/replay/", {}).status_code == 400
    assert api.post(f"{HOOKS}hook/replay/", {"delivery": 10**20}).status_code == 404


def test_one_that_hangs_holds_up_no_other(api: Any, there: Receiver, clock: FakeClock) -> None:
    with receiver() as slow:
        slow.hold.set()
        make(api, slow.url, "slow")
        make(api, there.url, "quick")
        happen()
        deliver(clock=clock, sender=Sender(allowed=LOOPBACK, time_limit_s=0.5))
    assert len(there.received) == 1
    (delivery,) = api.get(f"{HOOKS}slow/delivery/").json()["results"]
    assert delivery["error"] == "no answer within 0.5 s"


def test_addresses_inside_are_never_called(api: Any, there: Receiver, clock: FakeClock) -> None:
    make(api, there.url)
    make(api, there.url.replace("127.0.0.1", "localhost"), "name")
    happen()
    assert deliver(clock=clock, sender=Sender()) == 2
    assert there.received == []
    errors = WebhookDelivery.objects.values_list("error", flat=True)
    assert all("no public address" in error for error in errors)


def test_a_name_cannot_change_its_mind_between_check_and_call(api: Any, clock: FakeClock) -> None:
    answers = [["127.0.0.2"], ["127.0.0.1"], ["127.0.0.1"]]
    asked = []

    async def resolve(host: str, _port: int) -> Sequence[str]:
        asked.append(host)
        return answers[len(asked) - 1]

    with receiver("127.0.0.2") as checked, receiver("127.0.0.1", checked.port) as inside:
        make(api, f"http://rebind.example.org:{checked.port}/")
        happen()
        sender = Sender(allowed=(ip_network("127.0.0.2/32"),), resolve=resolve)
        assert deliver(clock=clock, sender=sender) == 1
        assert (len(checked.received), len(inside.received)) == (1, 0)
        assert asked == ["rebind.example.org"]
        assert checked.received[0][0]["host"] == f"rebind.example.org:{checked.port}"
        happen()
        assert deliver(clock=clock, sender=sender) == 1
        assert (len(checked.received), len(inside.received)) == (1, 0)
    newest = WebhookDelivery.objects.order_by("pk").last()
    assert newest is not None
    assert "127.0.0.1 is no public address" in newest.error


def test_one_bad_address_among_several_is_enough(api: Any, clock: FakeClock) -> None:
    async def resolve(_host: str, _port: int) -> Sequence[str]:
        return ["127.0.0.2", "127.0.0.1"]

    with receiver("127.0.0.2") as checked:
        make(api, f"http://two.example.org:{checked.port}/")
        happen()
        deliver(clock=clock, sender=Sender(allowed=(ip_network("127.0.0.2/32"),), resolve=resolve))
        assert checked.received == []


def test_a_turn_that_somebody_died_in_is_taken_up_later(
    api: Any, there: Receiver, clock: FakeClock
) -> None:
    make(api, there.url)
    happen()
    deliver(clock=clock, sender=SENDER)
    happen()
    WebhookDelivery.objects.filter(delivered_at=None).delete()
    api.post(f"{HOOKS}hook/replay/", {"after": "1"})
    WebhookDelivery.objects.filter(delivered_at=None).update(due_at=NOW)
    Webhook.objects.update(due_at=NOW)
    assert len(begin_turns(NOW)) == 1
    assert deliver(clock=clock, sender=SENDER) == 0
    clock.advance(TURN.total_seconds())
    assert deliver(clock=clock, sender=SENDER) == 1
    assert len(there.received) == 2


def test_many_deliverers_send_each_message_once(transactional_db: None, there: Receiver) -> None:
    place = factories.make_workspace()
    hooks = [
        Webhook.objects.create(
            workspace=place, name=f"h{n}", url=there.url, secret="whsec_AAAA", created_at=NOW
        )
        for n in range(3)
    ]
    for _ in range(10):
        happen()

    def work(_number: int) -> int:
        try:
            count = 0
            while tried := deliver(clock=FakeClock(NOW + timedelta(seconds=1)), sender=SENDER):
                count += tried
            return count
        finally:
            connection.close()

    with ThreadPoolExecutor(3) as threads:
        counts = list(threads.map(work, range(3)))
    counts.append(work(0))
    assert sum(counts) == len(there.received) == 10 * len(hooks)
    assert len({headers["webhook-id"] for headers, _ in there.received}) == 10 * len(hooks)
    assert not WebhookDelivery.objects.exclude(due_at=None).exists()


@pytest.mark.parametrize("count", [0, 20])
def test_nothing_due_costs_the_same_however_much_waits(
    api: Any, clock: FakeClock, count: int, there: Receiver, django_assert_num_queries: Any
) -> None:
    make(api, there.url)
    for _ in range(count):
        happen()
    deliver(clock=clock, sender=SENDER)
    WebhookDelivery.objects.update(due_at=NOW + timedelta(days=1))
    Webhook.objects.update(due_at=NOW + timedelta(days=1))
    # savepoint, reader twice, counter, events, savepoint; notifications; webhooks
    with django_assert_num_queries(8):
        assert deliver(clock=clock, sender=SENDER) == 0
