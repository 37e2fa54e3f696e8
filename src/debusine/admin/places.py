# SPDX-License-Identifier: GPL-3.0-or-later
"""Find what arguments name: scopes, workspaces, groups and users."""

from __future__ import annotations

from django.conf import settings

from debusine.db.models import Group, Scope, User, Workspace
from debusine.errors import NotFoundError, UserError


def scope_named(name: str) -> Scope:
    """
    Find a scope.

    :raises NotFoundError: if there is none of this name
    """
    found = Scope.objects.filter(name=name).first()
    if found is None:
        raise NotFoundError(f"there is no scope {name}")
    return found


def split_workspace(text: str) -> tuple[str, str]:
    """
    Read ``SCOPE/NAME``, or ``NAME`` in the default scope.

    :raises UserError: if it has more parts
    """
    scope, slash, name = text.rpartition("/")
    if "/" in scope:
        raise UserError(f"{text} is no workspace", resolution="Write SCOPE/NAME.")
    return (scope if slash else settings.DEBUSINE.default_scope), name


def workspace_named(text: str) -> Workspace:
    """
    Find a workspace by ``SCOPE/NAME``, or ``NAME`` in the default scope.

    :raises NotFoundError: if there is none of this name
    """
    scope, name = split_workspace(text)
    rows = Workspace.objects.select_related("scope")
    found = rows.filter(scope=scope_named(scope), name=name).first()
    if found is None:
        raise NotFoundError(f"there is no workspace {scope}/{name}")
    return found


def place_named(text: str) -> tuple[Scope, Workspace | None]:
    """
    Find ``SCOPE`` or ``SCOPE/WORKSPACE``, where groups are.

    :raises NotFoundError: if there is none of this name
    """
    if "/" not in text:
        return scope_named(text), None
    workspace = workspace_named(text)
    return workspace.scope, workspace


def split_group(text: str) -> tuple[Scope, Workspace | None, str]:
    """
    Find where a group is to be by ``SCOPE/NAME`` or ``SCOPE/WORKSPACE/NAME``.

    :returns: the scope, the workspace if it is in one, and the name of the group
    :raises UserError: if it has no name
    :raises NotFoundError: if the scope or the workspace is not there
    """
    place, slash, name = text.rpartition("/")
    if not slash:
        raise UserError(f"{text} is no group", resolution="Write SCOPE[/WORKSPACE]/NAME.")
    scope, workspace = place_named(place)
    return scope, workspace, name


def group_named(text: str) -> Group:
    """
    Find a group by ``SCOPE/NAME`` or ``SCOPE/WORKSPACE/NAME``.

    :raises NotFoundError: if there is none of this name
    """
    scope, workspace, name = split_group(text)
    rows = Group.objects.select_related("scope", "workspace__scope")
    found = rows.filter(scope=scope, workspace=workspace, name=name).first()
    if found is None:
        raise NotFoundError(f"there is no group {text}")
    return found


def user_named(name: str) -> User:
    """
    Find a user.

    :raises NotFoundError: if there is none of this name
    """
    found = User.objects.filter(username=name).first()
    if found is None:
        raise NotFoundError(f"there is no user {name}")
    return found
