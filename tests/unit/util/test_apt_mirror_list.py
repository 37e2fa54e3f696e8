# SPDX-License-Identifier: GPL-3.0-or-later
"""Lists of mirrors: the best mirror stands for the list, and what cannot be used is named."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from debusine.errors import UserError
from debusine.util.apt_config import AptConfig, AptMachine, fetch_mirror_lists
from debusine.util.apt_mirror_list import (
    choose_mirror,
    parse_mirror_list,
    resolve_all,
    resolve_mirror_list,
)
from debusine.util.apt_sources import AptSource
from debusine.util.command import Command, CommandError, Completed

SOURCE = AptSource(
    type="deb",
    uri="mirror+file:/etc/mirrors",
    suite="sid",
    components=("main",),
    place="/etc/apt/sources.list, line 3",
)
LISTED = """\
# mine
file:/srv/debian\tpriority:1
http://src.example.org/\tpriority:2 type:deb-src
http://old.example.org/\tpriority:3 codename:bookworm
http://arm.example.org/\tpriority:3 arch:arm64
http://free.example.org/\tpriority:3 component:contrib
http://lists.example.org/\tpriority:3 type:index
http://debs.example.org/\tpriority:3 type:deb arch:amd64 arch:all
https://best.example.org/debian\tpriority:4 type:deb type:index codename:sid codename:trixie
http://last.example.org/
"""


def with_list(uri: str) -> AptSource:
    return replace(SOURCE, uri=uri)


def test_best_mirror_that_serves_everything() -> None:
    found = choose_mirror(SOURCE, LISTED, "amd64")
    assert found == with_list("https://best.example.org/debian")
    assert [m.priority for m in parse_mirror_list(LISTED)][:2] == [1, 2]


@pytest.mark.parametrize(
    ("listed", "expected"),
    [
        ("http://debs.example.org/ type:deb", "http://debs.example.org/"),
        ("http://lists.example.org/ type:index", None),
        ("http://a.example.org/ priority:2\nhttp://b.example.org/ priority:1", "http://b"),
        ("http://a.example.org/\nhttp://b.example.org/", "http://a"),
        ("http://a.example.org/ arch:all", "http://a"),
        ("file:/srv/debian\n../debian", None),
        ("", None),
    ],
)
def test_what_else_a_list_may_hold(listed: str, expected: str | None) -> None:
    found = choose_mirror(SOURCE, listed, "amd64")
    assert (found is None) if expected is None else (found and found.uri.startswith(expected))


def test_a_list_on_this_machine(tmp_path: Path) -> None:
    (tmp_path / "mirrors").write_text(LISTED)
    for prefix in ("mirror+file:", "mirror+file://", "mirror+copy:"):
        found = resolve_mirror_list(with_list(f"{prefix}{tmp_path}/mirrors"), architecture="amd64")
        assert found.uri == "https://best.example.org/debian"


def test_other_sources_stay_as_they_are() -> None:
    source = with_list("http://a.example.org/")
    assert resolve_mirror_list(source, architecture="amd64") is source


def test_lists_elsewhere_are_fetched_once_and_only_when_asked_for() -> None:
    asked: list[str] = []

    def fetch(uri: str) -> str:
        asked.append(uri)
        return LISTED

    uris = [
        "mirror+https://example.org/a",
        "mirror+https://example.org/a",
        "mirror+http://example.org/b",
        "mirror://example.org/c",
    ]
    sources = tuple(with_list(uri) for uri in uris)
    kept, troubles = resolve_all(sources, architecture="amd64", remote=False, fetch=fetch)
    assert (kept, troubles, asked) == (sources, (), [])

    machine = AptMachine(config=AptConfig(values=()), sources=sources)
    found = fetch_mirror_lists(machine, fetch=fetch)
    assert {source.uri for source in found.sources} == {"https://best.example.org/debian"}
    assert asked == ["https://example.org/a", "http://example.org/b", "http://example.org/c"]


def failing(uri: str) -> str:
    command = Command(["apt-helper", uri])
    said = (
        b"W: x\nE: Failed to fetch https://me:pw@example.org/l  404  Not Found\nE: Download Failed"
    )
    raise CommandError(command, Completed(returncode=100, stdout=b"", stderr=said))


@pytest.mark.parametrize(
    ("uri", "why"),
    [
        ("mirror+file:/nowhere/mirrors", "/nowhere/mirrors: No such file or directory"),
        ("mirror+file:/dev/null", "/dev/null: it names no http or https mirror for sid"),
        ("mirror+https://me:pw@example.org/l", "https://example.org/l: Failed to fetch .* 404"),
        ("mirror+ftp://example.org/l", "APT has no lists of mirrors by ftp"),
    ],
)
def test_what_cannot_be_used_is_named_with_file_and_line(uri: str, why: str) -> None:
    with pytest.raises(UserError, match=f"/etc/apt/sources.list, line 3: .*{why}") as caught:
        resolve_mirror_list(with_list(uri), architecture="amd64", fetch=failing)
    assert "--mirror" in caught.value.explain()
    assert "pw" not in caught.value.explain()


def test_other_sources_can_be_used_all_the_same() -> None:
    good = with_list("http://a.example.org/")
    sources = [with_list("mirror+file:/nowhere/mirrors"), good]
    kept, troubles = resolve_all(sources, architecture="amd64", remote=True, fetch=failing)
    assert kept == (good,)
    assert len(troubles) == 1
