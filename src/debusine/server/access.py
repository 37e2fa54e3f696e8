# SPDX-License-Identifier: GPL-3.0-or-later
"""
Find rows that an actor may see, and check what it may do with them.

:func:`may` and :func:`require` are about one row, :func:`where` is for queries; all three
come from the table in :mod:`debusine.domain.permission`.
"""

from __future__ import annotations

from django.conf import settings
from django.db.models import BigIntegerField, CharField, Model, Q

from debusine.db.models import Artifact, Scope, Workspace
from debusine.db.prepared import Param, Prepared
from debusine.domain.permission import (
    MAX_ID,
    Caller,
    CallerKind,
    Verb,
    allowed,
    input_artifact_ids,
)
from debusine.domain.role import NOTHING, Standing
from debusine.errors import NotFoundError, PermissionDeniedError
from debusine.server.actor import Actor
from debusine.server.facts import holds_for, in_sql
from debusine.server.standing import standing_of_token, standing_of_user

_SCOPE = Prepared(lambda: Scope.objects.filter(name=Param("name", CharField())))
_WORKSPACE = Prepared(
    lambda: Workspace.objects.select_related("scope").filter(
        scope=Param("scope", BigIntegerField()), name=Param("name", CharField())
    )
)
_ARTIFACT = Prepared(
    lambda: Artifact.objects.select_related("workspace__scope").filter(
        pk=Param("pk", BigIntegerField())
    )
)


def scope_by_name(name: str) -> Scope | None:
    """Look a scope up; one query."""
    return _SCOPE.first(name=name)


def caller_of(actor: Actor, standing: Standing = NOTHING) -> Caller:
    """
    Describe an actor to :mod:`debusine.domain.permission`; no query.

    :param standing: what it was given, as far as that is known
    """
    user = actor.user
    if actor.is_system:
        return Caller(kind=CallerKind.SYSTEM)
    if actor.is_worker:
        return Caller(kind=CallerKind.WORKER)
    if actor.has_grants_only:
        return Caller(kind=CallerKind.GRANTED, standing=standing)
    if user is None or not user.is_active:
        return Caller(kind=CallerKind.ANONYMOUS)
    if actor.attempt is None:
        return Caller(
            kind=CallerKind.USER,
            user=user.pk,
            is_administrator=user.is_superuser,
            standing=standing,
        )
    work_request = actor.attempt.work_request
    return Caller(
        kind=CallerKind.TASK,
        user=user.pk,
        is_administrator=user.is_superuser,
        standing=standing,
        work_request=work_request.id,
        home=work_request.workspace_id,
        inputs=input_artifact_ids(work_request.dynamic_task_data),
    )


def _standing(actor: Actor) -> Standing:
    """What an actor was given: at most one query for people, and the second time none."""
    if actor.remembered:
        return actor.remembered[0]
    token, user = actor.token, actor.user
    if token is not None and actor.has_grants_only:
        found = standing_of_token(token)
    elif user is None or user.is_superuser or not user.is_active:
        return NOTHING
    else:
        found = standing_of_user(user)
    actor.remembered.append(found)
    return found


def may(actor: Actor, verb: Verb, row: Model) -> bool:
    """
    Whether an actor may do something with a row.

    One query, to read what a person was given, once per request; none for what everybody
    may, and none for those who lead this server.

    :param row: what the verb is on, with workspace and scope loaded
    """
    if not actor.remembered and holds_for(allowed(caller_of(actor), verb), row):
        return True
    standing = _standing(actor)
    if standing is NOTHING:
        return False
    return holds_for(allowed(caller_of(actor, standing), verb), row)


def require(actor: Actor, verb: Verb, row: Model) -> None:
    """
    Check that an actor may do something with a row; as many queries as :func:`may`.

    :raises PermissionDeniedError: if not
    """
    if not may(actor, verb, row):
        raise PermissionDeniedError(f"{actor.label} cannot {verb.rule.says} {row}")


def where(actor: Actor, verb: Verb, model: type[Model], *, prefix: str = "") -> Q:
    """
    Condition on the rows with which an actor may do something.

    It holds ids, read with one query at the first time, and no subqueries.

    :param model: what the verb is on
    :param prefix: path from the rows that are asked for to those of ``model``, such as
        ``workspace__``
    """
    return in_sql(allowed(caller_of(actor, _standing(actor)), verb), model, prefix=prefix)


