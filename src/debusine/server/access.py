# SPDX-License-Identifier: GPL-3.0-or-later
"""Find rows that an actor may see, and check what it may do with them."""

from __future__ import annotations

from django.conf import settings
from django.db.models import BigIntegerField, CharField, Q

from debusine.db.models import Artifact, Scope, User, Workspace
from debusine.db.prepared import Param, Prepared
from debusine.domain.permission import (
    MAX_ID,
    Caller,
    CallerKind,
    Role,
    Verb,
    can,
    can_change_artifact,
    can_display_artifact,
    input_artifact_ids,
)
from debusine.errors import NotFoundError, PermissionDeniedError
from debusine.server.actor import Actor

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


def role_of(user: User | None) -> Role:
    """The role of a person in every workspace: administrators own all, others see public ones."""
    if user is None or not user.is_active:
        return Role.NONE
    return Role.OWNER if user.is_superuser else Role.NONE


def caller_in(actor: Actor, workspace: Workspace) -> Caller:
    """Describe an actor to :mod:`debusine.domain.permission`; no query."""
    if actor.worker is not None:
        return Caller(kind=CallerKind.WORKER)
    role = role_of(actor.user)
    if actor.attempt is not None:
        work_request = actor.attempt.work_request
        return Caller(
            kind=CallerKind.TASK,
            role=role,
            work_request=work_request.id,
            is_home=work_request.workspace_id == workspace.id,
            inputs=input_artifact_ids(work_request.dynamic_task_data),
        )
    if actor.user is None:
        return Caller(kind=CallerKind.ANONYMOUS)
    return Caller(kind=CallerKind.USER, role=role)


def visible_workspaces(actor: Actor) -> Q:
    """Condition on :class:`Workspace` rows that an actor may see."""
    return Q() if _sees_all(actor) else Q(public=True)


def is_visible_workspace(actor: Actor, workspace: Workspace) -> bool:
    """Whether an actor may see a workspace: :func:`visible_workspaces` for a loaded one."""
    return workspace.public or _sees_all(actor)


def _sees_all(actor: Actor) -> bool:
    return actor.worker is None and role_of(actor.user) >= Role.VIEWER


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


def require(actor: Actor, verb: Verb, workspace: Workspace) -> None:
    """
    Check that something may be done in a workspace.

    :raises PermissionDeniedError: if not
    """
    if not can(caller_in(actor, workspace), verb, is_public=workspace.public):
        raise PermissionDeniedError(f"{actor.label} cannot {verb.value} {workspace}")


def require_administrator(actor: Actor, what: str) -> None:
    """
    Check that a person leads this server.

    :param what: they want to do, for the message
    :raises PermissionDeniedError: for everybody else, tasks of theirs among them
    """
    if actor.attempt is not None or role_of(actor.user) < Role.OWNER:
        raise PermissionDeniedError(f"{actor.label} cannot {what}")


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
    is_input = artifact_id in caller_in(actor, found.workspace).inputs
    if not is_input:
        if scope is not None and found.workspace.scope_id != scope.id:
            raise missing
        if workspace is not None and found.workspace.name != workspace:
            raise missing
    return found


def is_visible(actor: Actor, artifact: Artifact) -> bool:
    """Whether an actor may see an artifact; no query if its workspace is loaded."""
    return can_display_artifact(
        caller_in(actor, artifact.workspace),
        is_public=artifact.workspace.public,
        artifact=artifact.id,
        made_by=artifact.created_by_work_request_id,
    )


def require_change(actor: Actor, artifact: Artifact) -> None:
    """
    Check that files may be uploaded to an artifact and relations may start there.

    :raises PermissionDeniedError: if not
    """
    if not can_change_artifact(
        caller_in(actor, artifact.workspace),
        is_public=artifact.workspace.public,
        made_by=artifact.created_by_work_request_id,
    ):
        raise PermissionDeniedError(f"{actor.label} cannot change artifact {artifact.id}")
