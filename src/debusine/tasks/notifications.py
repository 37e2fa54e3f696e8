# SPDX-License-Identifier: GPL-3.0-or-later
"""
The key ``notifications`` that the data of every task may have.

It says the same as event reactions with the action ``send-notification``. The server takes
it out of the data when a request is created, as workers know no such key.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from debusine.tasks.reactions import (
    Event,
    EventReactions,
    NotificationData,
    ReactionModel,
    SendNotification,
)

KEY = "notifications"


class Notification(ReactionModel):
    """
    Whom to tell.

    :param channel: name of a notification channel
    """

    channel: str
    data: NotificationData | None = None

    def as_action(self) -> SendNotification:
        """The action that says the same."""
        return SendNotification.model_validate(self.model_dump(exclude_unset=True))


class Notifications(ReactionModel):
    """
    Whom to tell, and when.

    :param on_failure: unless the request succeeds
    :param on_success: when the request succeeds
    """

    on_failure: tuple[Notification, ...] = ()
    on_success: tuple[Notification, ...] = ()

    def as_reactions(self) -> EventReactions:
        """The reactions that say the same."""
        return (
            EventReactions()
            .add(Event.ON_FAILURE, *(each.as_action() for each in self.on_failure))
            .add(Event.ON_SUCCESS, *(each.as_action() for each in self.on_success))
        )


class _WithNotifications(ReactionModel):
    """Task data, as far as notifications go; so that errors name the key."""

    notifications: Notifications | None = None


def split_notifications(task_data: Mapping[str, Any]) -> tuple[dict[str, Any], EventReactions]:
    """
    Take notifications out of the data of a task.

    :returns: the data without them, and the reactions that say the same
    :raises ValueError: if they are malformed

    >>> data, reactions = split_notifications(
    ...     {"result": "failure", "notifications": {"on_failure": [{"channel": "admins"}]}}
    ... )
    >>> data, reactions.export()
    ({'result': 'failure'}, {'on_failure': [{'action': 'send-notification', 'channel': 'admins'}]})
    """
    if KEY not in task_data:
        return dict(task_data), EventReactions()
    found = _WithNotifications.model_validate({KEY: task_data[KEY]}).notifications
    rest = {key: value for key, value in task_data.items() if key != KEY}
    return rest, EventReactions() if found is None else found.as_reactions()
