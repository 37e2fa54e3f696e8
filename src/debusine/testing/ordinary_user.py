# SPDX-License-Identifier: GPL-3.0-or-later
"""
Run tests of sandboxes as an ordinary user with subordinate ids, also when root tests.

A ``conftest.py`` imports :func:`pytest_pyfunc_call` and the fixtures. Each test that
uses ``ordinary_user`` then runs in a child process as that user.
"""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import tempfile
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from debusine.artifacts.base import all_kinds
from debusine.tasks.executors.registry import executors
from debusine.tasks.registry import load_kinds
from debusine.util.command import Command, run
from debusine.util.userns import OWNER_AND_SUBIDS, check_unshare

MEMORY = Path("/dev/shm")


@dataclass(frozen=True, kw_only=True, slots=True)
class OrdinaryUser:
    """
    Who runs the tests.

    :param workplace: directory of the user that subordinate ids can reach
    """

    name: str
    uid: int
    gid: int
    workplace: Path

    def call(self, function: Callable[[], object]) -> None:
        """
        Call a function as the user; as root, in a child process.

        What it imports late may be out of reach by then.

        :raises pytest.fail.Exception: if it raises in the child, with its traceback
        """
        if os.geteuid() == self.uid:
            function()
            return
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reader)
            self._be(function, writer)
        os.close(writer)
        with os.fdopen(reader, "rb") as stream:
            said = stream.read().decode(errors="replace")
        _, status = os.waitpid(child, 0)
        if status:
            pytest.fail(said or f"child ended with status {status}", pytrace=False)

    def _be(self, function: Callable[[], object], writer: int) -> None:
        status = 1
        try:
            os.initgroups(self.name, self.gid)
            os.setgid(self.gid)
            os.setuid(self.uid)
            os.environ["HOME"] = str(self.workplace)
            os.environ["TMPDIR"] = str(self.workplace)
            tempfile.tempdir = None
            os.chdir(self.workplace)
            function()
            status = 0
        except BaseException:  # noqa: BLE001  the parent fails with it
            os.write(writer, traceback.format_exc().encode(errors="replace"))
        finally:
            os._exit(status)


@pytest.fixture(scope="session")
def ordinary_user() -> Iterator[OrdinaryUser]:
    """Ourselves, or a user who exists as long as the tests run."""
    # what a child that cannot read our files will need
    load_kinds()
    all_kinds()
    executors()
    base = MEMORY if MEMORY.is_dir() else Path(tempfile.gettempdir())
    workplace = Path(tempfile.mkdtemp(prefix="debusine-test-", dir=base))
    workplace.chmod(0o755)
    created = None
    try:
        if os.geteuid() == 0:
            created = f"debusine-test-{secrets.token_hex(4)}"
            home = ["--no-create-home", "--home-dir", str(workplace)]
            run(Command(["useradd", *home, "--shell", "/bin/sh", created]))
            user = pwd.getpwnam(created)
            os.chown(workplace, user.pw_uid, user.pw_gid)
        else:
            user = pwd.getpwuid(os.geteuid())
        found = OrdinaryUser(
            name=user.pw_name, uid=user.pw_uid, gid=user.pw_gid, workplace=workplace
        )
        found.call(check_unshare)
        yield found
        if created is None:
            run(Command([*OWNER_AND_SUBIDS, "rm", "-rf", str(workplace)]))
    finally:
        if created is not None:
            run(Command(["userdel", created]))
        shutil.rmtree(workplace, ignore_errors=True)


@pytest.fixture
def workplace(ordinary_user: OrdinaryUser) -> Path:
    """A new directory of the ordinary user that subordinate ids can reach."""
    path = Path(tempfile.mkdtemp(dir=ordinary_user.workplace))
    path.chmod(0o755)
    os.chown(path, ordinary_user.uid, ordinary_user.gid)
    return path


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> object | None:
    """Run a test that uses ``ordinary_user`` as that user."""
    user = pyfuncitem.funcargs.get("ordinary_user")
    if not isinstance(user, OrdinaryUser):
        return None
    names = pyfuncitem._fixtureinfo.argnames  # noqa: SLF001  as pytest's own hook does it
    arguments = {name: pyfuncitem.funcargs[name] for name in names}
    user.call(lambda: pyfuncitem.obj(**arguments))
    return True
