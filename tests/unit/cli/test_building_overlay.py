# SPDX-License-Identifier: GPL-3.0-or-later
"""Builds for experimental, backports and security take from these beside their base."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from debusine.cli.building.overlay import overlay_repositories
from debusine.cli.building.release import Release, SuiteFinder
from debusine.cli.building.repositories import MirrorOptions
from debusine.cli.building.request import BuildRequest
from debusine.cli.building.suite import asked_pocket
from debusine.errors import UserError
from debusine.testing.inputs import KEY
from debusine.util.apt_config import AptConfig, AptMachine
from debusine.util.apt_sources import AptSource, parse_one_line
from debusine.wire.base import JsonObject

HERE = "http://deb.example.org/debian"
MACHINE = f"deb {HERE} trixie main contrib\n"
SAFE = "deb http://safe.example.org/debian-security trixie-security main\n"
WITH_ALL = f"{MACHINE}deb {HERE} trixie-updates main\n{SAFE}"


class World:
    """What a machine's APT is told, and what its mirrors have."""

    def __init__(self, sources: str = MACHINE, *, mirrors: Sequence[str] = ()) -> None:
        self.said: list[str] = []
        machine = AptMachine(config=AptConfig(values=()), sources=tuple(parse_one_line(sources)))
        options = MirrorOptions(mirrors=mirrors)
        self.suites = SuiteFinder(
            machine=machine, options=options, say=self.said.append, read=self.read
        )

    def read(self, source: AptSource) -> Release:
        has_it = "security" not in source.suite or source.uri.endswith("-security")
        if not has_it or source.suite.startswith("bookworm-"):
            raise UserError(f"the mirror has no suite {source.suite}")
        codename = source.suite.replace("stable", "trixie")
        return Release(suite=source.suite, codename=codename)

    def overlays(self, suite: str) -> list[JsonObject]:
        pocket = asked_pocket(suite)
        return overlay_repositories(pocket, self.suites.find(pocket.base), self.suites)


def repository(suite: str, url: str = HERE, components: Sequence[str] = ("main",)) -> JsonObject:
    return {"url": url, "suite": suite, "components": list(components)}


BOTH = ("main", "contrib")


@pytest.mark.parametrize(
    ("suite", "expected"),
    [
        ("trixie", []),
        ("unstable", []),
        ("experimental", [repository("experimental", components=BOTH)]),
        ("trixie-backports", [repository("trixie-backports", components=BOTH)]),
        ("stable-backports", [repository("trixie-backports", components=BOTH)]),
        (
            "trixie-backports-sloppy",
            [
                repository("trixie-backports", components=BOTH),
                repository("trixie-backports-sloppy", components=BOTH),
            ],
        ),
        ("trixie-updates", [repository("trixie-updates", components=BOTH)]),
        ("trixie-security", [repository("trixie-security", f"{HERE}-security", BOTH)]),
    ],
)
def test_suites_beside_the_base(suite: str, expected: list[JsonObject]) -> None:
    assert World().overlays(suite) == expected


@pytest.mark.parametrize("suite", ["trixie-updates", "trixie-security", "stable-security"])
def test_what_the_environment_has_is_not_named_again(suite: str) -> None:
    assert World(WITH_ALL).overlays(suite) == []


def test_what_the_machine_says_of_a_suite_counts() -> None:
    sources = f"{MACHINE}deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg]"
    sources += " http://user:secret@bpo.example.org/debian trixie-backports main\n"
    world = World(sources)
    bpo = repository("trixie-backports", "http://bpo.example.org/debian")
    assert world.overlays("trixie-backports") == [bpo]
    assert world.said == [
        "packages of trixie-backports are offered beside trixie: http://bpo.example.org/debian"
    ]


def test_a_key_in_text_form_goes_along(tmp_path: Path) -> None:
    (tmp_path / "key.asc").write_text(KEY)
    line = f"deb [signed-by={tmp_path}/key.asc] {HERE} experimental main\n"
    [found] = World(MACHINE + line).overlays("experimental")
    assert found["signing_key"] == KEY.strip()


def test_a_key_in_another_form_cannot(tmp_path: Path) -> None:
    (tmp_path / "key.gpg").write_bytes(b"\x98\x33\x04")
    line = f"deb [signed-by={tmp_path}/key.gpg] {HERE} experimental main\n"
    with pytest.raises(UserError, match="no key in text form"):
        World(MACHINE + line).overlays("experimental")


def test_a_suite_that_the_mirror_has_not_is_named() -> None:
    with pytest.raises(UserError, match="the mirror has no suite bookworm-backports"):
        World().overlays("bookworm-backports")


def test_without_security_updates_it_says_so() -> None:
    world = World(mirrors=["http://else.example.org/mirror"])
    assert world.overlays("trixie-security") == []
    assert world.said[-1] == (
        "building without packages of trixie-security: the mirror has no suite trixie-security"
    )


def test_the_task_is_told_how_to_choose() -> None:
    pocket = asked_pocket("experimental")
    request = BuildRequest(
        suite="sid", architecture="amd64", resolver=pocket.resolver, criteria=pocket.criteria
    )
    data = request.sbuild_data(1, [], "e")
    assert data["build_dep_resolver"] == "aspcud"
    assert data["aspcud_criteria"] == pocket.criteria
