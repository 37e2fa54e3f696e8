# SPDX-License-Identifier: GPL-3.0-or-later
"""Where rows lie: from an address to Django's settings of a database."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from debusine.errors import UserError

SQLITE = "sqlite"
POSTGRESQL = ("postgres", "postgresql")


def sqlite_settings(path: Path) -> dict[str, Any]:
    """Rows in a file."""
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": str(path),
        "CONN_MAX_AGE": None,
        # tests use a file like everybody else, as threads share it
        "TEST": {"NAME": str(path.with_name("test.sqlite3"))},
        "OPTIONS": {
            # one writer at a time, known when a transaction begins, not when it ends
            "transaction_mode": "IMMEDIATE",
            "timeout": 30,
            "init_command": (
                "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;"
                "PRAGMA cache_size=-16000; PRAGMA foreign_keys=ON;"
            ),
        },
    }


def postgresql_settings(url: str) -> dict[str, Any]:
    """
    Rows on a server.

    :param url: ``postgresql://user:password@host:port/name``, see libpq, "Connection URIs"
    """
    parts = urlsplit(url)
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": parts.path.lstrip("/"),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": parts.hostname or "",
        "PORT": str(parts.port or ""),
        "CONN_MAX_AGE": None,
        # plans of statements that come again are kept: planning them costs more than running them
        "OPTIONS": {"server_side_binding": True, "prepare_threshold": 2},
    }


def database_settings(url: str) -> dict[str, Any]:
    """
    Rows at an address of either kind: ``postgresql://...`` or ``sqlite:///PATH``.

    :raises UserError: for any other

    >>> database_settings("sqlite:///srv/rows.sqlite3")["NAME"]
    '/srv/rows.sqlite3'
    """
    scheme, separator, rest = url.partition("://")
    if separator and scheme in POSTGRESQL:
        return postgresql_settings(url)
    if separator and scheme == SQLITE and rest.startswith("/"):
        return sqlite_settings(Path(unquote(rest)))
    raise UserError(
        "this is no address of a database",
        resolution="Give postgresql://USER@HOST:PORT/NAME or sqlite:///PATH.",
    )
