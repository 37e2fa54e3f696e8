# SPDX-License-Identifier: GPL-3.0-or-later
"""
A whole instance in one file, and back.

A backup is a tar archive::

    backup.json            what it is
    rows.sqlite3           all rows as they were at one moment, whatever database they came from
    secret-key, client.ini
    store/SHA256-SIZE      files by content
    logs/ATTEMPT.index, .log, and the same of terminals

Rows come first: what they name is still there a moment later, as files never change.
"""

from __future__ import annotations

import io
import json
import re
import shutil
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, BinaryIO, cast

from django.db import DEFAULT_DB_ALIAS, connection
from django.db.models import Sum

from debusine import __version__
from debusine.db.address import sqlite_settings
from debusine.db.copying import copy_database, require_unused
from debusine.db.models import File, FileInArtifact
from debusine.db.second import make_tables, second_database
from debusine.db.tables import all_tables
from debusine.errors import UserError
from debusine.server.stores import Content, Store
from debusine.util.files import replace_file

FORMAT = 1
ABOUT = "backup.json"
ROWS = "rows.sqlite3"
SINGLE = ("secret-key", "client.ini")
_STORED = re.compile(r"store/([0-9a-f]{64})-([0-9]{1,18})")
_LOG = re.compile(r"logs/(terminals/)?[0-9]{1,18}\.(log|index)")

Progress = Callable[[int], None]


@dataclass(kw_only=True, slots=True)
class Report:
    """
    What was done.

    :ivar missing: contents that rows name and the store does not have
    """

    rows: int = 0
    files: int = 0
    logs: int = 0
    missing: list[Content] = field(default_factory=list)


