# SPDX-License-Identifier: GPL-3.0-or-later
"""Events as listeners may see them, read from a cursor on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import QuerySet

from debusine.db.models import Event, EventCounter, Workspace
from debusine.domain.event import parse_cursor
from debusine.errors import DebusineError, NotFoundError, UserError
from debusine.server.access import visible_workspaces
from debusine.server.actor import Actor
from debusine.server.events import read_counter
from debusine.wire import event as wire

PAGE_SIZE = 100
# so many events are looked at for one page, whoever they are for
_WINDOW = 10_000


class EventCursorError(DebusineError):
    """Events after a cursor are not known any more, or never were."""

    code = "event-cursor"
    status = 410


@dataclass(frozen=True, kw_only=True, slots=True)
class Listener:
    """
    Who listens, and to what.

    :param workspaces: ids; None for all that the actor may see
    :param kinds: empty for all
    """

    actor: Actor
    workspaces: frozenset[int] | None
    kinds: tuple[str, ...] = ()

    def is_concerned(self, workspaces: Sequence[int]) -> bool:
        """Whether something that happened in some workspaces may be for this listener."""
        return self.workspaces is None or not self.workspaces.isdisjoint(workspaces)

    def rows(self) -> QuerySet[Event]:
        """Events that it may see now; whoever may see a workspace no longer sees none of it."""
        rows = Event.objects.select_related("workspace__scope")
        visible = visible_workspaces(self.actor.renewed())
        if visible:
            rows = rows.filter(workspace__in=Workspace.objects.filter(visible))
        if self.workspaces is not None:
            rows = rows.filter(workspace__in=self.workspaces)
        return rows.filter(kind__in=self.kinds) if self.kinds else rows


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """
    What was read.

    :param position: where to read on
    :param more: whether there is more already
    """

    rows: list[Event]
    position: int
    more: bool


def listener_for(actor: Actor, *, workspaces: str = "", kinds: str = "") -> Listener:
    """
    Find out what somebody wants to listen to.

    :param workspaces: ``NAME`` or ``SCOPE/NAME``, with commas; empty for all that may be seen
    :param kinds: with commas; empty for all
    :raises PermissionDeniedError: unless a person asks
    :raises NotFoundError: if a workspace is not there, or not for the actor
    """
    actor.require_user()
    names = [name for name in workspaces.split(",") if name]
    wanted = tuple(kind for kind in kinds.split(",") if kind)
    found = _find(actor, names) if names else None
    return Listener(actor=actor, workspaces=found, kinds=wanted)


def _find(actor: Actor, names: list[str]) -> frozenset[int]:
    """
    Find workspaces by name; without a scope, in any.

    :raises NotFoundError: if one is not there
    """
    rows = Workspace.objects.filter(
        visible_workspaces(actor), name__in=[name.rpartition("/")[2] for name in names]
    ).select_related("scope")
    known = [(row.pk, {row.name, str(row)}) for row in rows]
    for name in names:
        if not any(name in spellings for _, spellings in known):
            raise NotFoundError(f"Workspace {name:.255} not found")
    return frozenset(pk for pk, spellings in known if not spellings.isdisjoint(names))


def position_of(cursor: str | None) -> int:
    """
    Where a reader begins: at the newest event unless it has a cursor; one query.

    :raises UserError: if it is no cursor
    :raises EventCursorError: if what came after it is not known any more
    """
    counter = read_counter()
    if cursor is None:
        return counter.last
    position = parse_cursor(cursor)
    if position is None:
        raise UserError("Invalid cursor", details=f"{cursor!r:.80} is none that this server gave")
    _require_known(counter, position)
    return position


def _require_known(counter: EventCounter, position: int) -> None:
    """
    Check that a reader misses nothing.

    :raises EventCursorError: if what came after the position is not known any more
    """
    if not counter.removed <= position <= counter.last:
        raise EventCursorError(
            "Events after this cursor are gone",
            details=f"This server knows those after {counter.removed}, up to {counter.last}.",
            resolution="Begin without a cursor, then read anew everything that events are about.",
        )


def read_events(listener: Listener, after: int, *, limit: int = PAGE_SIZE) -> Found:
    """
    Read what happened after a position; three queries, however many events there are.

    :raises EventCursorError: if some of it is not known any more
    """
    counter = read_counter()
    _require_known(counter, after)
    end = min(counter.last, after + _WINDOW)
    if end == after:
        return Found(rows=[], position=after, more=False)
    rows = listener.rows().filter(position__gt=after, position__lte=end).order_by("position")
    found = list(rows[: limit + 1])
    # old ones may have been removed meanwhile
    _require_known(read_counter(), after)
    if len(found) > limit:
        found = found[:limit]
        end = found[-1].position or end
    return Found(rows=found, position=end, more=end < counter.last)


def view_event(row: Event) -> wire.Event:
    """Make the record of an event; no query if its workspace and scope are loaded."""
    return wire.Event(
        cursor=str(row.position),
        kind=row.kind,
        created_at=row.created_at,
        scope=row.workspace.scope.name,
        workspace=row.workspace.name,
        work_request=row.work_request_id,
        data=row.data,
    )


def view_page(found: Found) -> wire.EventPage:
    """Make the record of what was read."""
    return wire.EventPage(
        cursor=str(found.position), more=found.more, results=[view_event(row) for row in found.rows]
    )
