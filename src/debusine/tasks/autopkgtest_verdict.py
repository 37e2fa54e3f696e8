# SPDX-License-Identifier: GPL-3.0-or-later
"""
What the exit status of autopkgtest and its summary mean.

:source: autopkgtest(1), EXIT STATUS
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import IntEnum

from debusine.artifacts.kinds.autopkgtest import TestStatus
from debusine.domain.result import Cause, WorkRequestResults
from debusine.tasks.autopkgtest_data import AutopkgtestFailOn
from debusine.tasks.autopkgtest_summary import Summary, names_in_words
from debusine.wire.work_request import OutputError


class Exit(IntEnum):
    """How autopkgtest ends."""

    PASSED = 0
    SKIPPED_OR_FLAKY = 2
    FAILED = 4
    FAILED_AND_SKIPPED = 6
    NOTHING_TESTED = 8
    BAD_PACKAGE = 12
    BAD_PACKAGE_AND_SKIPPED = 14
    TESTBED_FAILED = 16
    TIMED_OUT = 124
    """Of timeout(1), which ends a run that takes longer than its user allows."""


# of no known cause: it may well pass another time
TESTBED_FAILED = "testbed-failed"

_ABOUT_THE_PACKAGE = frozenset(Exit) - {Exit.TESTBED_FAILED, Exit.TIMED_OUT}
_NETWORK = re.compile(r"apt repeatedly failed to download|Temporary failure resolving")
_UNSATISFIABLE = re.compile(r"dependencies (?:are unsatisfiable|missing)")


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """
    How a run ended.

    :param code: why it was no success, a cause if that is known; None if it was one, or
        nothing was tested
    :param message: one line for people
    """

    result: WorkRequestResults
    code: str | None = None
    message: str

    @property
    def error(self) -> OutputError | None:
        """The same for the report of the worker; None on success."""
        return None if self.code is None else OutputError(message=self.message, code=self.code)


def judge(returncode: int | None, summary: Summary, fail_on: AutopkgtestFailOn) -> Verdict:
    """
    Say how a run ended.

    :param returncode: of autopkgtest; None if it was aborted
    :param summary: empty if there is none
    """
    if returncode == Exit.TIMED_OUT:
        message = "the run took longer than its user allows"
        return Verdict(result=WorkRequestResults.FAILURE, code=Cause.TESTS_FAILED, message=message)
    if returncode not in _ABOUT_THE_PACKAGE:
        return _temporary(returncode, summary)
    if failed := _unwanted(returncode, summary, fail_on):
        return Verdict(result=WorkRequestResults.FAILURE, code=failed[0], message=failed[1])
    statuses = {result.status for result in summary.results.values()}
    if returncode == Exit.NOTHING_TESTED and statuses <= {TestStatus.SKIP}:
        return Verdict(result=WorkRequestResults.SKIPPED, message="no test was run")
    return Verdict(result=WorkRequestResults.SUCCESS, message="no test failed that counts")


def _temporary(returncode: int | None, summary: Summary) -> Verdict:
    """Tell what has nothing to do with the package."""
    if returncode is None:
        message = "the run was aborted"
    elif returncode == Exit.TESTBED_FAILED:
        message = "the testbed failed"
    else:
        message = f"autopkgtest ended with the unexpected status {returncode}"
    said = summary.troubles[-1] if summary.troubles else ""
    code = Cause.NETWORK_FAILED if _NETWORK.search(said) else TESTBED_FAILED
    return Verdict(
        result=WorkRequestResults.TEMPORARY_FAILURE,
        code=code,
        message=f"{message}: {said}" if said else message,
    )


def _unwanted(
    returncode: int | None, summary: Summary, fail_on: AutopkgtestFailOn
) -> tuple[Cause, str] | None:
    """Say what makes the task fail, if anything does."""
    if returncode in {Exit.BAD_PACKAGE, Exit.BAD_PACKAGE_AND_SKIPPED}:
        return _bad_package(summary)
    counts = {
        TestStatus.FAIL: fail_on.failed_test,
        TestStatus.FLAKY: fail_on.flaky_test,
        TestStatus.SKIP: fail_on.skipped_test,
    }
    ends = {TestStatus.FAIL: "failed", TestStatus.FLAKY: "flaky", TestStatus.SKIP: "skipped"}
    found = [
        f"{ends[status]}: {names_in_words(names)}"
        for status, counted in counts.items()
        if counted and (names := summary.having(status))
    ]
    if found:
        return Cause.TESTS_FAILED, "; ".join(found)
    by_status = {
        Exit.SKIPPED_OR_FLAKY: fail_on.flaky_test,
        Exit.FAILED: fail_on.failed_test,
        Exit.FAILED_AND_SKIPPED: True,
        Exit.NOTHING_TESTED: fail_on.skipped_test,
    }
    if returncode is not None and by_status.get(Exit(returncode), False):
        return Cause.TESTS_FAILED, f"autopkgtest ended with status {returncode}"
    return None


def _bad_package(summary: Summary) -> tuple[Cause, str]:
    said = next((line for line in summary.troubles if line.startswith("badpkg: ")), "")
    message = said.removeprefix("badpkg: ") or "something is wrong with the package"
    cause = Cause.DEPENDENCIES_UNMET if _UNSATISFIABLE.search(said) else Cause.TESTS_FAILED
    return cause, message
