# SPDX-License-Identifier: GPL-3.0-or-later
"""Mirrors are asked for their Release files the way APT asks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from debusine.cli.building.release import Release, SuiteFinder, read_release
from debusine.cli.building.repositories import MirrorOptions
from debusine.errors import UserError
from debusine.testing.apt_mirror import MIRROR_PASSWORD, SUITE, Archive, Mirror
from debusine.util.apt_config import fetch_mirror_lists, read_machine
from debusine.util.apt_sources import AptSource
from debusine.util.command import Command, run


@pytest.fixture
def stable(archive: Archive) -> Iterator[Path]:
    """The archive calls its release ``stable`` as well."""
    archive.sign(suite="stable")
    alias = archive.root / "debian/dists/stable"
    alias.symlink_to(SUITE)
    yield alias
    alias.unlink()
    archive.sign()


@pytest.fixture
def finder(apt: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> SuiteFinder:
    monkeypatch.setenv("APT_CONFIG", apt["APT_CONFIG"])
    said: list[str] = []
    return SuiteFinder(machine=read_machine(), options=MirrorOptions(), say=said.append)


def test_an_alias_is_resolved_through_the_mirror(finder: SuiteFinder, stable: Path) -> None:
    chosen = finder.find("stable")
    assert chosen.codename == SUITE
    # what the machine uses, keys and all
    assert chosen.sources == finder.machine.sources


def test_a_release_file_without_a_signature_inside(
    finder: SuiteFinder, stable: Path, mirror: Mirror
) -> None:
    (stable / "InRelease").unlink()
    source = AptSource(type="deb", uri=mirror.url, suite="stable", components=("main",))
    assert read_release(source) == Release(suite="stable", codename=SUITE)


def test_another_release_under_the_name(finder: SuiteFinder, archive: Archive) -> None:
    moved = archive.root / "debian/dists/forky"
    moved.symlink_to(SUITE)
    try:
        with pytest.raises(UserError, match=f"another release under the name forky: {SUITE}"):
            finder.find("forky")
    finally:
        moved.unlink()


def test_a_suite_that_is_not_there(finder: SuiteFinder, mirror: Mirror) -> None:
    with pytest.raises(UserError, match=f"{mirror.url} has no suite nothing"):
        finder.find("nothing")


@pytest.fixture
def listed(archive: Archive, mirror: Mirror, tmp_path: Path, apt: dict[str, str]) -> Iterator[Path]:
    """This machine's APT uses a list of mirrors, behind the same proxy and password."""
    path = archive.root / "debian/mirrors"
    path.write_text(f"http://arm.example.org/\tarch:arm64\n{mirror.url}\tpriority:2\n")
    sources = tmp_path / "etc/sources.list.d/debian.sources"
    uri = f"mirror+https://{mirror.host}:{mirror.port}/debian/mirrors"
    sources.write_text(sources.read_text().replace(mirror.url, uri))
    run(Command(["apt-get", "--error-on=any", "update"], env=apt, timeout_s=60))
    yield path
    path.unlink(missing_ok=True)


def test_a_list_of_mirrors_elsewhere(
    listed: Path, finder: SuiteFinder, stable: Path, mirror: Mirror
) -> None:
    machine = fetch_mirror_lists(read_machine())
    chosen = replace(finder, machine=machine).find("stable")
    assert [(source.uri, source.suite) for source in chosen.sources] == [(mirror.url, SUITE)]
    assert machine.troubles == ()


def test_a_list_of_mirrors_that_is_not_there(
    listed: Path, finder: SuiteFinder, tmp_path: Path
) -> None:
    listed.unlink()
    machine = fetch_mirror_lists(read_machine())
    with pytest.raises(UserError, match="no Debian mirror") as caught:
        replace(finder, machine=machine).find(SUITE)
    said = caught.value.explain()
    assert f"{tmp_path}/etc/sources.list.d/debian.sources, line 2: " in said
    assert "404" in said
    assert "--mirror" in said


def test_a_mirror_that_refuses_says_nothing(
    finder: SuiteFinder, tmp_path: Path, mirror: Mirror
) -> None:
    (tmp_path / "etc/auth.conf.d/mirror.conf").unlink()
    uri = f"https://reader:wrong-{MIRROR_PASSWORD}@{mirror.host}:{mirror.port}/debian"
    source = AptSource(type="deb", uri=uri, suite="forky", components=("main",))
    assert read_release(source) is None
