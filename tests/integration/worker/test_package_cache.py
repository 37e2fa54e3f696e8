# SPDX-License-Identifier: GPL-3.0-or-later
"""The process that keeps packages, with a real APT at its other end."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from typing_extensions import override

from debusine.testing.apt_mirror import Archive, FilesHandler, serving, signed_archive
from debusine.testing.waiting import wait_for
from debusine.util.command import Command, run
from debusine.worker.package_store import PackageStore
from debusine.worker.processes import descendants

PROGRAM = """
import sys
from pathlib import Path
from debusine.worker.package_cache import PackageCache
from debusine.worker.user import Account
print(PackageCache(Path(sys.argv[1]), Account.current(), size_bytes=2**26).start(), flush=True)
sys.stdin.read()
"""


@dataclass
class Cache:
    """A cache and the process that wants it."""

    directory: Path
    url: str
    process: subprocess.Popen[str]

    def answers(self) -> bool:
        parts = urlsplit(self.url)
        with (
            contextlib.suppress(ConnectionError),
            socket.create_connection((parts.hostname or "", parts.port or 0)) as connection,
        ):
            connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            return connection.recv(12) == b"HTTP/1.1 400"
        return False

    def processes(self) -> list[int]:
        """The one that looks after it, and the one that serves."""
        return sorted(descendants(self.process.pid))


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[Cache]:
    directory = tmp_path / "packages"
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(directory)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        yield Cache(directory, process.stdout.readline().strip(), process)
        process.kill()


@pytest.fixture(scope="module")
def archive() -> Iterator[Archive]:
    with signed_archive() as made:
        yield made


@dataclass
class Machine:
    """
    The APT of a task.

    :param asked: what the mirror was asked, by path
    """

    directory: Path
    environment: dict[str, str]
    asked: list[str]

    def apt(self, *words: str) -> tuple[int, str]:
        done = run(
            Command(["apt-get", *words], cwd=self.directory, env=self.environment, check=False)
        )
        return done.returncode, done.text

    def download(self) -> tuple[int, str]:
        for path in self.directory.glob("*.deb"):
            path.unlink()
        return self.apt("download", "hello")


@pytest.fixture
def machine(tmp_path: Path, archive: Archive, cache: Cache) -> Iterator[Machine]:
    asked: list[str] = []

    class Handler(FilesHandler):
        root = archive.root

        @override
        def send_head(self) -> object:  # type: ignore[override]  the class returns a private one
            asked.append(self.path)
            return super().send_head()

    root = tmp_path / "apt"
    for name in ("state/lists/partial", "cache/archives/partial", "etc/preferences.d"):
        (root / name).mkdir(parents=True)
    (root / "status").touch()
    with serving(ThreadingHTTPServer(("127.0.0.1", 0), Handler)) as port:
        (root / "etc/sources.list").write_text(
            f"deb [arch=amd64 signed-by={archive.keyring}] http://127.0.0.1:{port}/debian"
            " trixie main\n"
        )
        (root / "apt.conf").write_text(
            f'Dir::Etc "{root}/etc";\nDir::State "{root}/state";\nDir::Cache "{root}/cache";\n'
            f'Dir::State::status "{root}/status";\nAPT::Sandbox::User "root";\n'
            f'APT::Architecture "amd64";\nAcquire::http::Proxy "{cache.url}";\n'
        )
        environment = {**os.environ, "APT_CONFIG": str(root / "apt.conf"), "LC_ALL": "C.UTF-8"}
        made = Machine(tmp_path / "apt", environment, asked)
        status, text = made.apt("update")
        assert status == 0, text
        yield made


def test_apt_downloads_through_it_once(machine: Machine) -> None:
    for _ in range(2):
        status, text = machine.download()
        assert status == 0, text
    assert [path for path in machine.asked if path.endswith(".deb")] == [
        "/debian/pool/hello_1.0-1_amd64.deb"
    ]


def test_apt_refuses_what_is_not_what_the_archive_signed(machine: Machine, cache: Cache) -> None:
    machine.download()
    [package] = PackageStore(cache.directory).packages()
    with package.path.open("r+b") as file:
        file.seek(-10, os.SEEK_END)
        file.write(b"x" * 10)

    status, text = machine.download()

    assert status != 0
    assert "Hash Sum mismatch" in text
    assert list(machine.directory.glob("*.deb")) == []


def test_it_starts_again_where_it_was(cache: Cache) -> None:
    assert cache.answers()
    keeper, server = cache.processes()
    os.kill(server, signal.SIGKILL)
    # whoever comes in between waits
    assert cache.answers()
    assert cache.processes()[0] == keeper
    assert server not in cache.processes()


def test_it_ends_with_the_agent(cache: Cache) -> None:
    cache.process.kill()
    wait_for(lambda: not cache.answers())
