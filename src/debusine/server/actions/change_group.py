# SPDX-License-Identifier: GPL-3.0-or-later
"""Make, rename and delete groups."""

from __future__ import annotations

from datetime import datetime

from django.db import IntegrityError, transaction

from debusine.db.models import Group, Scope, Workspace
from debusine.domain.permission import Verb
from debusine.domain.place_name import name_problem
from debusine.errors import ConflictError, UserError
from debusine.server.access import require
from debusine.server.action import action
from debusine.server.actor import Actor
from debusine.server.groups import note_change


@action
def create_group(  # noqa: PLR0913  each is a fact of its own
    actor: Actor,
    *,
    scope: Scope,
    name: str,
    now: datetime,
    workspace: Workspace | None = None,
    ephemeral: bool = False,
) -> Group:
    """
    Make a group of a scope, or of a workspace in it.

    :param ephemeral: whether it goes once it has no role left
    :raises PermissionDeniedError: unless an owner asks
    :raises UserError: for a name that cannot be used
    :raises ConflictError: if there is one of this name
    """
    if workspace is None:
        require(actor, Verb.CREATE_SCOPE_GROUPS, scope)
    else:
        require(actor, Verb.CREATE_GROUPS, workspace)
    _check(name)
    try:
        with transaction.atomic():
            group = Group.objects.create(
                scope=scope, workspace=workspace, name=name, ephemeral=ephemeral
            )
    except IntegrityError as error:
        raise ConflictError(f"There is a group {name} already") from error
    note_change(
        actor,
        group,
        "create",
        now=now,
        name=name,
        scope=scope.pk,
        workspace=None if workspace is None else workspace.pk,
        ephemeral=ephemeral,
    )
    return group


@action
def rename_group(actor: Actor, *, group: Group, name: str, now: datetime) -> None:
    """
    Give a group another name.

    :raises PermissionDeniedError: unless somebody asks who manages the group
    :raises UserError: for a name that cannot be used
    :raises ConflictError: if there is one of this name
    """
    _require_ordinary(group)
    require(actor, Verb.MANAGE_GROUP, group)
    _check(name)
    old = group.name
    try:
        with transaction.atomic():
            group.name = name
            group.save(update_fields=["name"])
    except IntegrityError as error:
        group.name = old
        raise ConflictError(f"There is a group {name} already") from error
    note_change(actor, group, "update", now=now, name=[old, name])


@action
def delete_group(actor: Actor, *, group: Group) -> None:
    """
    Remove a group with its roles.

    :raises PermissionDeniedError: unless an owner asks
    :raises ConflictError: if it is the list of members of a scope
    """
    _require_ordinary(group)
    require(actor, Verb.DELETE_GROUP, group)
    group.delete()


def _require_ordinary(group: Group) -> None:
    """
    Leave lists of members alone, even if the server itself asks.

    :raises ConflictError: for such a list
    """
    if group.system:
        raise ConflictError(f"{group} is the list of members of its scope")


def _check(name: str) -> None:
    """
    Check a name.

    :raises UserError: if it cannot be used
    """
    problem = name_problem(name)
    if problem is not None:
        raise UserError(
            f"{name!r:.50} is no name for a group", validation_errors={"name": [problem]}
        )
