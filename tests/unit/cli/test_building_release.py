# SPDX-License-Identifier: GPL-3.0-or-later
"""Aliases of suites become codenames, and a mirror that has something else is named."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from debusine.cli.building.release import Release, SuiteFinder, codename_of
from debusine.cli.building.repositories import MirrorOptions, choose_sources
from debusine.errors import UpstreamError, UserError
from debusine.util.apt_config import AptConfig, AptMachine
from debusine.util.apt_sources import AptSource, parse_one_line

HERE = "http://deb.example.org/debian"
BY_CODENAME = f"deb {HERE} bookworm main\n"
BY_ALIAS = f"""
deb {HERE} stable main
deb {HERE} stable-updates main
deb {HERE}-security stable-security main
"""
RELEASES = {
    "stable": Release(suite="stable", codename="trixie"),
    "trixie": Release(suite="stable", codename="trixie"),
    "testing": Release(suite="testing", codename="forky"),
    "sid": Release(suite="unstable", codename="sid"),
    "unstable": Release(suite="unstable", codename="sid"),
    "wrong": Release(suite="other", codename="different"),
    "silent": Release(),
    "oldstable": Release(suite="oldstable"),
}


class Mirrors:
    """Mirrors that have the releases above, and what they were asked."""

    def __init__(self, *, reachable: bool = True) -> None:
        self.asked: list[str] = []
        self.said: list[str] = []
        self._reachable = reachable

    def read(self, source: AptSource) -> Release | None:
        self.asked.append(f"{source.uri} {source.suite}")
        return RELEASES[source.suite] if self._reachable else None

    def finder(self, sources: str = BY_CODENAME, *, mirrors: Sequence[str] = ()) -> SuiteFinder:
        machine = AptMachine(config=AptConfig(values=()), sources=tuple(parse_one_line(sources)))
        return SuiteFinder(
            machine=machine,
            options=MirrorOptions(mirrors=mirrors),
            say=self.said.append,
            read=self.read,
        )


@pytest.mark.parametrize(
    ("asked", "codename", "said"),
    [
        ("stable", "trixie", [f"stable is trixie, says {HERE}"]),
        ("testing", "forky", [f"testing is forky, says {HERE}"]),
        ("unstable", "sid", [f"unstable is sid, says {HERE}"]),
        ("sid", "sid", []),
        ("trixie", "trixie", []),
        ("silent", "silent", []),
    ],
)
def test_aliases_become_codenames(asked: str, codename: str, said: list[str]) -> None:
    mirrors = Mirrors()
    finder = mirrors.finder()
    for _ in range(2):
        chosen = finder.find(asked)
        assert (chosen.codename, chosen.sources[0].suite, chosen.overrides) == (
            codename,
            codename,
            False,
        )
    # once
    assert (mirrors.asked, mirrors.said) == ([f"{HERE} {asked}"], said)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ("wrong", "has another release under the name wrong: different"),
        ("oldstable", "does not say which release oldstable is"),
    ],
)
def test_what_a_mirror_has_under_a_wrong_name(asked: str, message: str) -> None:
    with pytest.raises(UserError, match=message) as caught:
        Mirrors().finder().find(asked)
    assert HERE in caught.value.explain()
    assert "--suite" in caught.value.explain()


def test_what_the_machine_uses_is_not_looked_up() -> None:
    mirrors = Mirrors()
    assert mirrors.finder().find("bookworm").codename == "bookworm"
    assert mirrors.asked == []
    # a mirror that was given may have something else
    with pytest.raises(KeyError):
        mirrors.finder(mirrors=["https://m.example.org/"]).find("bookworm")


def test_a_mirror_that_cannot_be_asked() -> None:
    finder = Mirrors(reachable=False).finder()
    assert finder.find("trixie").codename == "trixie"
    assert finder.find("unstable").codename == "sid"
    with pytest.raises(UpstreamError, match=r"cannot ask the mirror .* which release stable is"):
        finder.find("stable")


@pytest.mark.parametrize("asked", ["stable", "trixie"])
def test_a_machine_that_uses_the_alias(asked: str) -> None:
    mirrors = Mirrors()
    chosen = mirrors.finder(BY_ALIAS).find(asked)
    assert chosen.codename == "trixie"
    # with updates, and under a name that will not move
    assert [(source.uri, source.suite) for source in chosen.sources] == [
        (HERE, "trixie"),
        (HERE, "trixie-updates"),
        (f"{HERE}-security", "trixie-security"),
    ]
    assert chosen.overrides is False
    assert mirrors.asked == [f"{HERE} {asked}"]


@pytest.mark.parametrize("name", ["stable", "trixie"])
def test_options_may_use_either_name(name: str) -> None:
    chosen = Mirrors().finder(mirrors=[f"{name}=https://m.example.org/debian"]).find("stable")
    expected = ["https://m.example.org/debian"]
    assert [source.uri for source in chosen.sources] == expected
    assert chosen.overrides is True


def test_names_that_only_look_alike_stay() -> None:
    machine = AptMachine(
        config=AptConfig(values=()), sources=tuple(parse_one_line(BY_ALIAS + BY_CODENAME))
    )
    found = choose_sources("bookworm", machine, alias="oldstable")
    assert [source.suite for source in found] == ["bookworm"]
    assert codename_of("x", Release(suite="y", codename="x"), "m") == "x"
