# SPDX-License-Identifier: GPL-3.0-or-later
"""The Django application that holds the rows."""

from __future__ import annotations

from django.apps import AppConfig


class DbConfig(AppConfig):
    """Rows of the server."""

    name = "debusine.db"
    label = "db"
    default_auto_field = "django.db.models.BigAutoField"
