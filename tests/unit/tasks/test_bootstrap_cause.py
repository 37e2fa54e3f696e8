# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from pathlib import Path

import pytest

from debusine.domain.result import Cause
from debusine.tasks.bootstrap_cause import LOG_BYTES, end_of, explain_bootstrap
from debusine.tasks.sbuild_cause import MAX_TEXT_CHARS

END = """\
E: apt-get update --error-on=any -oAPT::Status-Fd=<$fd> -oDpkg::Use-Pty=false failed
I: main() received signal PIPE: waiting for setup...
I: removing tempdir /tmp/mmdebstrap.0123456789...
E: mmdebstrap failed to run
"""
MIRROR = "http://deb.example.org/debian"


@pytest.mark.parametrize(
    ("log", "cause", "message"),
    [
        (
            (
                "Err:1 http://127.0.0.1:9/debian trixie InRelease\n"
                "E: Failed to fetch http://127.0.0.1:9/debian/dists/trixie/InRelease  Could not"
                " connect to 127.0.0.1:9 (127.0.0.1). - connect (111: Connection refused)\n"
            ),
            Cause.NETWORK_FAILED,
            (
                "a mirror did not answer as it should: E: Failed to fetch"
                " http://127.0.0.1:9/debian/dists/trixie/InRelease Could not connect to 127.0.0.1:9"
                " (127.0.0.1). - connect (111: Connection refused)"
            ),
        ),
        (
            f"E: The repository '{MIRROR} nosuch Release' does not have a Release file.\n",
            Cause.ARCHIVE_UNTRUSTED,
            f"there is no Release file for {MIRROR} nosuch Release",
        ),
        (
            (
                f"E: Release file for {MIRROR}/dists/sid/InRelease is expired (invalid since 16d"
                " 2h). Updates for this repository will not be applied.\n"
            ),
            Cause.ARCHIVE_UNTRUSTED,
            (
                f"Release file for {MIRROR}/dists/sid/InRelease is expired (invalid since 16d 2h)."
                " Updates for this repository will not be applied."
            ),
        ),
        (
            f"E: The repository '{MIRROR} trixie InRelease' is not signed.\n",
            Cause.ARCHIVE_UNTRUSTED,
            f"{MIRROR} trixie InRelease is not signed by a key that the build was given for it",
        ),
        (
            "E: Unable to locate package none\nE: Package 'mail' has no installation candidate\n",
            Cause.DEPENDENCIES_UNMET,
            "there is no package none, mail",
        ),
        (
            (
                "The following packages have unmet dependencies:\n"
                " foo : Depends: bar but it is not installable\n"
                "E: Unable to correct problems, you have held broken packages.\n"
            ),
            Cause.DEPENDENCIES_UNMET,
            "packages cannot be installed: foo: Depends: bar but it is not installable",
        ),
        (
            "tar: ./usr: Cannot write: No space left on device\n",
            Cause.OUT_OF_DISK_SPACE,
            "the worker's disk became full while the system was made",
        ),
        (
            'E: setup failed: E: command failed: chroot "$1" /customization_script\n',
            Cause.BUILD_FAILED,
            "the customization script failed",
        ),
        (
            "newuidmap: write to uid_map failed: Operation not permitted\n",
            Cause.WORKER_FAILED,
            (
                "user namespaces do not work on the worker: newuidmap: write to uid_map failed:"
                " Operation not permitted"
            ),
        ),
        (
            "E: invalid variant\n",
            Cause.BUILD_FAILED,
            "mmdebstrap could not make the system: invalid variant",
        ),
    ],
)
def test_why_a_system_could_not_be_made(log: str, cause: Cause, message: str) -> None:
    found = explain_bootstrap("mmdebstrap", log + END)
    assert (found.cause, found.message) == (cause, message)


def test_without_output_there_is_little_to_say() -> None:
    assert explain_bootstrap("mmdebstrap", "").message == "mmdebstrap could not make the system"


def test_a_message_is_one_tame_line() -> None:
    found = explain_bootstrap("mmdebstrap", f"E: \x1b[31m{'x' * 2000}\n")
    assert len(found.message) <= MAX_TEXT_CHARS
    assert "\x1b" not in found.message


def test_the_end_of_a_log(tmp_path: Path) -> None:
    assert end_of(tmp_path / "none") == ""
    (tmp_path / "log").write_bytes(b"\xff" * LOG_BYTES + b"end\n")
    found = end_of(tmp_path / "log")
    assert len(found) == LOG_BYTES
    assert found.endswith("end\n")
