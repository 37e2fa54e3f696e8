# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest

from debusine.domain.result import Cause
from debusine.tasks.piuparts_cause import explain_failure

START = "0m1.0s DEBUG: Starting command: ['chroot', '/tmp/tmpx', 'true']\n"
UPDATE = (
    "0m2.0s ERROR: Command failed (status=100): ['chroot', '/tmp/tmpx', 'apt-get', 'update']\n"
    "  Err:1 http://deb.example.org/debian trixie InRelease\n"
    "  E: Failed to fetch http://me:hunter2@deb.example.org/debian/x  403  Forbidden\n"
    "  \n"
)
PURGE = (
    "0m3.0s ERROR: Command failed (status=1): ['chroot', '/tmp/tmpx', 'dpkg', '--purge', 'a']\n"
    "  Purging configuration files for a (1.0) ...\n"
    "  dpkg: error processing package a (--purge):\n"
    "0m4.0s DEBUG: Starting command: ['umount', '/tmp/tmpx/dev/tty']\n"
    "0m5.0s ERROR: piuparts run ends.\n"
)
FULL = (
    "0m2.0s ERROR: Command failed (status=2): ['tar', '-C', '/tmp/tmpx', '-xf', 'base.tar.gz']\n"
    "  tar: ./usr: Cannot write: No space left on device"
)


@pytest.mark.parametrize(
    ("report", "cause", "message"),
    [
        (
            START + PURGE,
            Cause.TESTS_FAILED,
            "piuparts: dpkg --purge a failed (status 1)",
        ),
        # a failure that was overcome, or made up by a package, does not count
        (UPDATE + FULL + "\n" + PURGE, Cause.TESTS_FAILED, "piuparts: dpkg --purge a failed"),
        (UPDATE, Cause.NETWORK_FAILED, "a mirror did not answer as it should: E: Failed to fetch"),
        (FULL, Cause.OUT_OF_DISK_SPACE, "the system in which piuparts tests has run full"),
        (
            "0m9.0s ERROR: FAIL: Installation and purging test.\n",
            Cause.TESTS_FAILED,
            "piuparts: FAIL: Installation and purging test.",
        ),
        ("  E: Failed to fetch what the package wants\n", Cause.TESTS_FAILED, "piuparts failed"),
        ("", Cause.TESTS_FAILED, "piuparts failed"),
    ],
)
def test_why(report: str, cause: Cause, message: str) -> None:
    found = explain_failure(report)
    assert (found.code, found.message[: len(message)]) == (cause, message)
    assert "hunter2" not in found.message


def test_the_text_is_tame() -> None:
    odd = PURGE.replace("'a']", "'a\x1b[31m']")
    assert "\x1b" not in explain_failure(odd).message
