# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from pathlib import Path

import pytest

from debusine.artifacts.kinds.autopkgtest import TestResult, TestStatus
from debusine.tasks.autopkgtest_summary import (
    MAX_BYTES,
    MAX_NAME_CHARS,
    MAX_RESULTS,
    MAX_TEXT_CHARS,
    Summary,
    SummaryError,
    parse_summary,
    read_summary,
)

TEXT = """\
smoke                PASS
superficial          PASS (superficial)
upstream             FAIL non-zero exit status 3
network              FLAKY timed out
boots                SKIP Test requires machine-level isolation but testbed does not provide that
"""


def test_each_test_has_a_result() -> None:
    assert parse_summary(TEXT) == Summary(
        results={
            "smoke": TestResult(status=TestStatus.PASS),
            "superficial": TestResult(status=TestStatus.PASS, details="(superficial)"),
            "upstream": TestResult(status=TestStatus.FAIL, details="non-zero exit status 3"),
            "network": TestResult(status=TestStatus.FLAKY, details="timed out"),
            "boots": TestResult(
                status=TestStatus.SKIP,
                details="Test requires machine-level isolation but testbed does not provide that",
            ),
        }
    )


def test_no_test_has_a_star_for_its_name() -> None:
    found = parse_summary("*                    SKIP no tests in this package\n")
    assert found.having(TestStatus.SKIP) == ["*"]


def test_a_long_name_stands_beside_its_status() -> None:
    name = "a-name-of-more-than-twenty-characters"
    assert parse_summary(f"{name} PASS\n").having(TestStatus.PASS) == [name]


def test_what_it_says_of_packages_is_no_result() -> None:
    text = (
        "smoke                FAIL badpkg\n"
        "blame: arg:/tmp/hello.deb deb:hello\n"
        "badpkg: Failed to run dpkg-query: one\nTWO three\n (exit code 1)\n"
        "erroneous package: Failed to run dpkg-query\n"
    )
    found = parse_summary(text)
    assert found.having(TestStatus.FAIL) == ["smoke"]
    assert found.troubles == (
        "blame: arg:/tmp/hello.deb deb:hello",
        "badpkg: Failed to run dpkg-query: one",
        "TWO three",
        "(exit code 1)",
        "erroneous package: Failed to run dpkg-query",
    )


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [
        (("PASS", "FAIL"), TestStatus.FAIL),
        (("FAIL", "PASS"), TestStatus.FAIL),
        (("SKIP", "SKIP"), TestStatus.SKIP),
        (("FLAKY", "SKIP"), TestStatus.FLAKY),
        (("PASS", "SKIP"), TestStatus.SKIP),
    ],
)
def test_of_two_results_the_worse_counts(statuses: tuple[str, ...], expected: TestStatus) -> None:
    text = "".join(f"twice {status} {number}\n" for number, status in enumerate(statuses))
    assert parse_summary(text).having(expected) == ["twice"]


@pytest.mark.parametrize(
    "line", ["smoke OK", "smoke pass", "smoke", "PASS", "Traceback (most recent"]
)
def test_other_lines_are_refused(line: str) -> None:
    with pytest.raises(SummaryError, match="line 2 of"):
        parse_summary(f"smoke PASS\n{line}\n")


def test_nothing_in_it_steers_a_terminal() -> None:
    found = parse_summary(
        "\x1b[31mred\x07 FAIL stderr: \x1b]0;title\x07\x9bgot https://me:secret@x/\n"
    )
    assert list(found.results) == ["red"]
    details = found.results["red"].details
    assert details is not None
    assert details.isprintable()
    assert "secret" not in details


def test_names_and_details_are_cut() -> None:
    [(name, result)] = parse_summary(f"{'n' * 9999} FAIL {'d' * 9999}\n").results.items()
    assert len(name) == MAX_NAME_CHARS
    assert result.details is not None
    assert len(result.details) == MAX_TEXT_CHARS


def test_too_many_results_are_refused() -> None:
    text = "".join(f"t{number} PASS\n" for number in range(MAX_RESULTS + 1))
    with pytest.raises(SummaryError, match="more than"):
        parse_summary(text)
    lines = "oops: it\n" + "again\n" * MAX_RESULTS
    with pytest.raises(SummaryError, match="more than"):
        parse_summary(lines)


def test_a_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "summary"
    path.write_bytes(b"smoke FAIL \xff\n")
    assert read_summary(path).results["smoke"].details == "\N{REPLACEMENT CHARACTER}"
    path.write_bytes(b"x" * (MAX_BYTES + 1))
    with pytest.raises(SummaryError, match="larger than"):
        read_summary(path)
    link = tmp_path / "link"
    link.symlink_to(path)
    for missing in (tmp_path / "none", tmp_path, link):
        with pytest.raises(SummaryError, match="left no summary"):
            read_summary(missing)
