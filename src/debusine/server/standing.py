# SPDX-License-Identifier: GPL-3.0-or-later
"""What somebody was given, read once per request."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from django.db.models import CharField, F, Model, Value

from debusine.db.models import (
    Collection,
    CollectionRole,
    CollectionTokenGrant,
    GroupMembership,
    MemberRole,
    ScopeRole,
    Token,
    User,
    WorkspaceRole,
)
from debusine.domain.role import GRANTABLE, Resource, Role, Standing

_ROLES = {(role.resource.value, role.label): role for role in GRANTABLE}
_TABLES: Mapping[Resource, type[Model]] = {
    Resource.SCOPE: ScopeRole,
    Resource.WORKSPACE: WorkspaceRole,
    Resource.COLLECTION: CollectionRole,
}
_ARCHIVE, _SUITE = "debian:archive", "debian:suite"


def standing_of_user(user: User) -> Standing:
    """Read what a person was given through groups; one query."""
    given: dict[Role, set[int]] = defaultdict(set)
    scopes: set[int] = set()
    member: set[int] = set()
    admin: set[int] = set()
    for kind, label, pk, scope in _rows(user):
        if kind == Resource.GROUP:
            scopes.add(scope)
            member.add(pk)
            if label == MemberRole.ADMIN:
                admin.add(pk)
        elif (kind, label) in _ROLES:
            given[_ROLES[kind, label]].add(pk)
    return Standing(
        given={role: frozenset(ids) for role, ids in given.items()},
        scopes=frozenset(scopes),
        member=frozenset(member),
        admin=frozenset(admin),
    )


def standing_of_token(token: Token) -> Standing:
    """
    Read what a token was granted that has explicit grants only; two queries.

    A grant on an archive is one on every suite of its workspace.
    """
    given: dict[Role, set[int]] = defaultdict(set)
    grants = CollectionTokenGrant.objects.filter(token=token).select_related("collection")
    archives: dict[int, set[Role]] = defaultdict(set)
    for grant in grants:
        role = _ROLES.get((Resource.COLLECTION.value, grant.role))
        if role is None:
            continue
        given[role].add(grant.collection_id)
        if grant.collection.category == _ARCHIVE:
            archives[grant.collection.workspace_id].add(role)
    suites = Collection.objects.filter(workspace__in=archives, category=_SUITE)
    for pk, workspace in suites.values_list("pk", "workspace_id"):
        for role in archives[workspace]:
            given[role].add(pk)
    return Standing(given={role: frozenset(ids) for role, ids in given.items()})


def _rows(user: User) -> Iterable[tuple[str, str, int, int]]:
    """Ask for kind of thing, role, id of the thing, and id of the group's scope."""
    memberships: Any = GroupMembership.objects.filter(user=user)
    parts = [_labelled(Resource.GROUP, memberships, "group_id")]
    for resource, model in _TABLES.items():
        given = model._default_manager.filter(group__memberships__user=user)  # noqa: SLF001  public, of any model
        parts.append(_labelled(resource, given, "resource_id"))
    rows: Iterable[tuple[str, str, int, int]] = parts[0].union(*parts[1:], all=True)
    return rows


def _labelled(resource: Resource, rows: Any, pk: str) -> Any:
    """Bring rows into the shape that all parts of a union have."""
    kind = Value(resource.value, output_field=CharField())
    return rows.annotate(kind=kind, thing=F(pk), place=F("group__scope_id")).values_list(
        "kind", "role", "thing", "place"
    )
