# SPDX-License-Identifier: GPL-3.0-or-later
"""A data directory of an older version goes on, in another database, too."""

from __future__ import annotations

import sqlite3
import sys
import tarfile
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.conftest import admin, call

from debusine.domain.result import WorkRequestResults
from debusine.testing.postgresql import postgresql

StartServer = Callable[..., AbstractContextManager[Any]]

# of migration 0003: requests 1 to 3 have ended, artifact 2 relates to 1, a file of 3 is missing
KEPT = Path(__file__).parents[1] / "data" / "data-directory-0003.tar.xz"
GREETING = b"kept since the start\n"


@pytest.fixture
def older(data_dir: Path) -> Path:
    """The data directory of a server that was stopped long ago."""
    with tarfile.open(KEPT) as archive:
        archive.extractall(data_dir)
    return data_dir


def check(running: Any, tmp_path: Path) -> None:
    """Everything is there, and more can be done."""
    client = running.client()
    results = [client.work_request_get(number).result.value for number in (1, 2, 3)]
    assert results == ["success", "failure", "failure"]
    assert [relation.target for relation in client.relations(artifact=2)] == [1]
    client.download_artifact(2, tmp_path)
    assert (tmp_path / "greeting.txt").read_bytes() == GREETING
    log = b"".join(chunk.data for chunk in client.log_follow(1))
    assert log.startswith(b"Fetching input\n")
    done = running.run_task("noop")
    assert done.result is WorkRequestResults.SUCCESS
    assert done.id > 3


def test_it_is_upgraded(older: Path, start_server: StartServer, tmp_path: Path) -> None:
    with start_server(older) as running:
        check(running, tmp_path)


def test_its_rows_move_to_postgresql(
    older: Path, start_server: StartServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with postgresql() as database:
        url = database.url.replace(f":{database.password}@", "@")
        status, said = admin(older, "migrate-db", url, PGPASSWORD=database.password)
        assert status == 0, said
        assert "are the same in both databases." in said
        status, said = admin(older, "migrate-db", url, PGPASSWORD=database.password)
        assert status == 3, said
        assert "Error: there is a User in the target" in said
        (older / "debusine.sqlite3").unlink()
        monkeypatch.setenv("DEBUSINE_DATABASE_URL", database.url)
        with start_server(older) as running:
            check(running, tmp_path)
            _, said = admin(older, "migrate-db", "sqlite:////nowhere")
            assert f"is in use by the server with process id {running.process.pid}" in said
        assert not (older / "debusine.sqlite3").exists()


def test_it_comes_back_from_a_backup(
    older: Path, start_server: StartServer, tmp_path: Path
) -> None:
    backup, new = tmp_path / "backup.tar", older.with_name("new")
    new.mkdir()
    with start_server(older):
        status, said = admin(older, "backup", str(backup))
        assert status == 0, said
        status, said = admin(older, "restore", str(backup))
        assert status == 3
        assert "is in use by the server" in said
    assert backup.stat().st_mode & 0o777 == 0o600
    status, said = admin(new, "restore", str(backup))
    assert status == 0, said
    assert "Restored " in said
    status, said = admin(new, "restore", str(backup))
    assert (status, "there is a User in the target" in said) == (3, True)
    with start_server(new) as running:
        check(running, tmp_path)


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("mysql://db.example.org/x", "this is no address of a database"),
        ("postgresql://nobody@127.0.0.1:1/x", "cannot use the database"),
    ],
)
def test_addresses_that_are_of_no_use(older: Path, url: str, says: str) -> None:
    status, said = admin(older, "migrate-db", url)
    assert status == 3
    assert f"Error: {says}" in said
    assert "Traceback" not in said


def test_data_of_a_newer_version_are_refused(older: Path) -> None:
    with sqlite3.connect(older / "debusine.sqlite3") as database:
        columns, later = "app, name, applied", ("db", "9999_later", "2027-01-01")
        database.execute(f"INSERT INTO django_migrations ({columns}) VALUES (?, ?, ?)", later)
    module = "debusine.standalone"
    status, said = call(
        sys.executable, "-m", module, "--data-dir", older, "--listen", "127.0.0.1:0"
    )
    assert status == 2
    assert "belongs to a newer version of Debusine" in said
    assert "9999_later" in said
