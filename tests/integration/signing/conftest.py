# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys in a database of the kind that the tests run on."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from debusine.signing.keystores.software import SoftwareKeyStore
from debusine.testing.clock import FakeClock
from debusine.testing.software_keys import make_software_store


@contextmanager
def empty_database() -> Iterator[str | None]:
    """A PostgreSQL database with nothing in it; None where SQLite is tested."""
    server = os.environ.get("DEBUSINE_DATABASE_URL")
    if not server:
        yield None
        return
    name = f"signing_{secrets.token_hex(4)}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA {name}")
        yield f"{server}?options=-csearch_path%3D{name}"
        connection.execute(f"DROP SCHEMA {name} CASCADE")


@pytest.fixture
def database_url() -> Iterator[str | None]:
    """The database of one test."""
    with empty_database() as url:
        yield url


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def store(tmp_path: Path, database_url: str | None, clock: FakeClock) -> SoftwareKeyStore:
    return make_software_store(tmp_path / "signing", database_url=database_url, clock=clock)
