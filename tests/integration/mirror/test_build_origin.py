# SPDX-License-Identifier: GPL-3.0-or-later
"""What is built with --mirror has an environment of its own; later builds are not given it."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from debusine.testing.apt_mirror import SUITE, signed_archive
from debusine.testing.environment import machine_source
from debusine.testing.packages import write_dsc
from debusine.testing.resigned_mirror import serve_resigned, take_index
from debusine.util.apt_config import read_machine
from debusine.util.command import Command, run
from debusine.util.userns import remove_tree

pytestmark = [pytest.mark.real, pytest.mark.timeout(900)]


@dataclass(frozen=True, kw_only=True)
class LocalMirror:
    """A mirror that this machine's APT knows nothing of."""

    url: str
    keyring: Path

    @property
    def options(self) -> list[str]:
        """Build with it."""
        return [f"--mirror={SUITE}={self.url}", f"--keyring={self.keyring}"]


@pytest.fixture(scope="module")
def mirror() -> Iterator[LocalMirror]:
    source = machine_source()
    with signed_archive() as made:
        take_index(made, source, read_machine().architecture)
        made.sign()
        with serve_resigned(made, source) as url:
            yield LocalMirror(url=url, keyring=made.keyring)


@pytest.fixture
def place() -> Iterator[Path]:
    base = "/dev/shm" if os.access("/dev/shm", os.W_OK) else "/var/tmp"
    path = Path(tempfile.mkdtemp(prefix="debusine-test-", dir=base))
    path.chmod(0o711)
    yield path
    remove_tree(path)


def build(place: Path, *options: str) -> tuple[bool, str]:
    """
    Build a package, if only to see where.

    :returns: whether the environment was made for it, and the log of the build
    """
    source = place / "source"
    if not source.exists():
        source.mkdir()
        write_dsc(source)
    output = Path(tempfile.mkdtemp(dir=place))
    [dsc] = source.glob("*.dsc")
    argv = [
        str(Path(sys.executable).with_name("debusine")), "build", str(dsc),
        "--suite", SUITE, "--no-lintian", "--json", "--arch-any", *options,
        "--data-dir", str(place / "data"), "--output", str(output),
    ]  # fmt: skip
    env = {**os.environ, "HOME": str(place / "home")}
    done = run(Command(argv, env=env, check=False))
    said = done.text + done.stderr.decode(errors="replace")
    assert done.returncode in {0, 1}, said
    environment = json.loads(done.stdout)["steps"]["environment"]
    assert environment["result"] == "success", said
    [log] = output.glob("*.build")
    return environment["work_request"] is not None, log.read_text(errors="replace")


def test_each_is_given_what_it_asked_for(place: Path, mirror: LocalMirror) -> None:
    is_new, log = build(place, *mirror.options)
    assert is_new
    assert mirror.url in log

    is_new, log = build(place)
    assert is_new
    assert mirror.url not in log

    is_new, log = build(place, *mirror.options)
    assert not is_new
    assert mirror.url in log

    is_new, log = build(place)
    assert not is_new
    assert mirror.url not in log
