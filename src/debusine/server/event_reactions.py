# SPDX-License-Identifier: GPL-3.0-or-later
"""What somebody wants to happen beside a new request: read, and checked against what is allowed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from debusine.db.models import NotificationChannel
from debusine.domain.notification import problems_of
from debusine.domain.result import WorkRequestResults
from debusine.domain.validation import lines_by_field, messages_by_field
from debusine.errors import UserError
from debusine.tasks.notifications import KEY, split_notifications
from debusine.tasks.reactions import EventReactions, SendNotification

FIELD = "event_reactions"
_NOTIFY: str = SendNotification.model_fields["action"].default


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """Data of a task as it is stored, and the reactions that were asked for in one way or other."""

    task_data: dict[str, Any]
    reactions: EventReactions


def notifications_of(reactions: Mapping[str, Any], result: str) -> list[dict[str, Any]]:
    """
    What people are to be told of the end of a request.

    :param reactions: of the request, as stored
    :param result: of the request; nobody is told of one that was skipped
    :returns: reactions, in their order; may be empty
    """
    if result == WorkRequestResults.SKIPPED:
        return []
    is_success = result == WorkRequestResults.SUCCESS
    wanted = reactions.get("on_success" if is_success else "on_failure", [])
    return [reaction for reaction in wanted if reaction.get("action") == _NOTIFY]


def read_wanted(
    task_data: Mapping[str, Any], event_reactions: Mapping[str, Any], *, title: str
) -> Wanted:
    """
    Read reactions, and take notifications out of the data of a task.

    :param title: of the error, if there is one
    :returns: reactions that were given as such come first
    :raises UserError: if reactions or notifications are malformed
    """
    try:
        reactions = EventReactions.model_validate(dict(event_reactions))
    except ValidationError as error:
        found = messages_by_field(error.errors())
        lines = lines_by_field(found)
        raise UserError(
            title, details="\n".join(lines), validation_errors={FIELD: lines}
        ) from error
    try:
        rest, notifications = split_notifications(task_data)
    except ValidationError as error:
        found = messages_by_field(error.errors())
        raise UserError(
            title,
            details="\n".join(lines_by_field(found)),
            validation_errors=found,
        ) from error
    return Wanted(task_data=rest, reactions=reactions.merge(notifications))


def require_allowed(reactions: EventReactions, *, title: str) -> None:
    """
    Refuse reactions that clients may not ask for; one query if there are any.

    :param title: of the error, if there is one
    :raises UserError: for any but notifications that can be sent by a channel there is
    """
    messages = list(_refusals(reactions))
    if messages:
        raise UserError(title, details="\n".join(messages), validation_errors={FIELD: messages})


def _refusals(reactions: EventReactions) -> Iterator[str]:
    """Say what is wrong with reactions."""
    wanted = {each.channel for _, each in reactions.items() if isinstance(each, SendNotification)}
    known: set[str] = set()
    if wanted:
        rows = NotificationChannel.objects.filter(name__in=wanted)
        known.update(rows.values_list("name", flat=True))
    for event, action in reactions.items():
        if not isinstance(action, SendNotification):
            allowed = SendNotification.model_fields["action"].default
            yield f"{event}: action {action.action!r} is not allowed, only {allowed!r}"
        elif action.channel not in known:
            yield (
                f"{event}: unknown notification channel {action.channel!r}; "
                f"name one that an administrator has made, or leave {KEY!r} out"
            )
        elif action.data is not None:
            for problem in problems_of(action.data.model_dump(by_alias=True)):
                yield f"{event}: {problem}"
