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
from debusine.server.environment_origin import Origin, origin_of
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

    It is one that was made of precisely what is wanted. Who overrides nothing may also be
    given one that somebody put into the collection in another way, for everybody. The usual
    variant stands there without a name, so that a task which does not say a variant finds it.

    :param workspace: with its scope loaded
    :raises PermissionDeniedError: if the actor may not create work requests
    :raises UserError: if what is wanted makes no sense
    """
    require(actor, Verb.CREATE_WORK_REQUESTS, workspace)
    _check(wanted)
    collection = _collection(actor, workspace)
    variant = "" if wanted.variant == USUAL_VARIANT else wanted.variant
    task_data = _task_data(wanted)
    origin = origin_of(wanted, task_data, BACKEND)
    prefix = (
        f"{COLLECTION_NAME}/match:codename={wanted.codename}"
        f":architecture={wanted.architecture}:variant={variant}:origin="
    )
    own = f"{prefix}{origin.fingerprint}"
    for lookup in _candidates(own, prefix, wanted):
        found = _find(actor, workspace, lookup)
        # what was made for it has what it asks for, maybe under other names
        if found and _is_young(found, now) and (lookup == own or _holds(found, wanted)):
            return EnvironmentAnswer(
                lookup=lookup,
                artifact=found.pk,
                age_s=int((now - found.created_at) / timedelta(seconds=1)),
            )
    reactions = _reactions(collection, wanted, variant, origin)
    request = _unfinished(workspace, task_data, reactions) or create_work_request(
        actor,
        workspace=workspace,
        task_name=TASK_NAME,
        data=task_data,
        event_reactions=reactions,
        by_client=False,
        now=now,
    )
    return EnvironmentAnswer(lookup=own, work_request=request.pk)


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


def _candidates(own: str, without_origin: str, wanted: EnvironmentWanted) -> list[str]:
    """Lookups of environments that may do, best first."""
    if wanted.refresh:
        return []
    return [own] if wanted.overrides else [own, without_origin]


def _find(actor: Actor, workspace: Workspace, lookup: str) -> Artifact | None:
    searcher = Searcher(actor=actor, workspace=workspace, default_category=ENVIRONMENTS)
    complete = f"{lookup}:format=tarball:backend={BACKEND.value}"
    try:
        return searcher.single(complete, LookupChildType.ARTIFACT).artifact
    except NoMatchError:
        return None


def _is_young(artifact: Artifact, now: datetime) -> bool:
    return now - artifact.created_at < settings.DEBUSINE.environment_max_age


def _holds(artifact: Artifact, wanted: EnvironmentWanted) -> bool:
    return set(wanted.extra_packages) <= set(artifact.data.get("pkglist", {}))


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
    collection: Collection, wanted: EnvironmentWanted, variant: str, origin: Origin
) -> dict[str, list[dict[str, Any]]]:
    """Have the tarball put into the collection, under the names it was asked for."""
    variables: dict[str, Any] = {
        "codename": wanted.codename,
        "backend": BACKEND.value,
        "origin": origin.fingerprint,
        "default": origin.is_default,
    }
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
