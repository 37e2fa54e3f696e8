# SPDX-License-Identifier: GPL-3.0-or-later
"""
``make quickstart`` on a fresh Debian 13, as an ordinary user without sudo.

What is committed is tested: the user has a clone. The packages that the user cannot
install are there, nothing else is.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from debusine.testing.fresh_machine import FreshMachine, fresh_machine
from debusine.testing.waiting import wait_for
from debusine.util.command import Command, Completed, run

CHECKOUT = Path(__file__).parents[2]
SUITE = "trixie"
# small, native, and built with nothing but debhelper
PACKAGE = "hostname"
USER = "alice"
QUICKSTART = f"cd debusine && make quickstart PACKAGE={PACKAGE} SUITE={SUITE}"
ROOM_BYTES = 6 * 2**30

pytestmark = [pytest.mark.root, pytest.mark.timeout(1800)]


@dataclass(frozen=True, kw_only=True, slots=True)
class Quickstart:
    """A machine on which quickstart has run once, and how that went."""

    machine: FreshMachine
    before: set[Path]
    first: Completed

    def run(self, line: str, *, offline: bool = False) -> Completed:
        """Run a shell line as the user, in the checkout."""
        return self.machine.run_as(USER, f"cd debusine && {line}", offline=offline)


@pytest.fixture(scope="module")
def quickstart() -> Iterator[Quickstart]:
    if os.geteuid() != 0:
        pytest.fail("only root can make a machine: run this with sudo, or with -m 'not root'")
    memory = Path("/dev/shm")
    in_memory = os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > ROOM_BYTES
    directory = Path(tempfile.mkdtemp(prefix="debusine-fresh-", dir=memory if in_memory else None))
    packages = run(Command([str(CHECKOUT / "scripts/provision"), "list"])).text.split()
    try:
        with fresh_machine(directory, suite=SUITE, packages=[*packages, "make"]) as machine:
            home = machine.add_user(USER)
            machine.clone(CHECKOUT, owner=USER, to=home / "debusine")
            before = machine.files_of(USER)
            first = machine.run_as(USER, QUICKSTART, timeout_s=1200)
            yield Quickstart(machine=machine, before=before, first=first)
    finally:
        shutil.rmtree(directory)


def test_quickstart_builds_a_package(quickstart: Quickstart) -> None:
    text = quickstart.first.text
    assert quickstart.first.returncode == 0, text[-8000:]
    # it says what it installs, and does not need to install what is there
    assert re.search(r"^provision: installing \d+ Python packages", text, re.MULTILINE)
    assert "Debian packages" not in text
    for step in ("environment", "build", "lintian"):
        assert re.search(rf"^{step} +success ", text, re.MULTILINE), text[-2000:]
    built = (quickstart.machine.root / "home" / USER / "debusine").glob("debusine-*/*.deb")
    [deb] = [path for path in built if path.name.startswith(f"{PACKAGE}_")]
    assert f"{deb.name} " in text
    assert f" {PACKAGE}\n" in run(Command(["dpkg-deb", "--info", str(deb)])).text


def test_what_is_in_place_is_not_installed_again(quickstart: Quickstart) -> None:
    again = quickstart.run("make --silent provision-run", offline=True)
    assert (again.returncode, again.text) == (0, "")


def test_the_doctor_finds_nothing_to_mend(quickstart: Quickstart) -> None:
    done = quickstart.run(".venv/bin/debusine doctor")
    assert (done.returncode, "mend it" in done.text) == (0, False), done.text


def test_purge_leaves_nothing(quickstart: Quickstart) -> None:
    machine = quickstart.machine
    # as printed below the table
    [command] = re.findall(r"^Remove all: +(.*)", quickstart.first.text, re.MULTILINE)
    purged = quickstart.run(f"{command} --yes")
    assert purged.returncode == 0, purged.text
    home = Path("/home", USER)
    found = machine.files_of(USER) - quickstart.before
    left = {path for path in found if not path.is_relative_to(home / "debusine")}
    # made as every program makes them, and empty
    assert left <= {home / ".local", home / ".local/share"}
    assert machine.files_of_subids() == set()
    wait_for(lambda: not machine.processes(), instead=machine.processes)
