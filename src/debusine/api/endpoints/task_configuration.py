# SPDX-License-Identifier: GPL-3.0-or-later
"""Task configuration as a whole: read it, replace it."""

from __future__ import annotations

from django.http import HttpResponse
from ninja import Router

from debusine.api.answer import answer
from debusine.api.request import ApiRequest
from debusine.db.models import Collection
from debusine.errors import NotFoundError
from debusine.server.access import find_workspace
from debusine.server.actions.push_task_configuration import push_task_configuration
from debusine.server.collections.base import active_items
from debusine.server.collections.task_configuration import TaskConfigurations
from debusine.server.lookup import find_collection
from debusine.util.clock import SystemClock
from debusine.wire import task_configuration as wire

router = Router()
_clock = SystemClock()


@router.get(
    "task-configuration/{workspace}/{name}/",
    response=wire.TaskConfiguration,
    summary="Show task configuration",
)
def show(request: ApiRequest, workspace: str, name: str) -> HttpResponse:
    """Show a whole configuration; the collection may be inherited."""
    found = _find(request, workspace, name)
    items = active_items(found).order_by("name", "id")
    return answer(
        wire.TaskConfiguration(
            collection=wire.ConfigurationCollection(id=found.pk, name=found.name, data=found.data),
            items=list(items.values_list("data", flat=True)),
        )
    )


@router.post(
    "task-configuration/{workspace}/{name}/",
    response=wire.TaskConfigurationPushed,
    summary="Replace task configuration",
)
def push(
    request: ApiRequest, workspace: str, name: str, wanted: wire.TaskConfigurationPush
) -> HttpResponse:
    """Replace a whole configuration, or say what would change; for owners of its workspace."""
    found = _find(request, workspace, name)
    pushed = push_task_configuration(
        request.actor, collection=found, wanted=wanted, now=_clock.now()
    )
    return answer(pushed)


def _find(request: ApiRequest, workspace: str, name: str) -> Collection:
    """
    The collection that a URL names.

    :raises NotFoundError: if there is none that the caller sees
    """
    request.actor.require_user()
    place = find_workspace(request.actor, request.scope_row, workspace)
    found = find_collection(request.actor, place, category=TaskConfigurations.category, name=name)
    if found is None:
        raise NotFoundError(
            "Collection not found", details=f"No {name:.255}@{TaskConfigurations.category}"
        )
    return found
