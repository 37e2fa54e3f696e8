# SPDX-License-Identifier: GPL-3.0-or-later
"""Notification channels: an addition of ours to the API, for administrators."""

from __future__ import annotations

from django.http import HttpResponse
from ninja import Router

from debusine.api.answer import answer, answer_list, empty
from debusine.api.request import ApiRequest
from debusine.db.models import NotificationChannel
from debusine.server.access import require_administrator
from debusine.server.actions.change_notification_channel import (
    change_notification_channel,
    create_notification_channel,
    delete_notification_channel,
    find_notification_channel,
)
from debusine.wire import notification_channel as wire

router = Router()


def _view(row: NotificationChannel) -> wire.NotificationChannel:
    data = wire.EmailData.model_validate(row.data)
    return wire.NotificationChannel(name=row.name, method=row.method, data=data)


@router.get(
    "notification-channel/",
    response=list[wire.NotificationChannel],
    summary="List notification channels",
)
def list_channels(request: ApiRequest) -> HttpResponse:
    """Every channel, by name."""
    require_administrator(request.actor, "list notification channels")
    return answer_list(_view(row) for row in NotificationChannel.objects.order_by("name"))


@router.post(
    "notification-channel/",
    response={201: wire.NotificationChannel},
    summary="Create notification channel",
)
def create(request: ApiRequest, wanted: wire.NotificationChannelCreate) -> HttpResponse:
    """Make a channel."""
    return answer(_view(create_notification_channel(request.actor, wanted=wanted)), status=201)


@router.get(
    "notification-channel/{name}/",
    response=wire.NotificationChannel,
    summary="Show notification channel",
)
def show(request: ApiRequest, name: str) -> HttpResponse:
    """Show a channel."""
    require_administrator(request.actor, "show notification channels")
    return answer(_view(find_notification_channel(name)))


@router.patch(
    "notification-channel/{name}/",
    response=wire.NotificationChannel,
    summary="Change notification channel",
)
def change(request: ApiRequest, name: str, wanted: wire.NotificationChannelChange) -> HttpResponse:
    """Give a channel another name, or other data."""
    return answer(_view(change_notification_channel(request.actor, name=name, wanted=wanted)))


@router.delete(
    "notification-channel/{name}/", response={204: None}, summary="Delete notification channel"
)
def delete(request: ApiRequest, name: str) -> HttpResponse:
    """Remove a channel; requests that use it tell nobody any more."""
    delete_notification_channel(request.actor, name=name)
    return empty(204)
