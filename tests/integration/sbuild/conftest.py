# SPDX-License-Identifier: GPL-3.0-or-later
"""An unprivileged user, an environment, and source packages to build in it."""

from __future__ import annotations

import importlib.util
import os
import pickle
import pwd
import secrets
import shutil
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

import pytest

from debusine.artifacts.base import all_kinds
from debusine.tasks.executors.registry import executors
from debusine.tasks.registry import load_kinds
from debusine.testing.made_once import made_once
from debusine.util.command import Command, run
from debusine.util.subids import subids_for
from debusine.util.userns import can_unshare

T = TypeVar("T")

SUITE = "trixie"
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
MEMORY = Path("/dev/shm")


@dataclass(frozen=True, kw_only=True)
class TestUser:
    """Who builds: ourselves, or a throw-away user if we are root."""

    __test__ = False

    entry: pwd.struct_passwd
    scratch: Path

    def call(self, function: Callable[[], T]) -> T:
        """
        Call a function in a child process as this user, in a clean environment.

        Not by starting Python anew: its files may be readable for root only.
        """
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reader)
            self._answer(writer, function)
        os.close(writer)
        with os.fdopen(reader, "rb") as pipe:
            content = pipe.read()
        os.waitpid(child, 0)
        outcome, value = pickle.loads(content)
        if outcome == "raised":
            pytest.fail(value)
        return value  # type: ignore[no-any-return]  # what the function returned

    def run(self, *argv: str, cwd: Path | None = None, **env: str) -> str:
        """Run a command as this user and return what it printed; it must succeed."""

        def start() -> str:
            return run(Command(argv, cwd=cwd or self.scratch, env={**os.environ, **env})).text

        return self.call(start)

    def directory(self) -> Path:
        """Make a new directory of this user that everybody may enter."""
        path = self.scratch / secrets.token_hex(4)
        path.mkdir(mode=0o755)
        os.chown(path, self.entry.pw_uid, self.entry.pw_gid)
        return path

    def _answer(self, writer: int, function: Callable[[], Any]) -> None:
        try:
            if os.getuid() == 0:
                os.setgroups([])
                os.setgid(self.entry.pw_gid)
                os.setuid(self.entry.pw_uid)
            os.environ.clear()
            os.environ.update(PATH=PATH, HOME=str(self.scratch), LC_ALL="C.UTF-8")
            os.umask(0o022)
            os.chdir(self.scratch)
            content = pickle.dumps(("returned", function()))
        except BaseException:  # noqa: BLE001  the parent process raises it
            content = pickle.dumps(("raised", traceback.format_exc()))
        with os.fdopen(writer, "wb") as pipe:
            pipe.write(content)
        os._exit(0)


@pytest.fixture(scope="session")
def user() -> Iterator[TestUser]:
    # what a child without access to our files will need
    load_kinds()
    all_kinds()
    executors()
    root = os.getuid() == 0
    name = f"debusine-test-{secrets.token_hex(3)}"
    if root:
        run(Command(["useradd", "--create-home", "--shell", "/bin/sh", name]))
    entry = pwd.getpwnam(name) if root else pwd.getpwuid(os.getuid())
    scratch = Path(tempfile.mkdtemp(prefix="debusine-sbuild-", dir=MEMORY))
    scratch.chmod(0o755)
    os.chown(scratch, entry.pw_uid, entry.pw_gid)
    found = TestUser(entry=entry, scratch=scratch)
    try:
        assert subids_for(entry.pw_name), f"{entry.pw_name} has no sub-ids"
        assert found.call(can_unshare), "user namespaces do not work here"
        yield found
    finally:
        shutil.rmtree(scratch)
        if root:
            run(Command(["userdel", "--remove", name]))


def mirror_of_this_machine() -> str:
    """The archive that the machine's own packages come from, as APT has it."""
    columns = "$(REPO_URI) $(SUITE) $(COMPONENT)"
    command = ["apt-get", "indextargets", "--format", columns, "Created-By: Packages"]
    for line in run(Command(command)).text.splitlines():
        uri, suite, component = line.split()
        if component == "main" and not suite.endswith(("-security", "-updates", "-backports")):
            return uri
    pytest.fail("APT of this machine knows no archive; run apt-get update")


@pytest.fixture(scope="session")
def tarball(user: TestUser) -> Path:
    """A build environment, made by the first test that needs it."""
    name = f"{SUITE}.tar.zst"
    settings = run(Command(["apt-config", "dump"])).text
    ignore_expiry = 'Acquire::Check-Valid-Until "false";' in settings

    def make(directory: Path) -> None:
        os.chown(directory, user.entry.pw_uid, user.entry.pw_gid)
        user.run(
            "mmdebstrap",
            "--mode=unshare",
            "--variant=buildd",
            *(['--aptopt=Acquire::Check-Valid-Until "false"'] if ignore_expiry else []),
            SUITE,
            str(directory / name),
            mirror_of_this_machine(),
            TMPDIR=str(user.scratch),
        )

    return made_once(f"buildd-{SUITE}", make) / name


@pytest.fixture(scope="session")
def make_sources() -> ModuleType:
    path = Path(__file__).parents[2] / "data/make_sources.py"
    spec = importlib.util.spec_from_file_location("make_sources", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["make_sources"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def nonce() -> str:
    return secrets.token_hex(16)


@pytest.fixture
def source(user: TestUser, make_sources: ModuleType, nonce: str) -> Callable[[str], Path]:
    """Make one of the packages of ``make_sources.py``; returns its .dsc."""

    def make(name: str) -> Path:
        directory = user.directory()

        def build() -> Path:
            return make_sources.make_source(make_sources.SOURCES[name], directory, nonce)  # type: ignore[no-any-return]  # a script

        return user.call(build)

    return make
