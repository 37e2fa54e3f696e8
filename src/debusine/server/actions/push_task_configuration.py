# SPDX-License-Identifier: GPL-3.0-or-later
"""Replace the entries of a task configuration."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from debusine.artifacts.bare_data.task_configuration import (
    TaskConfiguration,
    TaskConfigurationData,
)
from debusine.db.models import Collection, CollectionItem
from debusine.domain.permission import Verb
from debusine.domain.validation import lines_by_field, messages_by_field
from debusine.errors import UserError
from debusine.server.access import require
from debusine.server.action import action
from debusine.server.actions.change_collection import Change, put_bare, remove_item
from debusine.server.actor import Actor
from debusine.server.collections.task_configuration import GIT_COMMIT
from debusine.wire.base import JsonObject
from debusine.wire.task_configuration import TaskConfigurationPush, TaskConfigurationPushed

TITLE = "Cannot push task configuration"
_COMMIT = re.compile(r"[0-9a-f]{40,64}")


@action
def push_task_configuration(
    actor: Actor, *, collection: Collection, wanted: TaskConfigurationPush, now: datetime
) -> TaskConfigurationPushed:
    """
    Make a collection hold exactly these entries.

    :param collection: with workspace and scope loaded
    :returns: what changed, or for a dry run what would; then nothing is stored
    :raises PermissionDeniedError: unless an owner of the workspace asks
    :raises UserError: if entries are wrong or have the same name, or for another collection
    """
    require(actor, Verb.EDIT_TASK_CONFIGURATION, collection.workspace)
    commit = _check_collection(collection, wanted)
    entries = _read(wanted.items)
    Collection.objects.select_for_update().get(pk=collection.pk)
    present = {
        item.name: item
        for item in CollectionItem.objects.filter(
            collection=collection, removed_at=None
        ).select_related("collection")
    }
    changed = [
        name for name in entries if name in present and not _same(entries[name], present[name])
    ]
    added = [name for name in entries if name not in present]
    removed = [name for name in present if name not in entries]
    result = TaskConfigurationPushed(
        added=len(added),
        updated=len(changed),
        removed=len(removed),
        unchanged=len(present) - len(changed) - len(removed),
    )
    if wanted.dry_run:
        return result
    change = Change(user=actor.user, now=now)
    for name in removed:
        remove_item(present[name], change=change)
    for name in (*changed, *added):
        data = entries[name].model_dump(mode="json", exclude_unset=True)
        put_bare(collection, TaskConfiguration.category, data, change=change)
    rest = {key: value for key, value in collection.data.items() if key != GIT_COMMIT}
    collection.data = rest if commit is None else {**rest, GIT_COMMIT: commit}
    collection.save(update_fields=["data"])
    return result


def _check_collection(collection: Collection, wanted: TaskConfigurationPush) -> str | None:
    """
    Check that a configuration was made from this collection.

    :returns: the commit that it comes from
    :raises UserError: if it was made from another one, or the commit is none
    """
    given = wanted.collection
    errors: dict[str, list[str]] = {}
    for field, own in (("id", collection.pk), ("name", collection.name)):
        if getattr(given, field) != own:
            errors[f"collection.{field}"] = [f"is not that of the collection, {own}"]
    commit = given.data.get(GIT_COMMIT)
    if commit is not None and not (isinstance(commit, str) and _COMMIT.fullmatch(commit)):
        errors[f"collection.data.{GIT_COMMIT}"] = ["is not 40 to 64 hexadecimal digits"]
    if errors:
        raise UserError(TITLE, details="\n".join(lines_by_field(errors)), validation_errors=errors)
    return commit


def _read(items: list[JsonObject]) -> Mapping[str, TaskConfigurationData]:
    """
    Check entries, and name them.

    :raises UserError: if one is wrong, or two have a name; fields are ``items.N.FIELD``
    """
    entries: dict[str, TaskConfigurationData] = {}
    errors: dict[str, list[str]] = {}
    for number, item in enumerate(items):
        try:
            data = TaskConfigurationData.model_validate(item)
        except ValidationError as error:
            found = messages_by_field(error.errors())
            errors |= {f"items.{number}.{field}": texts for field, texts in found.items()}
            continue
        name = TaskConfiguration.item_name(data)
        if name in entries:
            errors[f"items.{number}"] = [f"another item has the name {name!r:.300}"]
        entries[name] = data
    if errors:
        raise UserError(TITLE, details="\n".join(lines_by_field(errors)), validation_errors=errors)
    return entries


def _same(entry: TaskConfigurationData, item: CollectionItem) -> bool:
    """Whether an item says the same, whichever defaults are written out."""
    known: dict[str, Any] = item.data
    try:
        return TaskConfigurationData.model_validate(known) == entry
    except ValidationError:
        return False
