# SPDX-License-Identifier: GPL-3.0-or-later
"""Events, read from a cursor on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from debusine.client.answer import parse
from debusine.client.http import Transport
from debusine.wire.event import Event, EventPage

# less than anybody waits for an answer
_WAIT_S = 20.0


@dataclass(frozen=True, kw_only=True, slots=True)
class EventReader:
    """
    Reads what happens on a server.

    :param workspaces: ``NAME`` or ``SCOPE/NAME``; empty for all that may be seen
    :param kinds: empty for all
    """

    transport: Transport
    workspaces: Sequence[str] = ()
    kinds: Sequence[str] = ()

    def page(self, after: str | None = None, *, wait_s: float = 0) -> EventPage:
        """
        Read what happened after a cursor; without one, learn the newest cursor.

        :param wait_s: how long to wait for the first event, in seconds
        :raises NotFoundError: if events after the cursor are not known any more
        """
        given = {
            "after": after or "",
            "workspaces": ",".join(self.workspaces),
            "kinds": ",".join(self.kinds),
            "wait": str(wait_s) if wait_s else "",
        }
        params = {name: value for name, value in given.items() if value}
        return parse(EventPage, self.transport.call("GET", "event/", params=params))

    def __call__(self, after: str | None = None, *, follow: bool = False) -> Iterator[Event]:
        """
        Each event once, in order; each has the cursor to resume from.

        :param after: cursor; None is from now on
        :param follow: go on without end, else up to now
        :raises NotFoundError: if events after the cursor are not known any more: read
            everything that they are about anew, and begin without a cursor
        """
        longest_s = min(_WAIT_S, self.transport.timeout[1] / 2)
        page = self.page(after)
        while True:
            yield from page.results
            if not page.more and not follow:
                return
            page = self.page(page.cursor, wait_s=0 if page.more else longest_s)
