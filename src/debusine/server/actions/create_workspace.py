# SPDX-License-Identifier: GPL-3.0-or-later
"""Make, change and rename workspaces."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import IntegrityError, transaction

from debusine.db.models import Collection, Group, Scope, Workspace
from debusine.domain.permission import Verb
from debusine.domain.place_name import RESERVED_WORKSPACES, name_problem
from debusine.domain.role import Role
from debusine.errors import ConflictError, UserError
from debusine.server.access import require
from debusine.server.action import action
from debusine.server.actions.grant_role import grant_role
from debusine.server.actor import Actor

SINGLETONS = ("debian:archive", "debian:package-build-logs", "debusine:task-history")
SINGLETON_NAME = "_"
DEFAULT_EXPIRATION = timedelta(days=30)


@action
def ensure_workspace(  # noqa: PLR0913  each is a fact of its own
    actor: Actor,
    *,
    scope: Scope,
    name: str,
    now: datetime,
    public: bool | None = None,
    default_expiration: timedelta | None = None,
    owners: Group | None = None,
    with_singletons: bool = True,
) -> tuple[Workspace, bool]:
    """
    Make a workspace, or change one; what is None stays, or gets its default.

    :param public: whether everybody in the scope may see it; not by default
    :param default_expiration: when its artifacts and requests go, 0 for never; 30 days by
        default
    :param owners: a group that is to own it
    :param with_singletons: whether it gets the collections of which each has one
    :returns: the workspace, and whether it is new
    :raises PermissionDeniedError: unless an owner of the scope asks
    :raises UserError: for names that cannot be used
    """
    require(actor, Verb.CREATE_WORKSPACES, scope)
    _check(name)
    wanted = {"public": public, "default_expiration_delay": default_expiration}
    given = {field: value for field, value in wanted.items() if value is not None}
    workspace, is_new = Workspace.objects.update_or_create(
        scope=scope,
        name=name,
        defaults=given,
        create_defaults={
            "default_expiration_delay": DEFAULT_EXPIRATION,
            "created_at": now,
            **given,
        },
    )
    if is_new and with_singletons:
        Collection.objects.bulk_create(
            Collection(workspace=workspace, category=category, name=SINGLETON_NAME)
            for category in SINGLETONS
        )
    if owners is not None:
        grant_role(actor, place=workspace, role=Role.WORKSPACE_OWNER.label, group=owners)
    return workspace, is_new


@action
def rename_workspace(actor: Actor, *, workspace: Workspace, name: str) -> None:
    """
    Give a workspace another name; addresses with the old one end.

    :raises PermissionDeniedError: unless an owner of the scope asks
    :raises UserError: for names that cannot be used
    :raises ConflictError: if there is one of this name
    """
    require(actor, Verb.CREATE_WORKSPACES, workspace.scope)
    _check(name)
    try:
        with transaction.atomic():
            Workspace.objects.filter(pk=workspace.pk).update(name=name)
    except IntegrityError as error:
        raise ConflictError(f"There is a workspace {name} already") from error
    workspace.name = name


def _check(name: str) -> None:
    """
    Check a name.

    :raises UserError: if it cannot be used
    """
    problem = name_problem(name, reserved=RESERVED_WORKSPACES)
    if problem is not None:
        raise UserError(
            f"{name!r:.50} is no name for a workspace", validation_errors={"name": [problem]}
        )
