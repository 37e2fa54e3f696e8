# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import time

import pytest

from debusine.artifacts.dose import DoseReport
from debusine.domain.result import Blame, Cause
from debusine.tasks.sbuild_cause import MAX_TEXT_CHARS, explain_failure

END = "-" * 80 + "\nBuild finished at 2026-01-01T00:00:00Z\n\nE: Build failure\n"
UNMET = """\
The following packages have unmet dependencies:
 libfoo-dev : Depends: libfoo1 (= 1.0) but it is not going to be installed
 sbuild-build-depends-main-dummy : Depends: no-such-package but it is not installable
E: Unable to correct problems, you have held broken packages.
"""
UNSIGNED = """\
Err:2 http://a.example.org probe InRelease
  The following signatures couldn't be verified because the public key is not available: NO_PUBKEY 1
Reading package lists...
W: GPG error: http://a.example.org probe InRelease: The following signatures couldn't be verified\
 because the public key is not available: NO_PUBKEY 0123456789ABCDEF
E: The repository 'http://a.example.org probe InRelease' is not signed.
E: apt-get update failed
"""
REASONS = [
    {"missing": {"pkg": {
        "package": "libfoo-dev", "version": "1", "unsat-dependency": "libbar:amd64 (>= 2)"}}},
    {"missing": {"pkg": {
        "package": "sbuild-build-depends-main-dummy", "version": "0",
        "unsat-dependency": "gone:amd64"}}},
    {"conflict": {
        "pkg1": {"package": "exim4", "version": "4"},
        "pkg2": {"package": "postfix", "version": "3"}}},
]  # fmt: skip


def report(reasons: list[dict[str, object]]) -> DoseReport:
    package = {"package": "x", "version": "0", "status": "broken", "reasons": reasons}
    counts = ("total", "broken", "background", "foreground")
    return DoseReport.model_validate(
        {"output-version": "1.2", "report": [package], **{f"{n}-packages": 1 for n in counts}}
    )


@pytest.mark.parametrize(
    ("stage", "log", "cause", "message"),
    [
        (
            "build",
            (
                "dh_auto_test: error: make -j2 test returned exit code 2\n"
                "make: *** [debian/rules:7: binary] Error 25\n"
            ),
            Cause.BUILD_FAILED,
            "the package's own build failed in dh_auto_test: make -j2 test returned exit code 2",
        ),
        (
            "build",
            "make[1]: *** [Makefile:3: all] Error 1\nmake: *** [debian/rules:7: build] Error 2\n",
            Cause.BUILD_FAILED,
            "the package's own build failed in target build of debian/rules: Error 2",
        ),
        ("build", "it went wrong\n", Cause.BUILD_FAILED, "the package's own build failed"),
        (
            "build",
            "cc1: No space left on device\n",
            Cause.OUT_OF_DISK_SPACE,
            "the worker's disk became full during the build",
        ),
        (
            "build",
            "c++: fatal error: Killed signal terminated program cc1plus\n",
            Cause.OUT_OF_MEMORY,
            "the worker's memory did not suffice for the build",
        ),
        (
            "install-deps",
            UNMET,
            Cause.DEPENDENCIES_UNMET,
            (
                "build dependencies cannot be installed: libfoo-dev: Depends: libfoo1 (= 1.0)"
                " but it is not going to be installed; no-such-package but it is not installable"
            ),
        ),
        (
            "install-deps",
            "E: Failed to fetch http://me:secret@deb.example.org/x  404  Not Found\n",
            Cause.NETWORK_FAILED,
            (
                "a mirror did not answer as it should:"
                " E: Failed to fetch http://deb.example.org/x 404 Not Found"
            ),
        ),
        (
            "apt-get-update",
            "  Temporary failure resolving 'deb.example.org'\n",
            Cause.NETWORK_FAILED,
            "a mirror did not answer as it should: Temporary failure resolving 'deb.example.org'",
        ),
        (
            "install-deps",
            "E: You don't have enough free space in /var/cache/apt/archives/.\n",
            Cause.OUT_OF_DISK_SPACE,
            "the worker's disk is full (install-deps)",
        ),
        (
            "apt-get-update",
            UNSIGNED,
            Cause.ARCHIVE_UNTRUSTED,
            (
                "http://a.example.org probe InRelease is not signed by a key that the build was"
                " given for it: The following signatures couldn't be verified because the public"
                " key is not available: NO_PUBKEY 0123456789ABCDEF"
            ),
        ),
        (
            "apt-get-update",
            "E: The repository 'http://deb.example.org ./ Release' is no longer signed.\n",
            Cause.ARCHIVE_UNTRUSTED,
            (
                "http://deb.example.org ./ Release is not signed by a key that the build was"
                " given for it"
            ),
        ),
        ("arch-check", "", Cause.NOT_FOR_ARCHITECTURE, "the package is not for this architecture"),
        ("unpack", "", Cause.SOURCE_UNUSABLE, "the source package cannot be unpacked"),
        (
            "create-session",
            "",
            Cause.WORKER_FAILED,
            "sbuild stopped at create-session, outside of the package's own build",
        ),
        (
            None,
            "",
            Cause.WORKER_FAILED,
            "sbuild stopped before it could say where, outside of the package's own build",
        ),
    ],
)
def test_a_failure_in_words(stage: str | None, log: str, cause: Cause, message: str) -> None:
    found = explain_failure(stage, log + END, None)
    assert (found.cause, found.message) == (cause, message)


def test_dose_knows_the_root() -> None:
    found = explain_failure("install-deps", UNMET, report(REASONS))
    assert found.message == (
        "build dependencies cannot be installed: libbar:amd64 (>= 2) is not available, which"
        " libfoo-dev needs; gone:amd64 is not available; exim4 conflicts with postfix 3"
    )
    many = report([REASONS[2]] + [
        {"missing": {"pkg": {"package": f"p{n}", "version": "1", "unsat-dependency": "q"}}}
        for n in range(6)
    ])  # fmt: skip
    assert explain_failure("install-deps", "", many).message.endswith("; and 4 more")


def test_what_was_printed_long_before_the_end_is_no_cause() -> None:
    log = "test of a full disk: No space left on device: ok\n" + "fine\n" * 100 + "broken\n" + END
    assert explain_failure("build", log, None).cause is Cause.BUILD_FAILED


def test_a_log_cannot_steer_the_terminal_or_fill_the_message() -> None:
    log = f"dh_x: error: \x1b]0;evil\x07\x1b[31mred\r{'y' * 10_000}\n{END}"
    message = explain_failure("build", log, None).message
    assert message.startswith("the package's own build failed in dh_x: red y")
    assert len(message) == MAX_TEXT_CHARS
    assert message.isprintable()


def test_long_lines_take_no_long_time() -> None:
    line = "x" * 2_000_000 + "\n"
    began = time.process_time()
    explain_failure("install-deps", line, None)
    explain_failure("build", line, None)
    whole = time.process_time() - began
    began = time.process_time()
    explain_failure("install-deps", line[: len(line) // 4] + "\n", None)
    explain_failure("build", line[: len(line) // 4] + "\n", None)
    quarter = time.process_time() - began
    # linear is 4, quadratic is 16
    assert whole < 10 * quarter + 0.05


@pytest.mark.parametrize("cause", list(Cause))
def test_every_cause_has_somebody_to_blame(cause: Cause) -> None:
    assert cause.blame in Blame
    assert cause.blame.label
