# SPDX-License-Identifier: GPL-3.0-or-later
"""Another database beside the one that is configured, for as long as rows are moved."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.core.management import call_command
from django.db import OperationalError, connections

from debusine.db.upgrade import refuse_newer
from debusine.errors import UpstreamError


@contextmanager
def second_database(alias: str, values: dict[str, Any]) -> Iterator[str]:
    """
    Know a database by an alias.

    :param values: as :func:`debusine.db.address.database_settings` gives them
    """
    known = connections.configure_settings({**connections.settings, alias: values})
    connections.settings[alias] = known[alias]
    try:
        yield alias
    finally:
        connections[alias].close()
        del connections[alias]
        del connections.settings[alias]


def make_tables(alias: str) -> None:
    """
    Make the tables of a database, or bring them up to date.

    :raises ConflictError: if a newer program has changed it
    :raises UpstreamError: if it cannot be used
    """
    try:
        refuse_newer(alias)
        call_command("migrate", database=alias, interactive=False, verbosity=0)
    except OperationalError as error:
        raise UpstreamError(
            "cannot use the database",
            details=str(error).strip(),
            resolution="Check its address, and that it is there.",
        ) from error
