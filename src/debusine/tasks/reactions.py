# SPDX-License-Identifier: GPL-3.0-or-later
"""
Event reactions: what happens beside a work request when something happens to it.

They are stored beside the data of the task, as lists of actions by event.
"""

from __future__ import annotations

import re
from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Any, Literal, Self, TypeAlias

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    field_validator,
    model_validator,
)
from typing_extensions import override

from debusine.artifacts.bare_data.base import bare_data_kind_for
from debusine.domain.category import BareDataCategory
from debusine.domain.lookup import LookupSingle
from debusine.errors import UserError

_DELAY = re.compile(r"(?P<number>[0-9]+)(?P<unit>[mhdw])")
_UNITS = {
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
}


class Event(StrEnum):
    """What may happen to a work request."""

    ON_CREATION = "on_creation"
    ON_UNBLOCK = "on_unblock"
    ON_ASSIGNMENT = "on_assignment"
    ON_SUCCESS = "on_success"
    ON_FAILURE = "on_failure"


class ReactionModel(BaseModel):
    """Base of the parts of reactions: unknown keys are refused, dumps use aliases."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, populate_by_name=True, serialize_by_alias=True
    )


class BaseAction(ReactionModel):
    """Base of actions; ``action`` says which one it is."""

    @override
    def model_post_init(self, context: Any, /) -> None:
        # it is what a dump of what is set is read back by
        self.model_fields_set.add("action")

    def export(self) -> dict[str, Any]:
        """The action as JSON, with only the keys that were given."""
        return self.model_dump(mode="json", exclude_unset=True)


class NotificationData(ReactionModel):
    """
    What a notification says other than its channel does; what is unset is left to it.

    :param from_: sender
    :param to: recipients
    :param cc: further recipients
    :param subject: with ``$work_request_id`` and ``$work_request_result`` replaced
    """

    from_: Annotated[str | None, Field(alias="from")] = None
    to: list[str] | None = None
    cc: list[str] | None = None
    subject: str | None = None


class SendNotification(BaseAction):
    """
    Tell people that a request ended.

    :param channel: name of a notification channel
    """

    action: Literal["send-notification"] = "send-notification"
    channel: str
    data: NotificationData | None = None


class UpdateCollectionWithArtifacts(BaseAction):
    """
    Add what a request produced to a collection.

    :param collection: lookup
    :param artifact_filters: conditions on artifacts, such as ``category`` or
        ``data__deb_fields__Section__contains``
    :param name_template: name of the item, ``{x}`` stands for variable ``x``
    :param variables: values by name; under ``$x`` stands a JSON path into the artifact's data
    :param created_at: of the item; unset is the moment it is added
    """

    action: Literal["update-collection-with-artifacts"] = "update-collection-with-artifacts"
    collection: LookupSingle
    artifact_filters: dict[str, Any]
    name_template: str | None = None
    variables: dict[str, Any] | None = None
    created_at: AwareDatetime | None = None

    @field_validator("variables")
    @classmethod
    def _given_once(cls, variables: dict[str, Any] | None) -> dict[str, Any] | None:
        twice = sorted(name for name in variables or {} if f"${name}" in (variables or {}))
        if twice:
            message = f"given both as a value and as a path: {', '.join(twice)}"
            raise ValueError(message)
        return variables


def _known_category(category: BareDataCategory) -> BareDataCategory:
    try:
        bare_data_kind_for(category)
    except UserError as error:
        raise ValueError(error.brief) from error
    return category


class UpdateCollectionWithData(BaseAction):
    """
    Add an item without files to a collection.

    :param collection: lookup
    :param category: of the item
    :param name_template: name of the item, ``{x}`` stands for key ``x`` of the data
    :param data: of the item
    :param created_at: of the item; unset is the moment it is added
    """

    action: Literal["update-collection-with-data"] = "update-collection-with-data"
    collection: LookupSingle
    category: Annotated[BareDataCategory, AfterValidator(_known_category)]
    name_template: str | None = None
    data: dict[str, Any] | None = None
    created_at: AwareDatetime | None = None


def _delay(text: str) -> str:
    parse_delay(text)
    return text


def parse_delay(text: str) -> timedelta:
    """
    Read a delay.

    :raises ValueError: if it is not a number with one of ``m``, ``h``, ``d`` and ``w`` behind it

    >>> parse_delay("90m")
    datetime.timedelta(seconds=5400)
    """
    match = _DELAY.fullmatch(text)
    if match is None:
        message = f"{text!r:.80} is not a number followed by m, h, d or w"
        raise ValueError(message)
    try:
        return int(match["number"]) * _UNITS[match["unit"]]
    except OverflowError as error:
        message = f"{text!r:.80} is too long"
        raise ValueError(message) from error


class RetryWithDelays(BaseAction):
    """
    Try again, each time after a longer while; only in workflows.

    :param delays: of the first retry, the second, and so on, such as ``30m`` or ``2d``
    """

    action: Literal["retry-with-delays"] = "retry-with-delays"
    delays: Annotated[list[Annotated[str, AfterValidator(_delay)]], Field(min_length=1)]

    def delay(self, retry_count: int) -> timedelta | None:
        """
        How long to wait before the next retry.

        :param retry_count: retries so far
        :returns: None if there are to be no more
        """
        return parse_delay(self.delays[retry_count]) if retry_count < len(self.delays) else None


class SkipIfLookupResultChanged(BaseAction):
    """
    Do not run a request that somebody else's result has made needless.

    :param lookup: what to look for
    :param collection_item_id: what it found before; null is nothing
    :param promise_name: what a new result is to be called in the workflow's own collection
    """

    action: Literal["skip-if-lookup-result-changed"] = "skip-if-lookup-result-changed"
    lookup: str
    collection_item_id: int | None
    promise_name: str | None = None


class RecordInTaskHistory(BaseAction):
    """
    Remember what a run took.

    :param subject: unset is that of the task
    :param context: unset is the runtime context of the task
    """

    action: Literal["record-in-task-history"] = "record-in-task-history"
    subject: str | None = None
    context: str | None = None


Action: TypeAlias = (
    SendNotification
    | UpdateCollectionWithArtifacts
    | UpdateCollectionWithData
    | RetryWithDelays
    | SkipIfLookupResultChanged
    | RecordInTaskHistory
)

Actions: TypeAlias = tuple[Annotated[Action, Field(discriminator="action")], ...]


class EventReactions(ReactionModel):
    """
    Actions by event, each event's in order and none twice.

    >>> history = RecordInTaskHistory()
    >>> EventReactions().add(Event.ON_SUCCESS, history, history).export()
    {'on_success': [{'action': 'record-in-task-history'}]}
    """

    on_creation: Actions = ()
    on_unblock: Actions = ()
    on_assignment: Actions = ()
    on_success: Actions = ()
    on_failure: Actions = ()

    @model_validator(mode="before")
    @classmethod
    def _only_events(cls, value: Any) -> Any:
        unknown = sorted(set(value) - set(Event)) if isinstance(value, dict) else []
        if unknown:
            message = f"unknown events: {', '.join(unknown)}; known are {', '.join(Event)}"
            raise ValueError(message)
        return value

    @field_validator("*")
    @classmethod
    def _without_repetition(cls, actions: Actions) -> Actions:
        return _unique(actions)

    def of(self, event: Event) -> Actions:
        """Actions of an event, in order."""
        found: Actions = getattr(self, event.value)
        return found

    def items(self) -> list[tuple[Event, Action]]:
        """Every action with its event."""
        return [(event, action) for event in Event for action in self.of(event)]

    def add(self, event: Event, *actions: Action) -> Self:
        """The reactions with more actions; those that are there already are not added."""
        return self.model_copy(update={event.value: _unique((*self.of(event), *actions))})

    def merge(self, other: EventReactions) -> Self:
        """The reactions with those of another; ours come first."""
        merged = self
        for event, action in other.items():
            merged = merged.add(event, action)
        return merged

    def export(self) -> dict[str, list[dict[str, Any]]]:
        """The reactions as JSON, as they are stored: events without actions are left out."""
        return {
            event.value: [action.export() for action in self.of(event)]
            for event in Event
            if self.of(event)
        }


def _unique(actions: Actions) -> Actions:
    found: list[Action] = []
    for action in actions:
        if action not in found:
            found.append(action)
    return tuple(found)
