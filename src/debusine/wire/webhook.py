# SPDX-License-Identifier: GPL-3.0-or-later
"""Webhooks: addresses outside that are told what happens in a workspace."""

from __future__ import annotations

from pydantic import Field

from debusine.wire.base import JsonObject, StrictWireModel, Timestamp, WireModel


class WebhookCreate(StrictWireModel):
    """
    A webhook that somebody wants.

    :param name: unique in the workspace
    :param url: `https://` or `http://`; names are resolved anew at each try
    :param kinds: of events; empty for all
    """

    name: str = Field(max_length=100)
    url: str = Field(max_length=2000)
    kinds: list[str] = Field(default_factory=list)


class Webhook(WireModel):
    """
    A webhook.

    :param name: unique in the workspace
    :param url: where messages are posted
    :param kinds: of events; empty for all
    :param enabled: whether it gets anything
    :param disabled_reason: why it gets nothing
    :param failing_since: nothing could be delivered since then
    :param created_at: events before then are sent only when they are replayed
    :param secret: signs the messages; shown only when the webhook is created
    """

    name: str
    url: str
    kinds: list[str]
    enabled: bool
    disabled_reason: str = ""
    failing_since: Timestamp | None = None
    created_at: Timestamp
    secret: str | None = None


class WebhookTry(WireModel):
    """
    What came of one try.

    :param at: when
    :param status: of the answer, if there was one
    :param error: empty if the message was delivered
    :param duration_s: how long it took, in seconds
    """

    at: Timestamp
    status: int | None = None
    error: str = ""
    duration_s: float | None = None


class WebhookDelivery(WireModel):
    """
    One message to one webhook.

    :param id: the header `webhook-id` is `msg_` with this number
    :param cursor: of the event; null for a test
    :param kind: of the event
    :param created_at: when the message was written
    :param tries: since it was last replayed
    :param due_at: when it is tried next; null: it is not
    :param delivered_at: when it was last taken
    :param error: of the last try
    :param history: the last 50 tries, oldest first
    """

    id: int
    cursor: str | None = None
    kind: str
    created_at: Timestamp
    tries: int
    due_at: Timestamp | None = None
    delivered_at: Timestamp | None = None
    error: str = ""
    history: list[WebhookTry] = Field(default_factory=list)


class WebhookReplay(StrictWireModel):
    """
    What is to be sent again; give one of the two.

    :param delivery: one message
    :param after: cursor; every event after it
    """

    delivery: int | None = None
    after: str | None = None


class WebhookReplayed(WireModel):
    """
    What will be sent again.

    :param count: of messages
    :param cursor: up to which event
    :param more: whether there are events after it; go on from there
    """

    count: int
    cursor: str | None = None
    more: bool = False


class WebhookEnable(StrictWireModel):
    """
    Whether a webhook is to get anything.

    :param enabled: whether it is
    :param reason: why not
    """

    enabled: bool
    reason: str = Field(default="", max_length=255)


class WebhookMessage(WireModel):
    """
    What is posted.

    :param type: kind of the event, or `webhook.test`
    :param timestamp: when it happened
    :param data: the other fields of the event
    """

    type: str
    timestamp: Timestamp
    data: JsonObject
