# SPDX-License-Identifier: GPL-3.0-or-later
"""What somebody wants to happen beside a new request: read, and checked against what is allowed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from debusine.domain.validation import lines_by_field, messages_by_field
from debusine.errors import UserError
from debusine.tasks.notifications import KEY, split_notifications
from debusine.tasks.reactions import EventReactions, SendNotification

FIELD = "event_reactions"


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """Data of a task as it is stored, and the reactions that were asked for in one way or other."""

    task_data: dict[str, Any]
    reactions: EventReactions


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
    Refuse reactions that clients may not ask for.

    :param title: of the error, if there is one
    :raises UserError: for any but notifications, and for those, as there are no channels yet
    """
    for event, action in reactions.items():
        if isinstance(action, SendNotification):
            message = (
                f"{event}: unknown notification channel {action.channel!r}; "
                f"this server has none, leave {KEY!r} out"
            )
        else:
            message = (
                f"{event}: action {action.action!r} is not allowed, only "
                f"{SendNotification.model_fields['action'].default!r}"
            )
        raise UserError(title, details=message, validation_errors={FIELD: [message]})
