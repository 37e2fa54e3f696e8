# SPDX-License-Identifier: GPL-3.0-or-later
"""Make, change and remove ways to tell people."""

from __future__ import annotations

from typing import Any

from django.db import IntegrityError, transaction

from debusine.db.models import NotificationChannel
from debusine.errors import ConflictError, NotFoundError
from debusine.server.access import require_administrator
from debusine.server.action import action
from debusine.server.actor import Actor
from debusine.wire import notification_channel as wire

TITLE = "Cannot store notification channel"


@action
def create_notification_channel(
    actor: Actor, *, wanted: wire.NotificationChannelCreate
) -> NotificationChannel:
    """
    Make a channel.

    :raises PermissionDeniedError: unless an administrator asks
    :raises ConflictError: if there is one of this name
    """
    require_administrator(actor, f"create notification channel {wanted.name}")
    made = NotificationChannel(name=wanted.name, method=wanted.method, data=_stored(wanted.data))
    _save(made)
    return made


@action
def change_notification_channel(
    actor: Actor, *, name: str, wanted: wire.NotificationChannelChange
) -> NotificationChannel:
    """
    Change a channel; what is not given stays.

    :raises PermissionDeniedError: unless an administrator asks
    :raises NotFoundError: if there is none of this name
    :raises ConflictError: if there is one of the new name
    """
    require_administrator(actor, f"change notification channel {name:.20}")
    found = find_notification_channel(name)
    if wanted.name is not None:
        found.name = wanted.name
    if wanted.data is not None:
        found.data = _stored(wanted.data)
    _save(found)
    return found


@action
def delete_notification_channel(actor: Actor, *, name: str) -> None:
    """
    Remove a channel; requests that use it tell nobody any more.

    :raises PermissionDeniedError: unless an administrator asks
    :raises NotFoundError: if there is none of this name
    """
    require_administrator(actor, f"delete notification channel {name:.20}")
    find_notification_channel(name).delete()


def find_notification_channel(name: str) -> NotificationChannel:
    """
    Look a channel up; one query.

    :raises NotFoundError: if there is none of this name
    """
    found = NotificationChannel.objects.filter(name=name).first()
    if found is None:
        raise NotFoundError("Notification channel not found", details=f"No channel {name:.20}")
    return found


def _stored(data: wire.EmailData) -> dict[str, Any]:
    return data.model_dump(mode="json", by_alias=True, exclude_none=True)


def _save(channel: NotificationChannel) -> None:
    """
    Write a channel.

    :raises ConflictError: if there is another one of its name
    """
    try:
        with transaction.atomic():
            channel.save()
    except IntegrityError as error:
        raise ConflictError(TITLE, details=f"There is a channel {channel.name}.") from error
