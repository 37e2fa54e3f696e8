# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from debusine.artifacts.base import NameVersion, check_data, describe, kind_for, parse_data
from debusine.artifacts.kinds.blhc import Blhc, BlhcData
from debusine.artifacts.kinds.build_log import BuildLog
from debusine.artifacts.kinds.debdiff import Debdiff, DebdiffData
from debusine.artifacts.kinds.lintian import SEVERITIES, Lintian, LintianSummary
from debusine.artifacts.kinds.piuparts import Piuparts, PiupartsData
from debusine.artifacts.kinds.repository_index import RepositoryIndex
from debusine.artifacts.kinds.signing_input import SigningInput
from debusine.errors import UserError

SUMMARY: dict[str, Any] = {
    "tags_count_by_severity": dict.fromkeys(SEVERITIES, 0),
    "package_filename": {"hello": "hello_1.0_amd64.deb", "a": "a_1.0_amd64.deb"},
    "tags_found": ["no-manual-page"],
    "overridden_tags_found": [],
    "lintian_version": "2.116.3",
    "distribution": "debian:unstable",
}
CASES: list[tuple[str, dict[str, Any], str]] = [
    (
        "debian:package-build-log",
        {"source": "hello", "version": "1.0", "filename": "hello_1.0_amd64.build"},
        "hello_1.0_amd64",
    ),
    ("debian:lintian", {"summary": SUMMARY}, "lintian: a, hello"),
    ("debian:lintian", {"summary": SUMMARY | {"package_filename": {}}}, "lintian (empty)"),
    ("debian:blhc", {}, "blhc analysis"),
    (
        "debian:blhc",
        {"source": "a", "version": "1", "architecture": "amd64"},
        "blhc analysis for a_1_amd64",
    ),
    ("debian:debdiff", {"original": "a", "new": "b"}, "debdiff a b"),
    ("debian:debdiff", {"original": "a", "new": "b", "label": "c"}, "c"),
    (
        "debian:piuparts",
        {
            "piuparts_version": "1.1.7",
            "binary_packages": {"b": "1", "a": "1"},
            "architecture": "amd64",
            "distribution": "debian:trixie",
        },
        "piuparts: a, b",
    ),
    (
        "debian:autopkgtest",
        {
            "results": {"smoke": {"status": "PASS"}},
            "cmdline": "autopkgtest",
            "source_package": {"name": "a", "version": "1", "url": "https://example.org/"},
            "architecture": "amd64",
            "distribution": "debian:trixie",
        },
        "a",
    ),
    (
        "debian:repository-index",
        {"path": "main/binary-amd64/Packages"},
        "main/binary-amd64/Packages",
    ),
    ("debusine:signing-input", {"binary_package_name": "grub"}, "signing input of grub"),
    (
        "debusine:signing-output",
        {
            "purpose": "uefi",
            "fingerprint": "0",
            "results": [{"file": "a", "output_file": "a.sig"}],
        },
        "signatures",
    ),
    (
        "debian:binary-packages",
        {
            "srcpkg_name": "a",
            "srcpkg_version": "1",
            "version": "1",
            "architecture": "amd64",
            "packages": ["b"],
        },
        "a_1",
    ),
]


@pytest.mark.parametrize(("category", "data", "label"), CASES)
def test_data_is_kept_as_given_and_gives_a_label(
    category: str, data: dict[str, Any], label: str
) -> None:
    assert check_data(category, data) == data
    assert describe(category, data) == label


@pytest.mark.parametrize(
    ("category", "data", "path"),
    [
        (
            "debian:autopkgtest",
            CASES[8][1] | {"results": {"a": {"status": "OK"}}},
            "data.results.a.status",
        ),
        (
            "debian:lintian",
            {"summary": SUMMARY | {"tags_count_by_severity": {}}},
            "data.summary.tags_count_by_severity",
        ),
        (
            "debusine:signing-output",
            {"purpose": "uefi", "fingerprint": "0", "results": [{"file": "a"}]},
            "data.results.0",
        ),
    ],
)
def test_errors_name_the_field(category: str, data: dict[str, Any], path: str) -> None:
    with pytest.raises(UserError) as caught:
        check_data(category, data)
    assert list(caught.value.validation_errors or {}) == [path]


def test_a_build_log_ends_in_build(tmp_path: Path) -> None:
    good, bad = tmp_path / "a_1_amd64.build", tmp_path / "a.log"
    good.touch()
    bad.touch()
    package = NameVersion("a", "1")
    artifact = BuildLog.from_log(good, package, architecture="amd64")
    assert artifact.data.model_dump() == {
        "source": "a",
        "version": "1",
        "architecture": "amd64",
        "filename": "a_1_amd64.build",
        "bd_uninstallable": None,
    }
    with pytest.raises(UserError, match=r"needs exactly one \.build file"):
        BuildLog.from_log(bad, package, architecture="amd64")


def test_a_lintian_report_holds_json_and_the_output(tmp_path: Path) -> None:
    analysis, output = tmp_path / "a", tmp_path / "b"
    analysis.write_text('{"tags": []}')
    output.touch()
    summary = LintianSummary.model_validate(SUMMARY)
    artifact = Lintian.from_files(analysis, output, summary=summary, architecture="source")
    assert artifact.files == {"analysis.json": analysis, "lintian.txt": output}
    assert artifact.content_types["analysis.json"] == "application/json"
    assert kind_for("debian:lintian").architectures(artifact.data) == frozenset()
    analysis.write_text("{")
    with pytest.raises(UserError, match=r"analysis\.json is not valid JSON"):
        Lintian.from_files(analysis, output, summary=summary, architecture="source")


def test_reports_of_one_file_give_it_its_name(tmp_path: Path) -> None:
    path = tmp_path / "cmd-output.log"
    path.touch()
    piuparts = PiupartsData.model_validate(CASES[7][1])
    debdiff = DebdiffData(original="a", new="b")
    assert Blhc.from_output(path, BlhcData()).files == {"blhc.txt": path}
    assert Piuparts.from_output(path, piuparts).files == {"piuparts.txt": path}
    assert Debdiff.from_output(path, debdiff).files == {"debdiff.txt": path}
    assert RepositoryIndex.from_file(path, "main/Release").files == {"Release": path}


def test_a_path_of_an_index_stays_inside(tmp_path: Path) -> None:
    (tmp_path / "Release").touch()
    with pytest.raises(UserError, match="not a path inside an artifact"):
        RepositoryIndex.from_file(tmp_path / "Release", "../Release")


def test_signing_input_is_not_empty(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="at least one file"):
        SigningInput.from_files([])


def test_source_of_reports() -> None:
    log = parse_data("debian:package-build-log", CASES[0][1])
    assert kind_for("debian:package-build-log").source(log) == ("hello", "1.0")
    assert kind_for("debian:blhc").source(BlhcData()) is None
