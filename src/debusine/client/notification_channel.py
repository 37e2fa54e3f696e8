# SPDX-License-Identifier: GPL-3.0-or-later
"""Notification channels of a server."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from pydantic import TypeAdapter

from debusine.client.answer import parse, parse_list
from debusine.client.http import Transport
from debusine.wire.notification_channel import NotificationChannel

_CHANNELS = TypeAdapter(list[NotificationChannel])


@dataclass(frozen=True, kw_only=True, slots=True)
class NotificationChannels:
    """What administrators do with notification channels."""

    transport: Transport

    def list(self) -> list[NotificationChannel]:
        """All of them, by name."""
        return parse_list(_CHANNELS, self.transport.call("GET", "notification-channel/"))

    def create(self, name: str, method: str, data: dict[str, Any]) -> NotificationChannel:
        """Make one."""
        body = {"name": name, "method": method, "data": data}
        answer = self.transport.call("POST", "notification-channel/", json=body, expect=(201,))
        return parse(NotificationChannel, answer)

    def change(
        self, name: str, *, new_name: str | None = None, data: dict[str, Any] | None = None
    ) -> NotificationChannel:
        """Give one another name, or other data."""
        body = {"name": new_name, "data": data}
        given = {key: value for key, value in body.items() if value is not None}
        answer = self.transport.call("PATCH", _path(name), json=given)
        return parse(NotificationChannel, answer)

    def delete(self, name: str) -> None:
        """Remove one."""
        self.transport.call("DELETE", _path(name), expect=(204,))


def _path(name: str) -> str:
    return f"notification-channel/{quote(name, safe='')}/"
