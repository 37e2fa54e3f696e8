# SPDX-License-Identifier: GPL-3.0-or-later
"""Make accounts of people."""

from __future__ import annotations

import secrets

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, transaction

from debusine.db.models import User
from debusine.domain.place_name import user_name_problem
from debusine.errors import ConflictError, UserError
from debusine.server.access import require_leader
from debusine.server.action import action
from debusine.server.actor import Actor

_PASSWORD_BYTES = 16


@action
def create_user(actor: Actor, *, name: str, email: str) -> tuple[User, str]:
    """
    Make an account; it is in no group.

    :returns: the account, and its random password, which is kept nowhere
    :raises PermissionDeniedError: unless the server or who leads it asks
    :raises UserError: for names and addresses that are none
    :raises ConflictError: if somebody has this name or address
    """
    require_leader(actor, "change users")
    problem = user_name_problem(name)
    if problem is not None:
        raise UserError(f"{name!r:.50} is no user name", validation_errors={"username": [problem]})
    _check(email)
    password = secrets.token_urlsafe(_PASSWORD_BYTES)
    user = User(username=name, email=email)
    user.set_password(password)
    try:
        with transaction.atomic():
            user.save()
    except IntegrityError as error:
        raise ConflictError(f"There is a user with the name {name} or that address") from error
    return user, password


@action
def change_email(actor: Actor, *, user: User, email: str) -> None:
    """
    Give a user another address.

    :raises PermissionDeniedError: unless the server or who leads it asks
    :raises UserError: for an address that is none
    :raises ConflictError: if somebody else has it, or for an account of the system
    """
    require_leader(actor, "change users")
    _check(email)
    if user.is_system:
        raise ConflictError(f"{user.username} is an account of the system")
    try:
        with transaction.atomic():
            User.objects.filter(pk=user.pk).update(email=email)
    except IntegrityError as error:
        raise ConflictError(f"Another user has the address {email}") from error
    user.email = email


def _check(email: str) -> None:
    """
    Check an address.

    :raises UserError: if it is none
    """
    try:
        validate_email(email)
    except ValidationError as error:
        raise UserError(
            f"{email!r:.80} is no e-mail address", validation_errors={"email": error.messages}
        ) from error