def visible_workspaces(actor: Actor) -> Q:
    """Condition on :class:`Workspace` rows that an actor may see."""
    return where(actor, Verb.DISPLAY, Workspace)


def is_visible_workspace(actor: Actor, workspace: Workspace) -> bool:
    """Whether an actor may see a workspace: :func:`visible_workspaces` for a loaded one."""
    return may(actor, Verb.DISPLAY, workspace)


def find_scope(actor: Actor, name: str) -> Scope:
    """
    Look a scope up by name; one query.

    :raises NotFoundError: if there is none
    :raises PermissionDeniedError: if there is one that the actor may not see
    """
    found = scope_by_name(name)
    if found is None:
        raise NotFoundError("Scope not found", details=f"scope not found: {name:.255}")
    require_entry(actor, found)
    return found


def require_entry(actor: Actor, scope: Scope) -> None:
    """
    Check that an actor may see the scope it names.

    Workers name none, and may do nothing in any; an attempt that has ended is told so later.

    :raises PermissionDeniedError: if not
    """
    if not actor.is_worker and actor.ended is None:
        require(actor, Verb.DISPLAY_SCOPE, scope)


def find_workspace(actor: Actor, scope: Scope, name: str | None) -> Workspace:
    """
    Look a workspace up by name; one query.

    :param name: None stands for the default workspace
    :raises NotFoundError: if there is none, or none that the actor may see
    """
    wanted = settings.DEBUSINE.default_workspace if name is None else name
    found = _WORKSPACE.first(scope=scope.pk, name=wanted)
    if found is None or not is_visible_workspace(actor, found):
        raise NotFoundError(
            "Workspace not found", details=f"Workspace {wanted} not found in scope {scope.name}"
        )
    return found


def is_administrator(actor: Actor) -> bool:
    """Whether a person asks who leads this server; tasks of theirs do not."""
    user = actor.user
    return actor.attempt is None and user is not None and user.is_superuser and user.is_active


def require_administrator(actor: Actor, what: str) -> None:
    """
    Check that a person leads this server.

    :param what: they want to do, for the message
    :raises PermissionDeniedError: for everybody else, tasks of theirs among them
    """
    if not is_administrator(actor):
        raise PermissionDeniedError(f"{actor.label} cannot {what}")


def require_leader(actor: Actor, what: str) -> None:
    """
    Check that the server itself asks, or a person who leads it.

    :param what: they want to do, for the message
    :raises PermissionDeniedError: for everybody else
    """
    if not actor.is_system:
        require_administrator(actor, what)


def find_artifact(
    actor: Actor, artifact_id: int, *, scope: Scope | None = None, workspace: str | None = None
) -> Artifact:
    """
    Look an artifact up by its id; one query.

    :param scope: where it has to be, None for anywhere
    :param workspace: name of the workspace it has to be in. A running task finds
        its inputs from its own workspace, wherever they are
    :raises NotFoundError: if there is none, or none that the actor may see
    """
    missing = NotFoundError("Artifact not found", details=f"Artifact {artifact_id} not found")
    if not 0 < artifact_id <= MAX_ID:
        raise missing
    found = _ARTIFACT.first(pk=artifact_id)
    if found is None or not is_visible(actor, found):
        raise missing
    is_input = artifact_id in caller_of(actor).inputs
    if not is_input:
        if scope is not None and found.workspace.scope_id != scope.id:
            raise missing
        if workspace is not None and found.workspace.name != workspace:
            raise missing
    return found


def is_visible(actor: Actor, artifact: Artifact) -> bool:
    """Whether an actor may see an artifact; no query if its workspace is loaded."""
    return may(actor, Verb.DISPLAY_ARTIFACT, artifact)


def require_change(actor: Actor, artifact: Artifact) -> None:
    """
    Check that files may be uploaded to an artifact and relations may start there.

    :raises PermissionDeniedError: if not
    """
    require(actor, Verb.CHANGE_ARTIFACT, artifact)
