# SPDX-License-Identifier: GPL-3.0-or-later
"""Bring the database up to date."""

from __future__ import annotations

import pkgutil
from pathlib import Path

import structlog
from django.apps import apps
from django.core.management import call_command
from django.db import DEFAULT_DB_ALIAS, OperationalError, connections
from django.db.migrations.recorder import MigrationRecorder

from debusine.errors import ConflictError, UpstreamError

# label of the application whose migrations are in debusine.db
OURS = "db"

log = structlog.get_logger(__name__)


def migrate_if_needed() -> bool:
    """
    Apply migrations that the database has not seen.

    Loading all migrations to find that none is new costs most of a second, so
    names of files are compared with recorded names first.

    :returns: whether anything was applied
    :raises ConflictError: if a newer program has changed the database
    :raises UpstreamError: if the database cannot be reached
    """
    try:
        recorded = refuse_newer()
        if migrations_on_disk() <= recorded:
            return False
        call_command("migrate", interactive=False, verbosity=0)
        log.info("migrated")
    except OperationalError as error:
        raise UpstreamError(
            "cannot use the database",
            details=str(error).strip(),
            resolution="Check DEBUSINE_DATABASE_URL, or the room and rights of the data directory.",
        ) from error
    return True


def refuse_newer(alias: str = DEFAULT_DB_ALIAS) -> set[tuple[str, str]]:
    """
    Make sure that a database is not ahead of this program; one query.

    :returns: the migrations that it has seen: label and name
    :raises ConflictError: if a newer program has changed it
    """
    recorded = set(MigrationRecorder(connections[alias]).applied_migrations())
    unknown = {name for label, name in recorded - migrations_on_disk() if label == OURS}
    if unknown:
        raise ConflictError(
            "the database belongs to a newer version of Debusine than this one",
            details=f"unknown here: {', '.join(sorted(unknown))}",
            resolution="Use that version, or another data directory with --data-dir.",
        )
    return recorded


def migrations_on_disk() -> set[tuple[str, str]]:
    """All migrations of all applications: label and name."""
    return {
        (application.label, module.name)
        for application in apps.get_app_configs()
        for module in pkgutil.iter_modules([str(Path(application.path) / "migrations")])
    }
