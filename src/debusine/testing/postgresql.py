# SPDX-License-Identifier: GPL-3.0-or-later
"""A PostgreSQL server of one's own, on loopback, that can be stopped and started again."""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from debusine.testing.ports import free_port
from debusine.util.command import Command, run

# what is lost when the machine stops is no loss
OPTIONS = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}


@dataclass(frozen=True, kw_only=True, slots=True)
class PostgreSQL:
    """
    One server.

    :param directory: belongs to whom the server runs as
    :param programs: where ``pg_ctl`` lies
    """

    directory: Path
    programs: Path
    port: int
    password: str

    @property
    def url(self) -> str:
        """Its one database, as the setting ``database_url`` wants it."""
        return f"postgresql://debusine:{self.password}@127.0.0.1:{self.port}/postgres"

    def create(self) -> None:
        """Make its files."""
        word = self.directory / "password"
        word.touch(mode=0o600)
        word.write_text(self.password)
        if os.geteuid() == 0:
            for path in (self.directory, word):
                shutil.chown(path, "postgres")
        self._call(
            "initdb", "-U", "debusine", "-A", "scram-sha-256",
            "--pwfile", str(word), "--locale=C.UTF-8", "--no-sync",
        )  # fmt: skip

    def start(self) -> None:
        """Start it, and wait until it answers."""
        options = {**OPTIONS, "listen_addresses": "127.0.0.1", "max_connections": "200"}
        text = " ".join(f"-c {name}={value}" for name, value in options.items())
        text += f" -p {self.port} -k {self.directory}"
        self._call("pg_ctl", "-s", "-l", str(self.directory / "log"), "-w", "-o", text, "start")

    def stop(self) -> None:
        """Stop it at once, as a machine that loses power does."""
        self._call("pg_ctl", "-s", "-m", "immediate", "-w", "stop")

    def _call(self, program: str, *arguments: str) -> None:
        as_user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
        argv = [*as_user, str(self.programs / program), "-D", str(self.directory / "data")]
        # the user it runs as may have no access to where we are
        run(Command([*argv, *arguments], cwd=Path("/"), timeout_s=60))


@contextmanager
def postgresql() -> Iterator[PostgreSQL]:
    """Have a server for a while; in the end it is gone with all its data."""
    base = Path("/dev/shm")
    scratch = base if os.access(base, os.W_OK) else None
    directory = Path(tempfile.mkdtemp(prefix="debusine-postgresql-", dir=scratch))
    directory.chmod(0o711)
    server = PostgreSQL(
        directory=directory, programs=_programs(), port=free_port(), password=secrets.token_hex(16)
    )
    try:
        server.create()
        server.start()
        yield server
    finally:
        if (directory / "data/postmaster.pid").exists():
            server.stop()
        shutil.rmtree(directory)


def _programs() -> Path:
    """Where the newest version's programs lie, which Debian keeps out of the search path."""
    found = Path("/usr/lib/postgresql").glob("*/bin/pg_ctl")
    return max(found, key=lambda path: float(path.parts[4])).parent
