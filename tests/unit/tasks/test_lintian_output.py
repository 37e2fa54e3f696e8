# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from pathlib import Path

import pytest

from debusine.tasks.lintian_output import (
    LintianOutputError,
    LintianTag,
    Severity,
    analysis,
    parse_output,
    reaches,
    sort_tags,
    summarise,
)

DATA = Path(__file__).parents[2] / "data" / "lintian"
COMMENT = "we want prerm to be #!/bin/dash so that it runs no matter what"


@pytest.fixture(scope="module")
def dash() -> list[LintianTag]:
    """What lintian 2.116.3 printed about a package of Debian 12, shortened."""
    return parse_output((DATA / "dash.txt").read_text())


def test_finds_all_tags(dash: list[LintianTag]) -> None:
    assert [(tag.severity.value, tag.tag, tag.note, tag.pointer) for tag in dash] == [
        (
            "warning",
            "debian-news-entry-has-unknown-version",
            "0.5.5.1-2.1",
            "usr/share/doc/dash/NEWS.Debian.gz:1",
        ),
        ("info", "debian-news-entry-uses-asterisk", "", "usr/share/doc/dash/NEWS.Debian.gz:1"),
        ("info", "typo-in-manual-page", "ot to", "usr/share/man/man1/dash.1.gz:2003"),
        (
            "info",
            "typo-in-manual-page",
            "priviliged privileged",
            "usr/share/man/man1/dash.1.gz:260",
        ),
        ("classification", "control-tarball-compression-format", "xz", ""),
        ("classification", "maintainer-script-interpreter", "/bin/dash", "postinst"),
        ("classification", "maintainer-script-interpreter", "/bin/dash", "prerm"),
        ("classification", "maintainer-script-interpreter", "/bin/sh", "postrm"),
        ("classification", "unmerged-usr", "", "bin/dash"),
        ("overridden", "unusual-control-interpreter", "/bin/dash", "postinst"),
        ("overridden", "unusual-control-interpreter", "/bin/dash", "prerm"),
    ]
    assert {tag.package for tag in dash} == {"dash"}


def test_comments_belong_to_the_tag_that_follows(dash: list[LintianTag]) -> None:
    assert [tag.comment for tag in dash] == [""] * 9 + [COMMENT, COMMENT]


def test_explanations_belong_to_the_tag_before(dash: list[LintianTag]) -> None:
    lines = dash[9].explanation.splitlines()
    assert lines[0] == "This package contains a control script for an interpreter that is not"
    assert lines[-1] == "Check: scripts"
    assert dash[10].explanation == ""
    assert all(COMMENT not in tag.explanation for tag in dash)


def test_source_packages_are_told_apart() -> None:
    [tag] = parse_output("W: hello source: no-homepage-field\n")
    assert tag.package == "hello source"
    assert tag.to_json()["package"] == "hello"


def test_masked_and_repeated_tags_are_left_out() -> None:
    assert parse_output("M: hello: masked [x]\nE: repeated-tag\n\n") == []


def test_note_and_pointer() -> None:
    [tag] = parse_output("E: a+b: t one (>= 2) [dir/[odd]:3]")
    assert (tag.note, tag.pointer) == ("one (>= 2)", "dir/[odd]:3")


def test_a_comment_may_stand_at_the_beginning() -> None:
    [tag] = parse_output("N:\nN: first line\nN: second line\nO: hello: t")
    assert tag.comment == "first line\nsecond line"


@pytest.mark.parametrize("line", ["Use of uninitialized value", "Q: hello: tag", "E hello tag"])
def test_other_lines_are_errors(line: str) -> None:
    with pytest.raises(LintianOutputError, match="line 2"):
        parse_output(f"N:\n{line}\n")


def test_summary(dash: list[LintianTag]) -> None:
    summary = summarise(
        dash,
        package_filename={"dash": "dash_1_amd64.deb"},
        lintian_version="2.116.3",
        distribution="debian:unstable",
    )
    assert summary.tags_count_by_severity == {
        "error": 0,
        "warning": 1,
        "info": 3,
        "pedantic": 0,
        "experimental": 0,
        "overridden": 2,
        "classification": 5,
    }
    assert summary.overridden_tags_found == ["unusual-control-interpreter"]
    assert "unusual-control-interpreter" not in summary.tags_found
    document = analysis(dash, summary)
    assert document["version"] == "1.0"
    assert document["summary"] == summary.model_dump(mode="json")
    assert set(document["tags"][0]) == {
        "tag",
        "severity",
        "package",
        "note",
        "pointer",
        "explanation",
        "comment",
    }


def test_sorted_by_package_then_severity() -> None:
    text = "I: b: x\nE: b: y z\nE: b: y a\nP: a: p\nW: b: w\n"
    assert [
        (tag.package, tag.severity, tag.tag, tag.note) for tag in sort_tags(parse_output(text))
    ] == [
        ("a", "pedantic", "p", ""),
        ("b", "error", "y", "a"),
        ("b", "error", "y", "z"),
        ("b", "warning", "w", ""),
        ("b", "info", "x", ""),
    ]


def test_threshold(dash: list[LintianTag]) -> None:
    assert not reaches(dash, Severity.ERROR)
    assert reaches(dash, Severity.WARNING)
    assert reaches(dash, Severity.OVERRIDDEN)
