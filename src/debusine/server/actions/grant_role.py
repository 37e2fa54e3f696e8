# SPDX-License-Identifier: GPL-3.0-or-later
"""Give roles to groups, and take them back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from debusine.db.models import (
    Collection,
    CollectionRole,
    Group,
    Scope,
    ScopeRole,
    Workspace,
    WorkspaceRole,
)
from debusine.domain.permission import Verb
from debusine.domain.role import GRANTABLE, Resource
from debusine.errors import ConflictError, UserError
from debusine.server.access import require
from debusine.server.action import action
from debusine.server.actor import Actor

Place: TypeAlias = Scope | Workspace | Collection


@dataclass(frozen=True, kw_only=True, slots=True)
class _Kind:
    resource: Resource
    table: Any
    verb: Verb


_KINDS: Mapping[type[Place], _Kind] = {
    Scope: _Kind(resource=Resource.SCOPE, table=ScopeRole, verb=Verb.ASSIGN_SCOPE_ROLES),
    Workspace: _Kind(resource=Resource.WORKSPACE, table=WorkspaceRole, verb=Verb.ASSIGN_ROLES),
    Collection: _Kind(
        resource=Resource.COLLECTION, table=CollectionRole, verb=Verb.ASSIGN_COLLECTION_ROLES
    ),
}


@action
def grant_role(actor: Actor, *, place: Place, role: str, group: Group) -> bool:
    """
    Give a group a role; one that it has stays.

    :returns: whether it is new
    :raises PermissionDeniedError: unless an owner asks
    :raises UserError: if there is no such role on such a thing
    :raises ConflictError: if the group is of another scope
    """
    kind = _KINDS[type(place)]
    require(actor, kind.verb, place)
    _check(kind, role)
    if group.scope_id != _scope_id(place):
        raise ConflictError(f"{group} is a group of another scope than {place}")
    _, is_new = kind.table.objects.get_or_create(resource=place, group=group, role=role)
    return bool(is_new)


@action
def revoke_role(actor: Actor, *, place: Place, role: str, group: Group) -> bool:
    """
    Take a role on one thing from a group; what it is elsewhere stays.

    :returns: whether the group had it
    :raises PermissionDeniedError: unless an owner asks
    :raises UserError: if there is no such role on such a thing
    """
    kind = _KINDS[type(place)]
    require(actor, kind.verb, place)
    _check(kind, role)
    gone, _ = kind.table.objects.filter(resource=place, group=group, role=role).delete()
    return bool(gone)


def roles_on(place: Place) -> list[tuple[str, Group]]:
    """Roles on a thing with the groups that have them, by role and name; one query."""
    rows = _KINDS[type(place)].table.objects.filter(resource=place)
    rows = rows.select_related("group__scope", "group__workspace__scope")
    return [(row.role, row.group) for row in rows.order_by("role", "group__name", "pk")]


def _check(kind: _Kind, role: str) -> None:
    """
    Check the name of a role.

    :raises UserError: if there is none of that name
    """
    known = [one.label for one in GRANTABLE if one.resource is kind.resource]
    if role not in known:
        raise UserError(
            f"{role!r:.50} is no role on a {kind.resource}",
            resolution=f"There are {', '.join(known)}.",
        )


def _scope_id(place: Place) -> int:
    if isinstance(place, Scope):
        return place.pk
    return place.scope_id if isinstance(place, Workspace) else place.workspace.scope_id
