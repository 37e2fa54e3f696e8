# SPDX-License-Identifier: GPL-3.0-or-later
"""Find an environment that is young enough, or have one made."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings

from debusine.db.models import Artifact, Collection, WorkRequest, Workspace
from debusine.domain.executor import BackendType
from debusine.domain.lookup import LookupChildType, NoMatchError
from debusine.domain.permission import Verb
from debusine.domain.work_request import WorkRequestStatus
from debusine.errors import UserError
from debusine.server.access import require
from debusine.server.action import action
from debusine.server.actions.create_work_request import create_work_request
from debusine.server.actor import Actor
from debusine.server.lookup import Searcher
from debusine.server.reactions.update_collection_with_artifacts import ACTION
from debusine.tasks.inputs.fields import ENVIRONMENTS
from debusine.wire.environment import EnvironmentAnswer, EnvironmentWanted

COLLECTION_NAME = "debian"
TASK_NAME = "mmdebstrap"
TARBALL = "debian:system-tarball"
USUAL_VARIANT = "buildd"
BACKEND = BackendType.UNSHARE
_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9+._~-]*")
_UNFINISHED = [
    WorkRequestStatus.BLOCKED.value,
    WorkRequestStatus.PENDING.value,
    WorkRequestStatus.RUNNING.value,
]


@action
def ensure_environment(
    actor: Actor, *, workspace: Workspace, wanted: EnvironmentWanted, now: datetime
) -> EnvironmentAnswer:
    """
    Find an environment, or the work request that makes it; create that if there is none.

    The usual variant stands in the collection without a name, so that a task which
    does not say a variant finds it.

    :param workspace: with its scope loaded
    :raises PermissionDeniedError: if the actor may not create work requests
    :raises UserError: if what is wanted makes no sense
    """
    require(actor, Verb.CREATE_WORK_REQUESTS, workspace)
    _check(wanted)
    collection = _collection(actor, workspace)
    variant = "" if wanted.variant == USUAL_VARIANT else wanted.variant
    lookup = (
        f"{COLLECTION_NAME}/match:codename={wanted.codename}"
        f":architecture={wanted.architecture}:variant={variant}"
    )
    found = None if wanted.refresh else _find(actor, workspace, lookup)
    if found is not None and _will_do(found, wanted, now):
        return EnvironmentAnswer(
            lookup=lookup,
            artifact=found.pk,
            age_s=int((now - found.created_at) / timedelta(seconds=1)),
        )
    task_data = _task_data(wanted)
    reactions = _reactions(collection, wanted, variant)
    request = _unfinished(workspace, task_data, reactions) or create_work_request(
        actor,
        workspace=workspace,
        task_name=TASK_NAME,
        data=task_data,
        event_reactions=reactions,
        by_client=False,
        now=now,
    )
    return EnvironmentAnswer(lookup=lookup, work_request=request.pk)


def _check(wanted: EnvironmentWanted) -> None:
    """
    Refuse what cannot be part of a lookup.

    :raises UserError: naming each field
    """
    errors = {
        field: [f"{value!r:.100} may hold letters, digits and +._~- only"]
        for field in ("codename", "architecture", "variant")
        if not _WORD.fullmatch(value := getattr(wanted, field))
    }
    if errors:
        raise UserError("Cannot make environment", validation_errors=errors)


def _collection(actor: Actor, workspace: Workspace) -> Collection:
    """
    The collection of environments, locked against other callers; made if need be.

    :raises PermissionDeniedError: if there is none and the actor may not make it
    """
    rows = Collection.objects.select_for_update().filter(
        workspace=workspace, category=ENVIRONMENTS, name=COLLECTION_NAME
    )
    found = rows.first()
    if found is not None:
        return found
    require(actor, Verb.CONFIGURE, workspace)
    return Collection.objects.create(
        workspace=workspace, category=ENVIRONMENTS, name=COLLECTION_NAME
    )


def _find(actor: Actor, workspace: Workspace, lookup: str) -> Artifact | None:
    searcher = Searcher(actor=actor, workspace=workspace, default_category=ENVIRONMENTS)
    complete = f"{lookup}:format=tarball:backend={BACKEND.value}"
    try:
        return searcher.single(complete, LookupChildType.ARTIFACT).artifact
    except NoMatchError:
        return None


def _will_do(artifact: Artifact, wanted: EnvironmentWanted, now: datetime) -> bool:
    is_young = now - artifact.created_at < settings.DEBUSINE.environment_max_age
    return is_young and set(wanted.extra_packages) <= set(artifact.data.get("pkglist", {}))


def _task_data(wanted: EnvironmentWanted) -> dict[str, Any]:
    return {
        "bootstrap_options": {
            "architecture": wanted.architecture,
            "variant": wanted.variant,
            "extra_packages": sorted(wanted.extra_packages),
        },
        "bootstrap_repositories": wanted.bootstrap_repositories,
    }


def _reactions(
    collection: Collection, wanted: EnvironmentWanted, variant: str
) -> dict[str, list[dict[str, Any]]]:
    """Have the tarball put into the collection, under the names it was asked for."""
    variables = {"codename": wanted.codename, "backend": BACKEND.value}
    if variant:
        variables["variant"] = variant
    return {
        "on_success": [
            {
                "action": ACTION,
                "collection": str(collection),
                "artifact_filters": {"category": TARBALL},
                "variables": variables,
            }
        ]
    }


def _unfinished(
    workspace: Workspace, task_data: dict[str, Any], reactions: dict[str, Any]
) -> WorkRequest | None:
    """A request under way that makes the very same thing."""
    rows = WorkRequest.objects.filter(
        workspace=workspace, task_name=TASK_NAME, status__in=_UNFINISHED
    ).order_by("id")
    return next(
        (row for row in rows if row.task_data == task_data and row.event_reactions == reactions),
        None,
    )
