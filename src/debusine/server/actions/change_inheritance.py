# SPDX-License-Identifier: GPL-3.0-or-later
"""Say what a workspace inherits from."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from operator import or_

from django.db.models import Q

from debusine.db.models import Scope, Workspace, WorkspaceChain
from debusine.domain.permission import Verb
from debusine.errors import NotFoundError, PermissionDeniedError, UserError
from debusine.server.access import is_visible_workspace, require
from debusine.server.action import action
from debusine.server.actor import Actor
from debusine.server.inheritance import heirs_among
from debusine.wire.workspace import ChainElementWanted

TITLE = "Cannot change inheritance"


@action
def change_inheritance(
    actor: Actor, *, workspace: Workspace, scope: Scope, wanted: Sequence[ChainElementWanted]
) -> list[Workspace]:
    """
    Set what a workspace inherits from, all of it.

    :param workspace: with its scope loaded
    :param scope: of the elements that name none
    :returns: what it inherits from now, in order
    :raises PermissionDeniedError: unless an owner of the workspace asks, or for a private
        workspace of another scope that was not in the chain before
    :raises NotFoundError: for workspaces that are not there, or not for the actor
    :raises UserError: for elements that contradict themselves, repetitions, and loops
    """
    require(actor, Verb.CONFIGURE, workspace)
    parents = _find(actor, wanted, scope)
    # two that would inherit from each other wait for each other
    involved = sorted({workspace.pk, *(parent.pk for parent in parents)})
    list(Workspace.objects.select_for_update().filter(pk__in=involved).order_by("pk"))
    old = WorkspaceChain.objects.filter(child=workspace)
    _check(actor, workspace, parents, kept=set(old.values_list("parent_id", flat=True)))
    old.delete()
    WorkspaceChain.objects.bulk_create(
        WorkspaceChain(child=workspace, parent=parent, order=order)
        for order, parent in enumerate(parents)
    )
    return parents


def _find(actor: Actor, wanted: Sequence[ChainElementWanted], scope: Scope) -> list[Workspace]:
    """
    Find what was named; one query.

    :raises NotFoundError: for workspaces that are not there, or not for the actor
    :raises UserError: for elements that name nothing, or two things
    """
    conditions = [_condition(number, one, scope) for number, one in enumerate(wanted)]
    if not conditions:
        return []
    rows = list(Workspace.objects.select_related("scope").filter(reduce(or_, conditions)))
    return [_match(actor, one, scope, rows) for one in wanted]


def _condition(number: int, one: ChainElementWanted, scope: Scope) -> Q:
    """
    Say which rows an element may mean.

    :raises UserError: if it names none
    """
    if one.id is not None:
        return Q(pk=one.id)
    if one.workspace is None:
        raise UserError(TITLE, details=f"chain.{number}: give id or workspace")
    return Q(name=one.workspace, scope__name=one.scope or scope.name)


def _match(
    actor: Actor, one: ChainElementWanted, scope: Scope, rows: Sequence[Workspace]
) -> Workspace:
    """
    Find the row of one element.

    :raises NotFoundError: if it is not there, or not for the actor
    :raises UserError: if its id is that of another one than its name
    """
    place = one.scope or scope.name
    for row in rows:
        is_meant = row.pk == one.id if one.id else str(row) == f"{place}/{one.workspace}"
        if not is_meant or not is_visible_workspace(actor, row):
            continue
        if (one.workspace or row.name) != row.name or (one.scope or row.scope.name) != (
            row.scope.name
        ):
            raise UserError(
                TITLE, details=f"Workspace {row.pk} is {row}, not {place}/{one.workspace}."
            )
        return row
    name = f"{one.id}" if one.id else f"{one.workspace} not found in scope {place}"
    raise NotFoundError("Workspace not found", details=f"Workspace {name}")


def _check(
    actor: Actor, workspace: Workspace, parents: Sequence[Workspace], *, kept: set[int]
) -> None:
    """
    Check that a chain may be set.

    :raises PermissionDeniedError: for a private workspace of another scope that is new
    :raises UserError: for repetitions, and loops
    """
    seen: set[int] = set()
    heirs = heirs_among(workspace, list(parents))
    for parent in parents:
        if parent.pk == workspace.pk:
            raise UserError(TITLE, details=f"{parent} cannot inherit from itself.")
        if parent.pk in seen:
            raise UserError(TITLE, details=f"{parent} is named twice.")
        if parent.pk in heirs:
            raise UserError(TITLE, details=f"{parent} inherits from {workspace} already.")
        # what is public in a private scope is for the people of that scope only
        is_public = parent.public and parent.scope.public
        if not is_public and parent.scope_id != workspace.scope_id and parent.pk not in kept:
            raise PermissionDeniedError(
                f"{actor.label} cannot let {workspace} inherit from {parent}",
                details=f"{parent} is private, and in another scope.",
            )
        seen.add(parent.pk)
