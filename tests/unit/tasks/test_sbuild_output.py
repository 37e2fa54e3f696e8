# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from pathlib import Path

import pytest

from debusine.domain.result import Blame, WorkRequestResults
from debusine.tasks.sbuild_output import (
    consistency_errors,
    find_build_log,
    judge,
    read_dose_report,
)
from debusine.testing.packages import write_changes, write_deb, write_dsc

DOSE = """\
(I)Doseparse: Parsing and normalizing...
(I)Dose_deb: Parsing Packages file -...
(I)Dose_common: total packages 66258
(I)Dose_applications: Cudf Universe: 66258 packages
(I)Dose_applications: --checkonly specified, consider all packages as background packages
(I)Dose_applications: Solving...
output-version: 1.2
native-architecture: amd64
report:
 -
  package: sbuild-build-depends-main-dummy
  version: 0.invalid.0
  architecture: amd64
  status: broken
  reasons:
   -
    missing:
     pkg:
      package: sbuild-build-depends-main-dummy
      version: 0.invalid.0
      architecture: amd64
      unsat-dependency: no-such-package:amd64
     depchains:
      -
       depchain:
        -
         package: sbuild-build-depends-main-dummy
         version: 0.invalid.0
         architecture: amd64
         depends: no-such-package:amd64

background-packages: 66257
foreground-packages: 1
total-packages: 66258
broken-packages: 1

+------------------------------------------------------------------------------+
| Cleanup                                                                      |
"""


def write_log(directory: Path, text: str) -> Path:
    path = directory / "hello_1.0-1_amd64-2026-01-01T00:00:00Z.build"
    path.write_text(text)
    return path


def test_a_source_for_other_architectures_is_named(tmp_path: Path) -> None:
    text = (
        "E: dsc: amd64 not in arch list or does not match any arch wildcards:"
        " armhf any-arm64 -- skipping\nStatus: skipped\n"
    )
    explanation = judge(0, write_log(tmp_path, text)).explanation
    assert explanation is not None
    assert (
        explanation.message
        == "the source builds only for Architecture: armhf any-arm64, not for amd64"
    )


@pytest.mark.parametrize(
    ("returncode", "log", "result", "blame"),
    [
        (0, "Status: successful\n", WorkRequestResults.SUCCESS, None),
        (0, "Status: skipped\n", WorkRequestResults.FAILURE, Blame.SUBJECT),
        (0, "", WorkRequestResults.FAILURE, Blame.SUBJECT),
        (0, None, WorkRequestResults.ERROR, Blame.PLATFORM),
        (
            2,
            "Fail-Stage: build\nStatus: attempted\n",
            WorkRequestResults.FAILURE,
            Blame.SUBJECT,
        ),
        (
            1,
            "Fail-Stage: create-session\nStatus: failed\n",
            WorkRequestResults.FAILURE,
            Blame.ENVIRONMENT,
        ),
        (
            3,
            "E: Unable to correct problems\nFail-Stage: install-deps\nStatus: given-back\n",
            WorkRequestResults.FAILURE,
            Blame.SUBJECT,
        ),
        (
            3,
            (
                "E: Failed to fetch http://deb.example.org/x\n"
                "Fail-Stage: install-deps\nStatus: given-back\n"
            ),
            WorkRequestResults.FAILURE,
            Blame.ENVIRONMENT,
        ),
        (1, None, WorkRequestResults.FAILURE, Blame.ENVIRONMENT),
        (None, "", WorkRequestResults.FAILURE, Blame.ENVIRONMENT),
    ],
)
def test_the_verdict_follows_from_status_and_log(
    tmp_path: Path,
    returncode: int | None,
    log: str | None,
    result: WorkRequestResults,
    blame: Blame | None,
) -> None:
    path = None if log is None else write_log(tmp_path, log)
    verdict = judge(returncode, path)
    assert (verdict.result, verdict.blame) == (result, blame)


def test_what_a_package_prints_does_not_count_as_status(tmp_path: Path) -> None:
    log = write_log(tmp_path, "Status: successful\n" + "x" * 70_000 + "\nStatus: attempted\n")
    assert judge(0, log).result is WorkRequestResults.FAILURE


def test_the_log_is_found_beside_the_link_to_it(tmp_path: Path) -> None:
    assert find_build_log(tmp_path) is None
    log = write_log(tmp_path, "")
    (tmp_path / "hello_1.0-1_amd64.build").symlink_to(log.name)
    assert find_build_log(tmp_path) == log


def test_dose_explains_what_is_missing(tmp_path: Path) -> None:
    report = read_dose_report(write_log(tmp_path, DOSE))
    assert report is not None
    assert report.broken_packages == 1
    dumped = report.model_dump(mode="json", exclude_unset=True)
    assert dumped["output-version"] == "1.2"
    pkg = dumped["report"][0]["reasons"][0]["missing"]["pkg"]
    assert pkg["unsat-dependency"] == "no-such-package:amd64"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("(I)Dose_applications: Solving...", "(I)Dose_applications: Thinking..."),
        ("output-version: 1.2", "what is this"),
        ("status: broken", "status: bored"),
        ("report:\n", "report: [\n"),
    ],
)
def test_explanations_that_are_not_understood_are_none(tmp_path: Path, old: str, new: str) -> None:
    assert old in DOSE
    assert read_dose_report(write_log(tmp_path, DOSE.replace(old, new))) is None


def test_files_of_a_build_fit_together(tmp_path: Path) -> None:
    deb = write_deb(tmp_path)
    write_changes(tmp_path, [deb], architecture="amd64")
    write_log(tmp_path, "")
    assert consistency_errors(tmp_path) == []


def test_files_that_differ_or_are_not_listed_are_named(tmp_path: Path) -> None:
    deb = write_deb(tmp_path)
    other = write_deb(tmp_path, {"Package": "gone"})
    write_changes(tmp_path, [deb, other], architecture="amd64")
    deb.write_bytes(deb.read_bytes() + b"more")
    other.unlink()
    (tmp_path / "stray").touch()
    errors = consistency_errors(tmp_path)
    assert "hello_1.0-1_amd64.changes lists gone_1.0-1_amd64.deb, which does not exist" in errors
    assert "stray is not referenced by any control file" in errors
    assert [line for line in errors if " has sha256 " in line and deb.name in line]


def test_a_source_upload_may_lack_the_upstream_tarball(tmp_path: Path) -> None:
    dsc = write_dsc(tmp_path)
    debian = tmp_path / "hello_1.0-1.debian.tar.xz"
    write_changes(tmp_path, [dsc, debian], architecture="source")
    (tmp_path / "hello_1.0.orig.tar.gz").unlink()
    assert consistency_errors(tmp_path) == []
    debian.unlink()
    assert consistency_errors(tmp_path) != []


def test_two_control_files_of_a_kind_are_too_many(tmp_path: Path) -> None:
    write_changes(tmp_path, [], architecture="amd64", fields={"Checksums-Sha256": "x"})
    write_dsc(tmp_path, version="1.0-1")
    write_dsc(tmp_path, version="1.0-2")
    (tmp_path / "hello_1.0-1_amd64.changes").unlink()
    assert "more than one .dsc file: hello_1.0-1.dsc, hello_1.0-2.dsc" in consistency_errors(
        tmp_path
    )
