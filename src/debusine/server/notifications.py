# SPDX-License-Identifier: GPL-3.0-or-later
"""Send people what the reactions of requests want them to be told."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from smtplib import SMTPDataError, SMTPException, SMTPRecipientsRefused, SMTPSenderRefused

import structlog
from django.conf import settings
from django.core.mail import EmailMessage, get_connection
from django.core.mail.backends.base import BaseEmailBackend

from debusine.db.models import Notification, NotificationChannel
from debusine.domain.notification import BODY, compose
from debusine.server.webhook_turn import note_try
from debusine.util.clock import Clock

BATCH = 20
# longer than it takes to send so many
_TURN = timedelta(minutes=10)
# the server goes on to speak with us after these
_OF_ONE = (SMTPRecipientsRefused, SMTPSenderRefused, SMTPDataError, ValueError)

log = structlog.get_logger(__name__)


class NoMailServerError(OSError):
    """Nobody has said where mail goes."""


def send_notifications(clock: Clock) -> int:
    """
    Send what is due; one query if there is nothing.

    :returns: how many were tried
    """
    mine = _take(clock.now())
    if not mine:
        return 0
    names = {notification.channel for notification in mine}
    channels = {row.name: row for row in NotificationChannel.objects.filter(name__in=names)}
    trouble = ""
    with _connection() as connection:
        for notification in mine:
            channel = channels.get(notification.channel)
            if channel is None:
                _give_up(notification)
                continue
            error = trouble
            if not trouble:
                error, is_of_all = _send(connection, notification, channel)
                trouble = error if is_of_all else ""
            _settle(notification, error=error, now=clock.now())
    return len(mine)


def _take(now: datetime) -> list[Notification]:
    """Take some that are due; whoever dies over them loses them after a while."""
    due = Notification.objects.filter(due_at__lte=now).select_related("event").order_by("due_at")
    return [
        row
        for row in due[:BATCH]
        if Notification.objects.filter(pk=row.pk, due_at=row.due_at).update(due_at=now + _TURN)
    ]


@contextmanager
def _connection() -> Iterator[BaseEmailBackend]:
    """A connection that is opened when something is sent, and closed whatever happens."""
    connection = get_connection()
    try:
        yield connection
    finally:
        try:
            connection.close()
        except (OSError, SMTPException) as error:
            log.info("mail-server-gone", error=str(error))


def _send(
    connection: BaseEmailBackend, notification: Notification, channel: NotificationChannel
) -> tuple[str, bool]:
    """Try once: what went wrong, if anything, and whether it would with all others, too."""
    event = notification.event
    mail = compose(
        channel.data,
        notification.data,
        work_request=event.work_request_id or 0,
        result=event.data.get("result", ""),
    )
    message = EmailMessage(
        subject=mail.subject,
        body=BODY,
        from_email=mail.sender or None,
        to=mail.to,
        cc=mail.cc,
        headers={
            "Message-ID": f"<notification-{notification.pk}@{settings.DEBUSINE.fqdn}>",
            "Auto-Submitted": "auto-generated",
        },
        connection=connection,
    )
    try:
        _require_server()
        connection.open()
        message.send()
    except _OF_ONE as error:
        return f"{type(error).__name__}: {error}", False
    except (OSError, SMTPException) as error:
        return str(error) or type(error).__name__, True
    return "", False


def _require_server() -> None:
    """
    Check that somebody has said where mail goes.

    :raises NoMailServerError: if nobody has
    """
    if not settings.EMAIL_HOST:
        raise NoMailServerError("no mail server is known: set DEBUSINE_EMAIL_URL")


def _settle(notification: Notification, *, error: str, now: datetime) -> None:
    note_try(notification, error=error, now=now)
    notification.save(update_fields=["tries", "due_at", "delivered_at", "error", "history"])
    if error:
        log.warning(
            "notification-failed",
            work_request=notification.event.work_request_id,
            channel=notification.channel,
            tries=notification.tries,
            again_at=None if notification.due_at is None else notification.due_at.isoformat(),
            error=error,
        )


def _give_up(notification: Notification) -> None:
    """Forget about one whose channel is gone."""
    Notification.objects.filter(pk=notification.pk).update(due_at=None, error="no such channel")
    log.warning(
        "notification-channel-missing",
        work_request=notification.event.work_request_id,
        channel=notification.channel,
    )
