# SPDX-License-Identifier: GPL-3.0-or-later
"""Task configuration on the wire."""

from __future__ import annotations

from pydantic import Field

from debusine.wire.base import JsonObject, WireModel

MAX_ITEMS = 10_000


class ConfigurationCollection(WireModel):
    """The collection that a configuration is in."""

    id: int
    name: str
    data: JsonObject = Field(default_factory=dict)


class TaskConfiguration(WireModel):
    """A whole configuration; items are data of bare ``debusine:task-configuration``."""

    collection: ConfigurationCollection
    items: list[JsonObject]


class TaskConfigurationPush(WireModel):
    """
    A configuration that is to take the place of another.

    :param collection: id and name of the one it was made from; ``git_commit`` of its data is kept
    :param items: all of them; those that are not here are removed
    :param dry_run: only say what would change
    """

    collection: ConfigurationCollection
    items: list[JsonObject] = Field(max_length=MAX_ITEMS)
    dry_run: bool = False


class TaskConfigurationPushed(WireModel):
    """How many items changed."""

    added: int = 0
    updated: int = 0
    removed: int = 0
    unchanged: int = 0
