# SPDX-License-Identifier: GPL-3.0-or-later
"""
Packages are built with archives of the user: server, agent, environment and APT are real.

In bookworm, APT reads keys inside of sources files; in bullseye they are files.
"""

from __future__ import annotations

import json
import os
import secrets
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from debusine.testing.apt_mirror import archive_key
from debusine.testing.extra_archive import PLACE, ExtraArchive, extra_archive, write_data_deb
from debusine.util.apt_config import read_machine
from debusine.util.command import Command, run
from debusine.util.userns import remove_tree

pytestmark = [pytest.mark.real, pytest.mark.timeout(1200)]

RELEASES = ("bookworm", "bullseye")
NEEDED = ("in-main", "in-extra", "in-flat")
# what APT was told, and what came of it
RULES = f"""\
build-arch: shown
shown:
	cat /{PLACE}/*
	for f in /etc/apt/sources.list.d/extra_*; do echo "$$f:"; cat $$f; done
	ls /etc/apt/keyrings 2>/dev/null || true
"""


@dataclass(frozen=True, kw_only=True)
class World:
    """
    An archive, a source package that needs it, and a server's data directory.

    :param contents: what each package of the archive says
    """

    place: Path
    archive: ExtraArchive
    dsc: Path
    contents: dict[str, str]

    def line(self, suite: str, *components: str, key: Path | None = None, **options: str) -> str:
        """One line for ``--extra-repository``."""
        if key is not None:
            options["signed-by"] = str(key)
        bracket = " ".join(f"{name}={value}" for name, value in options.items())
        return f"deb [{bracket}] {self.archive.url} {suite} {' '.join(components)}"

    def build(self, release: str, *repositories: str) -> tuple[dict[str, Any], str]:
        """
        Run ``debusine build``.

        :returns: its document, and sbuild's log
        """
        output = Path(tempfile.mkdtemp(dir=self.place))
        argv = [
            str(Path(sys.executable).with_name("debusine")), "build", str(self.dsc),
            "--suite", release, "--no-lintian", "--json", "--arch-any",
            "--data-dir", str(self.place / "data"), "--output", str(output),
            *(f"--extra-repository={line}" for line in repositories),
        ]  # fmt: skip
        env = {**os.environ, "HOME": str(self.place / "home")}
        done = run(Command(argv, env=env, check=False))
        said = done.stderr.decode(errors="replace")
        assert done.stdout, said
        document = json.loads(done.stdout)
        assert document["steps"]["environment"]["result"] == "success", said
        [log] = output.glob("*.build")
        return document, log.read_text(errors="replace")


@pytest.fixture(scope="module")
def world(make_sources: ModuleType) -> Iterator[World]:
    base = "/dev/shm" if os.access("/dev/shm", os.W_OK) else "/var/tmp"
    place = Path(tempfile.mkdtemp(prefix="debusine-test-", dir=base))
    place.chmod(0o711)
    contents = {name: secrets.token_hex(16) for name in NEEDED}
    debs = {name: write_data_deb(place, name, f"{contents[name]}\n") for name in NEEDED}
    source = make_sources.Source(
        name="tiny-needy",
        packages={"tiny-needy": "any"},
        rules=make_sources.RULES_HEAD + make_sources.RULES_C + RULES,
        build_depends=", ".join(NEEDED),
    )
    dsc = make_sources.make_source(source, place / "source", secrets.token_hex(16))
    components = {"main": [debs["in-main"]], "extra": [debs["in-extra"]]}
    try:
        with extra_archive() as archive:
            archive.add_suite("probe", components, architecture=read_machine().architecture)
            archive.add_flat("flat", debs["in-flat"])
            yield World(place=place, archive=archive, dsc=dsc, contents=contents)
    finally:
        remove_tree(place)


@pytest.mark.parametrize("release", RELEASES)
def test_build_dependencies_come_from_extra_repositories(world: World, release: str) -> None:
    key = world.archive.key.armoured
    document, log = world.build(
        release,
        # nobody is there: APT would fail
        "deb [arch=s390x] http://127.0.0.1:9/ nowhere main",
        world.line("probe", "main", "extra", key=key),
        world.line("flat/", key=key),
    )
    assert document["result"] == "success", log[-6000:]
    assert [text for text in world.contents.values() if text not in log] == []

    numbers = ("extra_repository_0.sources", "extra_repository_1.sources")
    assert [name for name in numbers if f"/etc/apt/sources.list.d/{name}:" not in log] == []
    assert "nowhere" not in log
    inside, beside = "\nSigned-By:\n -----BEGIN PGP", "\nSigned-By: /etc/apt/keyrings/extra_apt_key"
    assert (inside in log, beside in log) == (release == "bookworm", release == "bullseye")
    assert log.count("\nextra_apt_key_") == (2 if release == "bullseye" else 0)


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize("given", ["another", "none"])
def test_an_archive_without_the_right_key_is_not_used(
    world: World, release: str, given: str
) -> None:
    with archive_key() as other:
        key = other.armoured if given == "another" else None
        document, log = world.build(release, world.line("probe", "main", "extra", key=key))

    assert document["result"] == "failure"
    assert "Build-Time" not in log or "Fail-Stage: apt-get-update" in log
    step = document["steps"]["build"]
    assert step["blame"] == "subject"
    start = f"{world.archive.url} probe InRelease is not signed by a key that the build was given"
    assert step["remark"].startswith(start)
    assert "NO_PUBKEY" in step["remark"]


def test_an_archive_whose_files_were_changed_is_not_used(world: World) -> None:
    """A signature that is right for other content."""
    release = world.archive.root / "dists/probe/InRelease"
    before = release.read_text()
    release.write_text(before.replace("Suite: probe", "Suite: prob3"))
    try:
        key = world.archive.key.armoured
        document, _ = world.build("bookworm", world.line("probe", "main", key=key))
    finally:
        release.write_text(before)
    assert document["result"] == "failure"
    assert "BADSIG" in document["steps"]["build"]["remark"]
