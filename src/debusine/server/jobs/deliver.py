# SPDX-License-Identifier: GPL-3.0-or-later
"""Deliver what happened to webhooks and people."""

from __future__ import annotations

import threading
from datetime import datetime
from typing import Final

from django.conf import settings
from django.db.models import Subquery
from django.db.models.functions import Coalesce

from debusine.db.models import EventCounter, EventReader, Notification, Webhook
from debusine.server import job_queue
from debusine.server.deliveries import READER, note_deliveries
from debusine.server.job_queue import Queue
from debusine.server.notifications import send_notifications
from debusine.server.webhook_http import Sender
from debusine.server.webhook_turn import begin_turns, end_turns, message_of
from debusine.util.clock import Clock, SystemClock

QUEUE: Final = Queue.BOOKKEEPING
# one that is slow takes the time limit of a message; come back for the rest
_ROUNDS = 3
# receivers that hang may hold up one thread of a process, and no more
_busy = threading.Lock()
_asked = threading.Event()


def run() -> None:
    """
    Send what is due, unless another thread of this process does.

    That one may have looked before there was what this message is about: it then sends
    itself another one.
    """
    _asked.set()
    if not _busy.acquire(blocking=False):
        return
    try:
        _asked.clear()
        deliver()
    finally:
        _busy.release()
    if _asked.is_set():
        job_queue.send("deliver", queue=QUEUE)


def is_due(now: datetime) -> bool:
    """Whether there is anything to send, or to look at; three queries at most."""
    read = EventReader.objects.filter(name=READER).values("position")[:1]
    return (
        EventCounter.objects.filter(last__gt=Coalesce(Subquery(read), 0)).exists()
        or Notification.objects.filter(due_at__lte=now).exists()
        or Webhook.objects.filter(due_at__lte=now).exists()
    )


def deliver(*, clock: Clock | None = None, sender: Sender | None = None) -> int:
    """
    Send what is due; it may take a minute, and any number may run beside each other.

    :returns: how much was tried; call again soon unless it is 0
    """
    time = clock or SystemClock()
    post = sender or Sender(allowed=settings.DEBUSINE.webhook_networks)
    while note_deliveries(time.now()):
        pass
    tried = 0
    for _ in range(_ROUNDS):
        count = send_notifications(time) + _send_webhooks(post, time)
        tried += count
        if not count:
            break
    return tried


def _send_webhooks(sender: Sender, clock: Clock) -> int:
    """Let some webhooks have their turn; how many messages were tried."""
    deliveries = begin_turns(clock.now())
    if not deliveries:
        return 0
    messages = [message_of(delivery) for delivery in deliveries]
    outcomes = sender.send_all(messages, timestamp=int(clock.now().timestamp()))
    end_turns(deliveries, outcomes, now=clock.now())
    return len(deliveries)
