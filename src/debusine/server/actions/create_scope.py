# SPDX-License-Identifier: GPL-3.0-or-later
"""Make and rename scopes."""

from __future__ import annotations

from datetime import datetime

from django.db import IntegrityError, transaction

from debusine.db.models import Scope
from debusine.domain.place_name import RESERVED_SCOPES, name_problem
from debusine.errors import ConflictError, UserError
from debusine.server.access import require_leader
from debusine.server.action import action
from debusine.server.actor import Actor
from debusine.server.groups import OWNERS, members_of, owners_of


@action
def ensure_scope(  # noqa: PLR0913  each is a fact of its own
    actor: Actor,
    *,
    name: str,
    now: datetime,
    label: str | None = None,
    icon: str | None = None,
    public: bool | None = None,
    owners: str = OWNERS,
) -> tuple[Scope, bool]:
    """
    Make a scope with its groups, or bring it up to date; what is None stays, or gets its default.

    :param label: what people read; the name with a capital letter by default
    :param public: whether everybody may see it, which is the default
    :param owners: name of the group that owns it
    :returns: the scope, and whether it is new
    :raises PermissionDeniedError: unless the server or who leads it asks
    :raises UserError: for names that cannot be used
    :raises ConflictError: if another one has this label
    """
    require_leader(actor, "change scopes")
    _check(name)
    wanted = {"label": label, "icon": icon, "public": public}
    given = {field: value for field, value in wanted.items() if value is not None}
    try:
        with transaction.atomic():
            scope, is_new = Scope.objects.update_or_create(
                name=name,
                defaults=given,
                create_defaults={"label": name.capitalize(), "created_at": now, **given},
            )
    except IntegrityError as error:
        raise ConflictError(f"Another scope has the label of {name}") from error
    members_of(scope)
    owners_of(scope, owners)
    return scope, is_new


@action
def rename_scope(actor: Actor, *, scope: Scope, name: str) -> None:
    """
    Give a scope another name; addresses with the old one end.

    :raises PermissionDeniedError: unless the server or who leads it asks
    :raises UserError: for names that cannot be used
    :raises ConflictError: if there is one of this name
    """
    require_leader(actor, "change scopes")
    _check(name)
    try:
        with transaction.atomic():
            Scope.objects.filter(pk=scope.pk).update(name=name)
    except IntegrityError as error:
        raise ConflictError(f"There is a scope {name} already") from error
    scope.name = name


def _check(name: str) -> None:
    """
    Check a name.

    :raises UserError: if it cannot be used
    """
    problem = name_problem(name, reserved=RESERVED_SCOPES)
    if problem is not None:
        raise UserError(
            f"{name!r:.50} is no name for a scope", validation_errors={"name": [problem]}
        )
