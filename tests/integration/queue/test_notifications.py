# SPDX-License-Identifier: GPL-3.0-or-later
"""People are told by mail what requests want them to be told."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from datetime import UTC, datetime
from email import message_from_bytes
from email.message import Message
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from debusine.db.models import Notification, NotificationChannel, WorkRequest
from debusine.domain.result import WorkRequestResults
from debusine.server import events
from debusine.server.actions.complete_work_request import complete_work_request
from debusine.server.actor import SYSTEM
from debusine.server.jobs.deliver import deliver
from debusine.settings import Settings
from debusine.site.mail import mail_settings
from debusine.testing import factories
from debusine.testing.clock import FakeClock
from debusine.wire.work_request import WorkRequestCompleted

NOW = datetime(2026, 1, 1, tzinfo=UTC)
CHANNELS = "/notification-channel/"
TEAM = {"name": "team", "data": {"from": "debusine@example.org", "to": ["team@example.org"]}}


class Mailbox:
    """What a mail server does with what it gets."""

    def __init__(self) -> None:
        self.taken: list[tuple[list[str], Message]] = []
        self.refuses = ""

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        if self.refuses:
            return self.refuses
        assert isinstance(envelope.content, bytes)
        self.taken.append((envelope.rcpt_tos, message_from_bytes(envelope.content)))
        return "250 OK"


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as it:
        port: int = it.getsockname()[1]
        return port


@pytest.fixture
def port(settings: Any) -> int:
    """Where the server looks for a mail server."""
    number = free_port()
    server = Settings(email_url=f"smtp://127.0.0.1:{number}")
    for name, value in mail_settings(server).items():
        setattr(settings, name, value)
    return number


@pytest.fixture
def mailbox(port: int) -> Iterator[Mailbox]:
    box = Mailbox()
    controller = Controller(box, hostname="127.0.0.1", port=port)
    controller.start()
    yield box
    controller.stop()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(NOW)


def finish(result: WorkRequestResults, **reactions: Any) -> WorkRequest:
    wanted = {
        event: [{"action": "send-notification", **each} for each in each_of]
        for event, each_of in reactions.items()
    }
    running = factories.make_running(event_reactions=wanted)
    complete_work_request(
        SYSTEM,
        token_hash=running.token.hash,
        work_request_id=running.work_request.pk,
        report=WorkRequestCompleted(result=result),
        now=NOW,
    )
    events.number_events()
    return running.work_request


def test_a_mail_says_what_its_channel_does(api: Any, mailbox: Mailbox, clock: FakeClock) -> None:
    assert api.post(CHANNELS, TEAM).status_code == 201
    request = finish(WorkRequestResults.FAILURE, on_failure=[{"channel": "team"}])
    assert deliver(clock=clock) == 1
    ((recipients, mail),) = mailbox.taken
    assert recipients == ["team@example.org"]
    assert mail["From"] == "debusine@example.org"
    assert mail["Subject"] == f"WorkRequest {request.pk} completed in failure"
    assert mail.get_payload() == "Sent by debusine\r\n"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert deliver(clock=clock) == 0
    assert Notification.objects.get().delivered_at is not None


def test_what_the_request_says_goes_before(api: Any, mailbox: Mailbox, clock: FakeClock) -> None:
    api.post(CHANNELS, TEAM | {"data": TEAM["data"] | {"cc": ["boss@example.org"]}})
    data = {
        "to": ["me@example.org"],
        "cc": None,
        "subject": "$work_request_result of $work_request_id, $other",
    }
    request = finish(WorkRequestResults.SUCCESS, on_success=[{"channel": "team", "data": data}])
    deliver(clock=clock)
    ((recipients, mail),) = mailbox.taken
    assert recipients == ["me@example.org", "boss@example.org"]
    assert mail["Subject"] == f"success of {request.pk}, $other"


@pytest.mark.parametrize("result", [WorkRequestResults.SKIPPED, WorkRequestResults.SUCCESS])
def test_nobody_is_told_of_other_ends(
    api: Any, mailbox: Mailbox, clock: FakeClock, result: WorkRequestResults
) -> None:
    api.post(CHANNELS, TEAM)
    finish(result, on_failure=[{"channel": "team"}])
    assert deliver(clock=clock) == 0
    assert mailbox.taken == []


def test_each_is_told_by_each_channel_once(api: Any, mailbox: Mailbox, clock: FakeClock) -> None:
    api.post(CHANNELS, TEAM)
    api.post(CHANNELS, {"name": "all", "data": {"to": ["all@example.org"]}})
    finish(WorkRequestResults.ERROR, on_failure=[{"channel": "team"}, {"channel": "all"}])
    assert deliver(clock=clock) == 2
    assert [to for to, _ in mailbox.taken] == [["team@example.org"], ["all@example.org"]]
    assert [mail["From"] for _, mail in mailbox.taken][1] == "debusine@localhost"
    assert len({mail["Message-ID"] for _, mail in mailbox.taken}) == 2


def test_a_mail_server_that_is_away_breaks_nothing_and_is_tried_again(
    api: Any, port: int, clock: FakeClock
) -> None:
    api.post(CHANNELS, TEAM)
    requests = [
        finish(WorkRequestResults.FAILURE, on_failure=[{"channel": "team"}]) for _ in range(2)
    ]
    assert deliver(clock=clock) == 2
    for request in requests:
        request.refresh_from_db()
        assert request.status == "completed"
    errors = Notification.objects.values_list("error", flat=True)
    assert all("refused" in error for error in errors)
    box = Mailbox()
    controller = Controller(box, hostname="127.0.0.1", port=port)
    controller.start()
    try:
        assert deliver(clock=clock) == 0
        clock.advance(5)
        assert deliver(clock=clock) == 2
    finally:
        controller.stop()
    assert len(box.taken) == 2


def test_one_mail_that_is_refused_keeps_back_no_other(
    api: Any, mailbox: Mailbox, clock: FakeClock
) -> None:
    api.post(CHANNELS, TEAM)
    bad = {"from": "a\nBcc: b@example.org", "to": ["c@example.org"]}
    NotificationChannel.objects.create(name="bad", data=bad)
    finish(WorkRequestResults.FAILURE, on_failure=[{"channel": "bad"}, {"channel": "team"}])
    assert deliver(clock=clock) == 2
    assert [to for to, _ in mailbox.taken] == [["team@example.org"]]
    mailbox.refuses = "554 no"
    finish(WorkRequestResults.FAILURE, on_failure=[{"channel": "team"}])
    deliver(clock=clock)
    newest = Notification.objects.order_by("pk").last()
    assert newest is not None
    assert "554" in newest.error


def test_without_a_mail_server_nothing_is_sent_anywhere(
    api: Any, settings: Any, clock: FakeClock
) -> None:
    for name, value in mail_settings(Settings(email_url=None)).items():
        setattr(settings, name, value)
    api.post(CHANNELS, TEAM)
    finish(WorkRequestResults.FAILURE, on_failure=[{"channel": "team"}])
    assert deliver(clock=clock) == 1
    row = Notification.objects.get()
    assert "DEBUSINE_EMAIL_URL" in row.error
    assert row.due_at is not None


def test_a_channel_that_has_gone_is_no_reason_to_try_again(
    api: Any, mailbox: Mailbox, clock: FakeClock
) -> None:
    finish(WorkRequestResults.FAILURE, on_failure=[{"channel": "gone"}])
    deliver(clock=clock)
    assert (Notification.objects.get().due_at, mailbox.taken) == (None, [])


def test_channels_that_exist_can_be_asked_for(api: Any) -> None:
    api.post(CHANNELS, TEAM)
    body = {
        "task_name": "noop",
        "task_data": {"notifications": {"on_failure": [{"channel": "team"}]}},
    }
    answer = api.post("/work-request/", body)
    assert answer.status_code == 200
    assert answer.json()["event_reactions"] == {
        "on_failure": [{"action": "send-notification", "channel": "team"}]
    }
    body["task_data"]["notifications"]["on_failure"][0]["data"] = {"to": ["a\nb@example.org"]}
    answer = api.post("/work-request/", body)
    assert answer.status_code == 400
    assert "is no address" in answer.json()["detail"]


@pytest.mark.parametrize(
    "fields",
    [
        {"name": "1st"},
        {"name": "a" * 21},
        {"name": "a\n"},
        {"method": "pigeon"},
        {"data": {"to": []}},
        {"data": {"to": ["nobody"]}},
        {"data": {"to": ["a@example.org"], "colour": "red"}},
        {"data": {"to": ["a@example.org"], "subject": "two\nlines"}},
    ],
)
def test_wrong_channels_are_refused(api: Any, fields: dict[str, Any]) -> None:
    assert api.post(CHANNELS, TEAM | fields).status_code == 400
    assert not NotificationChannel.objects.exists()


def test_channels_are_for_administrators(api: Any) -> None:
    api.post(CHANNELS, TEAM)
    guest = type(api)(factories.make_token().key)
    assert guest.get(CHANNELS).status_code == 403
    assert guest.get(f"{CHANNELS}team/").status_code == 403
    assert guest.post(CHANNELS, TEAM | {"name": "b"}).status_code == 403
    assert guest.patch(f"{CHANNELS}team/", {"name": "b"}).status_code == 403
    assert guest.delete(f"{CHANNELS}team/").status_code == 403
    assert api.get(f"{CHANNELS}team/").json()["name"] == "team"
    api.post(CHANNELS, TEAM | {"name": "b"})
    assert api.patch(f"{CHANNELS}team/", {"name": "b"}).status_code == 400
    assert api.patch(f"{CHANNELS}gone/", {"name": "c"}).status_code == 404
