# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from pathlib import Path

import pytest

from debusine.errors import UserError
from debusine.util.apt_sources import (
    AptSource,
    is_source_file,
    parse_deb822,
    parse_one_line,
    read_sources,
)


def test_one_line_with_options_and_comments() -> None:
    text = (
        "# all of it\n\n"
        "deb [ arch=amd64,i386 signed-by=/k.gpg trusted=yes ] http://a.example.org/debian"
        " sid main contrib # why\n"
        "deb-src\thttp://a.example.org/debian  sid\tmain\n"
        "deb cdrom:[Debian GNU/Linux 12 _Bookworm_]/ bookworm main\n"
        "deb http://flat.example.org/ ./\n"
    )

    one, two, three, four = parse_one_line(text)

    assert one == AptSource(
        type="deb",
        uri="http://a.example.org/debian",
        suite="sid",
        components=("main", "contrib"),
        options=(
            ("architectures", "amd64 i386"),
            ("signed-by", "/k.gpg"),
            ("trusted", "yes"),
        ),
    )
    assert one.switch("trusted") is True
    assert one.switch("check-date") is None
    assert (two.type, two.components) == ("deb-src", ("main",))
    assert (three.uri, three.suite) == ("cdrom:[Debian GNU/Linux 12 _Bookworm_]/", "bookworm")
    assert (four.suite, four.components) == ("./", ())


@pytest.mark.parametrize("line", ["rpm http://x/ y", "deb", "deb http://me:pw@x.example.org/"])
def test_a_line_that_is_no_source_is_named_without_its_password(line: str) -> None:
    with pytest.raises(UserError, match=r"sources\.list, line 2") as caught:
        list(parse_one_line(f"\n{line}\n"))
    assert "pw" not in caught.value.explain()


def test_deb822_multiplies_and_leaves_out_what_is_disabled() -> None:
    text = (
        "# ours\nTypes: deb deb-src\nURIs: http://a.example.org/\n  http://b.example.org/\n"
        "Suites: sid trixie\nComponents: main\nSigned-By:\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n"
        " .\n AAAA\n -----END PGP PUBLIC KEY BLOCK-----\n\n"
        "Enabled: no\nTypes: deb\nURIs: http://c.example.org/\nSuites: sid\nComponents: main\n\n"
        "Types: deb\nURIs: http://d.example.org/\nSuites: x/\nCheck-Valid-Until: No\n"
    )

    sources = list(parse_deb822(text))

    assert [(s.type, s.uri, s.suite) for s in sources[:3]] == [
        ("deb", "http://a.example.org/", "sid"),
        ("deb", "http://a.example.org/", "trixie"),
        ("deb", "http://b.example.org/", "sid"),
    ]
    assert len(sources) == 9
    assert "AAAA" in (sources[0].option("signed-by") or "")
    assert sources[-1].switch("check-valid-until") is False


def test_files_are_read_in_order_and_disks_are_left_out(tmp_path: Path) -> None:
    parts = tmp_path / "sources.list.d"
    parts.mkdir()
    (tmp_path / "sources.list").write_text(
        "deb cdrom:[x]/ bookworm main\ndeb http://0.example.org/ bookworm main\n"
    )
    (parts / "b.list").write_text("deb http://2.example.org/ dists/$(ARCH)/\n")
    (parts / "a.sources").write_text("Types: deb\nURIs: http://1.example.org/\nSuites: s/\n")
    (parts / "c.list.disabled").write_text("nonsense\n")

    found = read_sources(tmp_path / "sources.list", parts, architecture="riscv64")

    assert [(s.uri[7], s.suite) for s in found] == [
        ("0", "bookworm"),
        ("1", "s/"),
        ("2", "dists/riscv64/"),
    ]


def test_nothing_configured(tmp_path: Path) -> None:
    assert read_sources(tmp_path / "none", tmp_path / "none.d", architecture="amd64") == ()


@pytest.mark.parametrize(
    ("name", "is_read"),
    [("a.list", True), ("a.b_c-d.sources", True), ("a b.list", False), (".a.list", False)],
)
def test_names_that_apt_reads(name: str, *, is_read: bool) -> None:
    assert is_source_file(Path(name)) is is_read


def test_representations_hold_no_password() -> None:
    source = AptSource(type="deb", uri="http://me:pw@a.example.org/x", suite="sid", components=())
    assert "pw" not in repr(source)
    assert source.without_credentials.uri == "http://a.example.org/x"


def test_sources_know_file_and_line(tmp_path: Path) -> None:
    parts = tmp_path / "sources.list.d"
    parts.mkdir()
    (tmp_path / "sources.list").write_text("\n# x\ndeb http://0.example.org/ sid main\n")
    (parts / "a.sources").write_text(
        "Types: deb\nURIs: http://1.example.org/\nSuites: s/\n\n"
        "Types: deb\nSuites: s/\nURIs:\n http://2.example.org/\n http://3.example.org/\n"
    )

    found = read_sources(tmp_path / "sources.list", parts, architecture="amd64")

    assert [source.place for source in found] == [
        f"{tmp_path}/sources.list, line 3",
        *(f"{parts}/a.sources, line {number}" for number in (2, 8, 9)),
    ]
