# SPDX-License-Identifier: GPL-3.0-or-later
"""What a backup holds comes back as it was; what is none is refused."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, transaction
from tests.integration.files.conftest import make_artifact

from debusine.db.copying import canonical
from debusine.db.models import Artifact
from debusine.db.tables import all_tables
from debusine.errors import ConflictError, UserError
from debusine.server.backup import restore_backup, write_backup
from debusine.server.stores import Content, ContentMismatchError, default_store
from debusine.testing import factories


@pytest.fixture(autouse=True)
def _any_database(transactional_db: None, django_db_blocker: Any) -> Iterator[None]:
    """A backup has a database of its own."""
    with django_db_blocker.unblock():
        yield


def contents() -> dict[str, list[str]]:
    tables = all_tables()
    return {table.name: list(map(canonical, table.rows(DEFAULT_DB_ALIAS))) for table in tables}


@transaction.atomic
def forget_all() -> None:
    for table in all_tables():
        table.clear(DEFAULT_DB_ALIAS)


def use_directory(path: Path) -> Path:
    path.mkdir()
    settings.DEBUSINE = settings.DEBUSINE.model_copy(update={"data_dir": path})
    return path


@pytest.fixture
def backup(tmp_path: Path) -> Path:
    """Of an instance with a file, a log and a key."""
    data_dir = use_directory(tmp_path / "old")
    make_artifact({"a": b"first", "b": b"second"})
    factories.make_running()
    (data_dir / "secret-key").write_text("secret")
    (data_dir / "logs" / "terminals").mkdir(parents=True)
    for name in ("7.log", "7.index", "terminals/1.log", "terminals/1.index"):
        (data_dir / "logs" / name).write_text(name)
    path = tmp_path / "backup.tar"
    report = write_backup(path, data_dir, default_store(), progress=lambda _size: None)
    assert (report.files, report.logs, report.missing) == (2, 4, [])
    return path


def restore(path: Path, data_dir: Path) -> None:
    report = restore_backup(path, data_dir, default_store(), progress=lambda _size: None)
    assert report.missing == []


def test_everything_comes_back(backup: Path, tmp_path: Path) -> None:
    before = contents()
    forget_all()
    new = use_directory(tmp_path / "new")
    restore(backup, new)
    assert contents() == before
    for data in (b"first", b"second"):
        with default_store().open(Content.of(data)) as file:
            assert file.read() == data
    assert (new / "secret-key").read_text() == "secret"
    for name in ("7.log", "terminals/1.index"):
        assert (new / "logs" / name).read_text() == name
    assert not list(new.glob(".restore*"))
    assert sorted(path.name for path in backup.parent.iterdir()) == ["backup.tar", "new", "old"]


def test_a_file_that_the_store_has_lost_is_named(backup: Path, tmp_path: Path) -> None:
    default_store().delete(Content.of(b"first"))
    again = tmp_path / "again.tar"
    report = write_backup(again, tmp_path / "old", default_store(), progress=lambda _size: None)
    assert report.missing == [Content.of(b"first")]
    assert report.files == 1
    Artifact.objects.get().files.filter(path="a").update(complete=False)
    report = write_backup(again, tmp_path / "old", default_store(), progress=lambda _size: None)
    assert report.missing == []


def test_nothing_is_restored_where_something_is(backup: Path, tmp_path: Path) -> None:
    with pytest.raises(ConflictError, match="in the target"):
        restore(backup, use_directory(tmp_path / "new"))


def changed(backup: Path, name: str, data: bytes, kind: bytes = tarfile.REGTYPE) -> Path:
    """A copy with one member more."""
    copy = backup.with_name("changed.tar")
    copy.write_bytes(backup.read_bytes())
    with tarfile.open(copy, "a") as archive:
        header = tarfile.TarInfo(name)
        header.size, header.type, header.linkname = len(data), kind, "/etc/passwd"
        archive.addfile(header, io.BytesIO(data))
    return copy


HOSTILE = {
    "../outside": tarfile.REGTYPE,
    "/etc/outside": tarfile.REGTYPE,
    "logs/../../outside": tarfile.REGTYPE,
    "secret-key": tarfile.SYMTYPE,
    "worker/token": tarfile.REGTYPE,
}


def test_what_does_not_belong_into_a_backup(backup: Path, tmp_path: Path) -> None:
    forget_all()
    new = use_directory(tmp_path / "new")
    for name, kind in HOSTILE.items():
        data = b"" if kind == tarfile.SYMTYPE else b"hello"
        with pytest.raises(UserError, match="is no backup"):
            restore(changed(backup, name, data, kind), new)
    digest = Content.of(b"other").sha256
    with pytest.raises(ContentMismatchError):
        restore(changed(backup, f"store/{digest}-5", b"hello"), new)
    assert not (tmp_path / "outside").exists()
    assert not Artifact.objects.exists()


def test_any_other_file_is_refused(tmp_path: Path) -> None:
    other, new = tmp_path / "other.tar", use_directory(tmp_path / "new")
    for data in (b"", b"no archive", b"\0" * 10240):
        other.write_bytes(data)
        with pytest.raises(UserError, match="is no backup"):
            restore(other, new)
