# SPDX-License-Identifier: GPL-3.0-or-later
"""
Roles, and what gives them: one table.

Roles are given to groups, on a scope, a workspace or a collection; others follow. Inside of
something a role counts only for those who may see what is around it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, StrEnum, unique
from typing import TypeAlias

from debusine.domain.condition import (
    ALWAYS,
    NEVER,
    Absent,
    Among,
    Condition,
    all_of,
    among,
    any_of,
)


class Resource(StrEnum):
    """On what there are roles; the value is the name of the fact that holds its id."""

    SCOPE = "scope"
    WORKSPACE = "workspace"
    GROUP = "group"
    COLLECTION = "collection"
    WORK_REQUEST = "work_request"


@unique
class Role(Enum):
    """What somebody is to a thing."""

    SCOPE_AWARE = (Resource.SCOPE, "aware")
    SCOPE_OBSERVER = (Resource.SCOPE, "observer")
    SCOPE_OWNER = (Resource.SCOPE, "owner")
    WORKSPACE_VIEWER = (Resource.WORKSPACE, "viewer")
    WORKSPACE_CONTRIBUTOR = (Resource.WORKSPACE, "contributor")
    WORKSPACE_OWNER = (Resource.WORKSPACE, "owner")
    GROUP_VIEWER = (Resource.GROUP, "viewer")
    GROUP_MEMBER = (Resource.GROUP, "member")
    GROUP_ADMIN = (Resource.GROUP, "admin")
    GROUP_OWNER = (Resource.GROUP, "owner")
    COLLECTION_VIEWER = (Resource.COLLECTION, "viewer")
    COLLECTION_OWNER = (Resource.COLLECTION, "owner")
    WORK_REQUEST_VIEWER = (Resource.WORK_REQUEST, "viewer")
    WORK_REQUEST_CONTRIBUTOR = (Resource.WORK_REQUEST, "contributor")
    WORK_REQUEST_CREATOR = (Resource.WORK_REQUEST, "creator")
    WORK_REQUEST_OWNER = (Resource.WORK_REQUEST, "owner")

    @property
    def resource(self) -> Resource:
        """On what."""
        return self.value[0]

    @property
    def label(self) -> str:
        """Its name among those on the same kind of thing, as stored and as people say it."""
        return self.value[1]


class Tie(Enum):
    """What may be true between somebody and a thing; the value is how pages say it."""

    GIVEN = "a group of theirs was given it"
    PUBLIC_SCOPE = "everybody, if the scope is public"
    PUBLIC_WORKSPACE = "everybody, if the workspace is public"
    MEMBER_IN_SCOPE = "member of any group of the scope"
    MEMBER = "member of the group"
    ADMIN = "admin among the members of the group"
    CREATED = "has created it"
    IS_THE_USER = "is that user"
    LOGGED_IN = "every user"


Source: TypeAlias = Role | Tie

GIVEN_BY: Mapping[Role, tuple[Source, ...]] = {
    Role.SCOPE_OWNER: (Tie.GIVEN,),
    Role.SCOPE_OBSERVER: (Tie.GIVEN, Role.SCOPE_OWNER),
    Role.SCOPE_AWARE: (Role.SCOPE_OBSERVER, Tie.MEMBER_IN_SCOPE, Tie.PUBLIC_SCOPE),
    Role.WORKSPACE_OWNER: (Tie.GIVEN, Role.SCOPE_OWNER),
    Role.WORKSPACE_CONTRIBUTOR: (Tie.GIVEN, Role.WORKSPACE_OWNER),
    Role.WORKSPACE_VIEWER: (
        Tie.GIVEN,
        Role.WORKSPACE_CONTRIBUTOR,
        Role.SCOPE_OBSERVER,
        Tie.PUBLIC_WORKSPACE,
    ),
    Role.GROUP_OWNER: (Role.SCOPE_OWNER, Role.WORKSPACE_OWNER),
    Role.GROUP_ADMIN: (Tie.ADMIN, Role.GROUP_OWNER),
    Role.GROUP_MEMBER: (Tie.MEMBER, Role.GROUP_ADMIN),
    Role.GROUP_VIEWER: (Role.SCOPE_AWARE,),
    Role.COLLECTION_OWNER: (Tie.GIVEN, Role.WORKSPACE_OWNER),
    Role.COLLECTION_VIEWER: (Tie.GIVEN, Role.COLLECTION_OWNER, Role.WORKSPACE_VIEWER),
    Role.WORK_REQUEST_OWNER: (Role.WORKSPACE_OWNER,),
    Role.WORK_REQUEST_CREATOR: (Tie.CREATED, Role.WORK_REQUEST_OWNER),
    Role.WORK_REQUEST_CONTRIBUTOR: (Role.WORK_REQUEST_OWNER, Role.WORKSPACE_CONTRIBUTOR),
    Role.WORK_REQUEST_VIEWER: (Role.WORK_REQUEST_CONTRIBUTOR, Role.WORKSPACE_VIEWER),
}

INSIDE: Mapping[Resource, Role] = {
    Resource.WORKSPACE: Role.SCOPE_AWARE,
    Resource.GROUP: Role.SCOPE_AWARE,
    Resource.COLLECTION: Role.WORKSPACE_VIEWER,
    Resource.WORK_REQUEST: Role.WORKSPACE_VIEWER,
}
"""What somebody has to be to what is around a thing, for a role on the thing to count."""

PERHAPS_INSIDE: Mapping[Resource, Role] = {Resource.GROUP: Role.WORKSPACE_VIEWER}
"""The same for what may be around a thing, or not."""

GRANTABLE = tuple(role for role, sources in GIVEN_BY.items() if Tie.GIVEN in sources)
"""Roles that groups may be given."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """
    What somebody was given, by id of the thing.

    :param given: to a group of theirs, or to their token
    :param scopes: in which they are in some group
    :param member: groups they are in
    :param admin: groups in which they are admin
    """

    given: Mapping[Role, frozenset[int]] = field(default_factory=dict)
    scopes: frozenset[int] = frozenset()
    member: frozenset[int] = frozenset()
    admin: frozenset[int] = frozenset()


NOTHING = Standing()
_TRUE = frozenset({True})


def has_role(
    role: Role, *, user: int | None, standing: Standing, is_administrator: bool = False
) -> Condition:
    """
    Say for which things somebody has a role.

    :param user: id of the person, None for nobody
    :param is_administrator: whether they lead this server, and so have every role
    """
    if is_administrator:
        return ALWAYS
    ways = [
        has_role(source, user=user, standing=standing)
        if isinstance(source, Role)
        else has_tie(source, role, user=user, standing=standing)
        for source in GIVEN_BY[role]
    ]
    return all_of(_sees_around(role.resource, user=user, standing=standing), any_of(*ways))


def _sees_around(resource: Resource, *, user: int | None, standing: Standing) -> Condition:
    around = INSIDE.get(resource)
    perhaps = PERHAPS_INSIDE.get(resource)
    found: Condition = ALWAYS
    if around is not None:
        found = has_role(around, user=user, standing=standing)
    if perhaps is not None:
        sees = has_role(perhaps, user=user, standing=standing)
        found = all_of(found, any_of(Absent(perhaps.resource), sees))
    return found


def has_tie(tie: Tie, role: Role | None, *, user: int | None, standing: Standing) -> Condition:
    """
    Say with which things somebody has a tie.

    :param role: that the tie gives
    """
    given: dict[Tie, Condition] = {
        Tie.PUBLIC_SCOPE: Among("scope_public", _TRUE),
        Tie.PUBLIC_WORKSPACE: Among("workspace_public", _TRUE),
        Tie.MEMBER_IN_SCOPE: among(Resource.SCOPE, *standing.scopes),
        Tie.MEMBER: among(Resource.GROUP, *standing.member),
        Tie.ADMIN: among(Resource.GROUP, *standing.admin),
        Tie.CREATED: among("created_by", user),
        Tie.IS_THE_USER: among("user", user),
        Tie.LOGGED_IN: NEVER if user is None else ALWAYS,
    }
    if role is not None:
        given[Tie.GIVEN] = among(role.resource, *standing.given.get(role, ()))
    return given[tie]
