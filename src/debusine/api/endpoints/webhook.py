# SPDX-License-Identifier: GPL-3.0-or-later
"""Webhooks: an addition of ours to the API."""

from __future__ import annotations

from django.http import HttpResponse
from ninja import Router

from debusine.api.answer import answer, empty
from debusine.api.page import answer_page
from debusine.api.request import ApiRequest
from debusine.db.models import Webhook as WebhookRow
from debusine.db.models import WebhookDelivery
from debusine.domain.permission import Verb
from debusine.server.access import find_workspace, require
from debusine.server.actions.change_webhook import delete_webhook, enable_webhook
from debusine.server.actions.create_webhook import create_webhook
from debusine.server.actions.replay_webhook import replay_webhook, test_webhook
from debusine.server.views.webhook import find_webhook, view_delivery, view_webhook
from debusine.util.clock import SystemClock
from debusine.wire import webhook as wire
from debusine.wire.page import Page

router = Router()
_clock = SystemClock()


def _find(request: ApiRequest, workspace: str, name: str) -> WebhookRow:
    place = find_workspace(request.actor, request.scope_row, workspace)
    return find_webhook(request.actor, place, name)


@router.get("webhook/{workspace}/", response=Page[wire.Webhook], summary="List webhooks")
def list_webhooks(request: ApiRequest, workspace: str) -> HttpResponse:
    """Webhooks of a workspace, by name."""
    place = find_workspace(request.actor, request.scope_row, workspace)
    require(request.actor, Verb.CONFIGURE, place)
    rows = WebhookRow.objects.filter(workspace=place).order_by("name")
    return answer_page(request, rows, view_webhook)


@router.post("webhook/{workspace}/", response={201: wire.Webhook}, summary="Create webhook")
def create(request: ApiRequest, workspace: str, wanted: wire.WebhookCreate) -> HttpResponse:
    """Create a webhook; the answer, and no other, holds its secret."""
    place = find_workspace(request.actor, request.scope_row, workspace)
    made = create_webhook(request.actor, workspace=place, wanted=wanted, now=_clock.now())
    return answer(view_webhook(made, secret=made.secret), status=201)


@router.get("webhook/{workspace}/{name}/", response=wire.Webhook, summary="Show webhook")
def show(request: ApiRequest, workspace: str, name: str) -> HttpResponse:
    """Show a webhook."""
    return answer(view_webhook(_find(request, workspace, name)))


@router.delete("webhook/{workspace}/{name}/", response={204: None}, summary="Delete webhook")
def delete(request: ApiRequest, workspace: str, name: str) -> HttpResponse:
    """Remove a webhook and what it was sent."""
    delete_webhook(request.actor, webhook=_find(request, workspace, name))
    return empty(204)


@router.post("webhook/{workspace}/{name}/enable/", response=wire.Webhook, summary="Enable webhook")
def enable(
    request: ApiRequest, workspace: str, name: str, wanted: wire.WebhookEnable
) -> HttpResponse:
    """Let a webhook get events, or no more."""
    found = _find(request, workspace, name)
    enable_webhook(request.actor, webhook=found, enabled=wanted.enabled, reason=wanted.reason)
    return answer(view_webhook(found))


@router.post(
    "webhook/{workspace}/{name}/test/", response=wire.WebhookDelivery, summary="Test webhook"
)
def test(request: ApiRequest, workspace: str, name: str) -> HttpResponse:
    """Send a message that is about nothing."""
    found = _find(request, workspace, name)
    return answer(view_delivery(test_webhook(request.actor, webhook=found, now=_clock.now())))


@router.post(
    "webhook/{workspace}/{name}/replay/", response=wire.WebhookReplayed, summary="Replay webhook"
)
def replay(
    request: ApiRequest, workspace: str, name: str, wanted: wire.WebhookReplay
) -> HttpResponse:
    """Send a message again, or those of all events after a cursor."""
    found = _find(request, workspace, name)
    return answer(replay_webhook(request.actor, webhook=found, wanted=wanted, now=_clock.now()))


@router.get(
    "webhook/{workspace}/{name}/delivery/",
    response=Page[wire.WebhookDelivery],
    summary="List deliveries",
)
def list_deliveries(request: ApiRequest, workspace: str, name: str) -> HttpResponse:
    """What a webhook was sent, or is to be, newest first."""
    found = _find(request, workspace, name)
    rows = WebhookDelivery.objects.select_related("event").filter(webhook=found)
    return answer_page(request, rows.order_by("-pk"), view_delivery)