def write_backup(path: Path, data_dir: Path, store: Store, *, progress: Progress) -> Report:
    """
    Write a backup; the server may run meanwhile.

    :param path: replaced once the backup is complete; readable for its owner only
    :param progress: told of bytes of files that were written
    """
    report = Report()
    with (
        TemporaryDirectory(prefix=f".{path.name}.", dir=path.absolute().parent) as scratch,
        replace_file(path, mode=0o600) as target,
        tarfile.open(fileobj=target, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        about = json.dumps({"format": FORMAT, "version": __version__}).encode()
        _add(archive, ABOUT, io.BytesIO(about), len(about))
        rows = Path(scratch) / ROWS
        _write_rows(rows)
        archive.add(rows, ROWS)
        for name in SINGLE:
            if (data_dir / name).exists():
                archive.add(data_dir / name, name)
        with second_database("snapshot", sqlite_settings(rows)) as alias:
            report.rows = sum(table.count(alias) for table in all_tables())
            for content in _contents(alias):
                _add_stored(archive, content, store, report)
                progress(content.size_bytes)
        # an index never tells of bytes that its log does not have yet
        for log in sorted((data_dir / "logs").rglob("*.index")):
            for each in (log, log.with_suffix(".log")):
                archive.add(each, str(each.relative_to(data_dir)))
                report.logs += 1
    return report


def size_of_files() -> int:
    """How many bytes :func:`write_backup` will tell of, about."""
    found = File.objects.filter(stored=True).aggregate(total=Sum("size", default=0))
    return int(found["total"])


def _write_rows(path: Path) -> None:
    """Put all rows, as they are at one moment, into a file."""
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("VACUUM INTO %s", [str(path)])
        return
    with second_database("snapshot", sqlite_settings(path)) as alias:
        make_tables(alias)
        copy_database(DEFAULT_DB_ALIAS, alias)


def _contents(alias: str) -> Iterator[Content]:
    rows = File.objects.using(alias).filter(stored=True).order_by("sha256", "size")
    for sha256, size in rows.values_list("sha256", "size").iterator():
        yield Content(sha256=sha256, size_bytes=size)


def _add_stored(archive: tarfile.TarFile, content: Content, store: Store, report: Report) -> None:
    try:
        file = store.open(content)
    except FileNotFoundError:
        # what was removed since the snapshot is no loss
        wanted = FileInArtifact.objects.filter(
            file__sha256=content.sha256, file__size=content.size_bytes, complete=True
        )
        if wanted.exists():
            report.missing.append(content)
        return
    with file:
        _add(archive, f"store/{content.sha256}-{content.size_bytes}", file, content.size_bytes)
    report.files += 1


def _add(archive: tarfile.TarFile, name: str, file: IO[bytes], size_bytes: int) -> None:
    header = tarfile.TarInfo(name)
    header.size, header.mode = size_bytes, 0o600
    archive.addfile(header, file)


def restore_backup(path: Path, data_dir: Path, store: Store, *, progress: Progress) -> Report:
    """
    Make an instance of a backup, in the configured database and data directory.

    Every file is compared with its name, every row with that of the backup.

    :param progress: told of bytes of files that were read
    :raises ConflictError: if somebody uses the database, or the backup is of a newer version
    :raises UserError: if the file is no backup
    """
    make_tables(DEFAULT_DB_ALIAS)
    require_unused(DEFAULT_DB_ALIAS)
    with TemporaryDirectory(prefix=".restore.", dir=data_dir) as scratch:
        unpacking = _Unpacking(data_dir=data_dir, scratch=Path(scratch), store=store)
        try:
            with tarfile.open(path) as archive:
                _check(archive)
                for member in archive:
                    unpacking.take(archive, member)
                    progress(member.size)
        except (tarfile.TarError, EOFError, ValueError) as error:
            raise _no_backup(path, str(error)) from error
        rows = Path(scratch) / ROWS
        if not rows.exists():
            raise _no_backup(path, f"there is no {ROWS}")
        report = unpacking.report
        with second_database("snapshot", sqlite_settings(rows)) as alias:
            make_tables(alias)
            copied = copy_database(alias, DEFAULT_DB_ALIAS)
            report.rows = sum(table.rows for table in copied)
            report.missing = [content for content in _contents(alias) if not store.exists(content)]
    return report


def _check(archive: tarfile.TarFile) -> None:
    """Read what a backup says of itself, which comes first."""
    first = archive.next()
    file = None if first is None or first.name != ABOUT else archive.extractfile(first)
    if file is None or json.loads(file.read(10_000)).get("format") != FORMAT:
        raise tarfile.TarError(f"{ABOUT} is not its first member, or of another format")


@dataclass(frozen=True, kw_only=True, slots=True)
class _Unpacking:
    """
    Puts the members of a backup where they belong.

    :param scratch: for what is needed only now
    """

    data_dir: Path
    scratch: Path
    store: Store
    report: Report = field(default_factory=Report)

    def take(self, archive: tarfile.TarFile, member: tarfile.TarInfo) -> None:
        """
        Unpack one.

        :raises tarfile.TarError: if it does not belong into a backup
        """
        file = archive.extractfile(member) if member.isreg() else None
        if file is None:
            raise tarfile.TarError(f"{member.name:.200} is no file")
        if found := _STORED.fullmatch(member.name):
            content = Content(sha256=found[1], size_bytes=int(found[2]))
            self.store.add(cast("BinaryIO", file), content)
            self.report.files += 1
            return
        target = self._place(member.name)
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with replace_file(target, mode=0o600) as copy:
            shutil.copyfileobj(file, copy)

    def _place(self, name: str) -> Path:
        if name in (ABOUT, ROWS):
            return self.scratch / name
        if _LOG.fullmatch(name):
            self.report.logs += 1
        elif name not in SINGLE:
            raise tarfile.TarError(f"{name:.200} does not belong into a backup")
        return self.data_dir / name


def _no_backup(path: Path, why: str) -> UserError:
    return UserError(
        f"{path} is no backup of this program",
        details=why,
        resolution="Name a file that debusine-admin backup has written.",
    )
