# SPDX-License-Identifier: GPL-3.0-or-later
"""The user in whose name the server itself does things."""

from __future__ import annotations

from debusine.db.models import User

SYSTEM_USER = "_system"


def system_user() -> User:
    """Find it, or make it; it may do everything, and nobody can log in as it."""
    user = User.objects.filter(username=SYSTEM_USER).first()
    if user is None:
        user = User(username=SYSTEM_USER, is_superuser=True, is_system=True)
        user.set_unusable_password()
        user, _ = User.objects.get_or_create(
            username=SYSTEM_USER,
            defaults={"is_superuser": True, "is_system": True, "password": user.password},
        )
    return user
