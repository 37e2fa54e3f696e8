# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest

from debusine.domain.result import Blame, WorkRequestResults, blame_for
from debusine.domain.retry import RetryClass, classify
from debusine.tasks.autopkgtest_data import AutopkgtestFailOn
from debusine.tasks.autopkgtest_summary import parse_summary
from debusine.tasks.autopkgtest_verdict import Verdict, judge

SUCCESS, FAILURE, TEMPORARY, SKIPPED = (
    WorkRequestResults.SUCCESS,
    WorkRequestResults.FAILURE,
    WorkRequestResults.TEMPORARY_FAILURE,
    WorkRequestResults.SKIPPED,
)
UNSATISFIABLE = (
    "smoke FAIL badpkg\nblame: deb:hello\n"
    "badpkg: Test dependencies are unsatisfiable. A common reason is that\n"
)


def verdict(returncode: int | None, text: str = "", **fail_on: bool) -> Verdict:
    return judge(returncode, parse_summary(text), AutopkgtestFailOn(**fail_on))


@pytest.mark.parametrize(
    ("returncode", "text", "fail_on", "expected"),
    [
        (0, "a PASS\n", {}, SUCCESS),
        (2, "a PASS\nb SKIP no\n", {}, SUCCESS),
        (2, "a PASS\nb SKIP no\n", {"skipped_test": True}, FAILURE),
        (2, "a PASS\nb FLAKY no\n", {}, SUCCESS),
        (2, "a PASS\nb FLAKY no\n", {"flaky_test": True}, FAILURE),
        (2, "a PASS\n", {"flaky_test": True}, FAILURE),
        (4, "a FAIL no\n", {}, FAILURE),
        (4, "a FAIL no\n", {"failed_test": False}, SUCCESS),
        (4, "a FAIL no\nb FLAKY no\n", {"failed_test": False, "flaky_test": True}, FAILURE),
        (4, "", {}, FAILURE),
        (6, "a FAIL no\nb SKIP no\n", {}, FAILURE),
        (6, "a FAIL no\nb SKIP no\n", {"failed_test": False}, FAILURE),
        (8, "* SKIP no tests in this package\n", {}, SKIPPED),
        (8, "* SKIP no tests in this package\n", {"skipped_test": True}, FAILURE),
        (8, "", {}, SKIPPED),
        (8, "", {"skipped_test": True}, FAILURE),
        (8, "a PASS (superficial)\n", {}, SUCCESS),
        (8, "a FLAKY no\nb SKIP no\n", {}, SUCCESS),
        (12, UNSATISFIABLE, {}, FAILURE),
        (12, UNSATISFIABLE, {"failed_test": False}, FAILURE),
        (14, UNSATISFIABLE + "b SKIP no\n", {}, FAILURE),
        (16, "testbed failure: it is gone\n", {}, TEMPORARY),
        (16, "a FAIL no\ntestbed failure: it is gone\n", {}, TEMPORARY),
        (20, "quitting: unexpected error, see log\n", {}, TEMPORARY),
        (1, "", {}, TEMPORARY),
        (137, "a PASS\n", {}, TEMPORARY),
        (-9, "", {}, TEMPORARY),
        (None, "", {}, TEMPORARY),
        (124, "a PASS\n", {}, FAILURE),
    ],
)
def test_results(
    returncode: int | None, text: str, fail_on: dict[str, bool], expected: WorkRequestResults
) -> None:
    assert verdict(returncode, text, **fail_on).result is expected


@pytest.mark.parametrize(
    ("returncode", "text", "fail_on", "code", "message"),
    [
        (0, "a PASS\n", {}, None, "no test failed that counts"),
        (8, "", {}, None, "no test was run"),
        (6, "a FAIL no\nc FAIL no\nb SKIP no\n", {}, "tests-failed", "failed: a, c"),
        (
            6,
            "a FAIL no\nb SKIP no\n",
            {"skipped_test": True},
            "tests-failed",
            "failed: a; skipped: b",
        ),
        (4, "", {}, "tests-failed", "autopkgtest ended with status 4"),
        (
            12,
            UNSATISFIABLE,
            {},
            "dependencies-unmet",
            "Test dependencies are unsatisfiable. A common reason is that",
        ),
        (12, "badpkg: odd\n", {}, "tests-failed", "odd"),
        (14, "", {}, "tests-failed", "something is wrong with the package"),
        (
            16,
            "testbed failure: apt repeatedly failed to download packages\n",
            {},
            "network-failed",
            "the testbed failed: testbed failure: apt repeatedly failed to download packages",
        ),
        (16, "", {}, "testbed-failed", "the testbed failed"),
        (20, "", {}, "testbed-failed", "autopkgtest ended with the unexpected status 20"),
        (None, "", {}, "testbed-failed", "the run was aborted"),
        (124, "", {}, "tests-failed", "the run took longer than its user allows"),
    ],
)
def test_reasons(
    returncode: int | None, text: str, fail_on: dict[str, bool], code: str | None, message: str
) -> None:
    found = verdict(returncode, text, **fail_on)
    assert (found.code, found.message) == (code, message)
    assert (found.error is None) == (code is None)


@pytest.mark.parametrize(
    ("returncode", "text", "blame", "retried"),
    [
        (4, "a FAIL no\n", Blame.SUBJECT, RetryClass.SUBJECT),
        (12, UNSATISFIABLE, Blame.SUBJECT, RetryClass.DEPENDENCY),
        (16, "", Blame.ENVIRONMENT, RetryClass.FLAKY),
        (16, "testbed failure: apt repeatedly failed to download packages\n",
         Blame.ENVIRONMENT, RetryClass.NETWORK),
        (124, "", Blame.SUBJECT, RetryClass.SUBJECT),
    ],
)  # fmt: skip
def test_what_is_temporary_is_not_blamed_on_the_package(
    returncode: int, text: str, blame: Blame, retried: RetryClass
) -> None:
    found = verdict(returncode, text)
    codes = [] if found.error is None else [found.error.code]
    assert blame_for(found.result, codes) is blame
    assert classify(found.result, codes) is retried
