# SPDX-License-Identifier: GPL-3.0-or-later
"""Webhooks of a workspace."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from debusine.client.answer import Model, parse
from debusine.client.http import Transport
from debusine.wire.page import Page
from debusine.wire.webhook import (
    Webhook,
    WebhookCreate,
    WebhookDelivery,
    WebhookEnable,
    WebhookReplay,
    WebhookReplayed,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Webhooks:
    """What owners of a workspace do with its webhooks."""

    transport: Transport
    workspace: str

    def _path(self, *parts: str) -> str:
        return "/".join(
            ["webhook", *(quote(part, safe="") for part in (self.workspace, *parts)), ""]
        )

    def _pages(self, model: type[Model], path: str) -> Iterator[Model]:
        url: str | None = path
        while url is not None:
            page = parse(Page[model], self.transport.call("GET", url))  # type: ignore[valid-type]  # a class at run time
            yield from page.results
            url = page.next

    def _post(self, name: str, verb: str, body: dict[str, Any]) -> Any:
        return self.transport.call("POST", self._path(name, verb), json=body)

    def list(self) -> Iterator[Webhook]:
        """All of them, by name."""
        return self._pages(Webhook, self._path())

    def create(self, name: str, url: str, *, kinds: Sequence[str] = ()) -> Webhook:
        """Make one; only this answer holds its secret."""
        wanted = WebhookCreate(name=name, url=url, kinds=[*kinds])
        body = wanted.model_dump(mode="json")
        answer = self.transport.call("POST", self._path(), json=body, expect=(201,))
        return parse(Webhook, answer)

    def show(self, name: str) -> Webhook:
        """Show one."""
        return parse(Webhook, self.transport.call("GET", self._path(name)))

    def delete(self, name: str) -> None:
        """Remove one, and what it was sent."""
        self.transport.call("DELETE", self._path(name), expect=(204,))

    def enable(self, name: str, *, enabled: bool = True, reason: str = "") -> Webhook:
        """Let one get events, or no more."""
        body = WebhookEnable(enabled=enabled, reason=reason)
        return parse(Webhook, self._post(name, "enable", body.model_dump()))

    def test(self, name: str) -> WebhookDelivery:
        """Send a message that is about nothing; what comes of it, the deliveries say."""
        return parse(WebhookDelivery, self._post(name, "test", {}))

    def replay(self, name: str, wanted: WebhookReplay) -> WebhookReplayed:
        """Send a message again, or those of events after a cursor, up to the cursor answered."""
        return parse(WebhookReplayed, self._post(name, "replay", wanted.model_dump()))

    def deliveries(self, name: str) -> Iterator[WebhookDelivery]:
        """What one was sent or is to be, newest first, page by page."""
        return self._pages(WebhookDelivery, self._path(name, "delivery"))
