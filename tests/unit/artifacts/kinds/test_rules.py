# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules of the data and files of every category, one by one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from debusine.artifacts.base import all_kinds, check_data, describe, kind_for, parse_data
from debusine.artifacts.files import LocalArtifact
from debusine.artifacts.kinds.autopkgtest import Autopkgtest, AutopkgtestData
from debusine.artifacts.kinds.lintian import SEVERITIES
from debusine.domain.category import ArtifactCategory
from debusine.errors import UserError

SHA = "0" * 38
IDS = [f"{n:02}{SHA}" for n in range(2)]
TARBALL: dict[str, Any] = {
    "filename": "a.tar.xz",
    "vendor": "debian",
    "codename": "trixie",
    "mirror": "https://deb.example.org/debian",
    "components": ["main"],
    "pkglist": {"base-files": "13"},
    "architecture": "amd64",
    "with_dev": True,
    "with_init": False,
}
IMAGE = TARBALL | {
    "image_format": "raw",
    "filesystem": "ext4",
    "size": 5,
    "boot_mechanism": "efi",
}
REPORT: dict[str, Any] = {
    "tags_count_by_severity": dict.fromkeys(SEVERITIES, 0),
    "package_filename": {},
    "tags_found": [],
    "overridden_tags_found": [],
    "lintian_version": "2",
    "distribution": "sid",
}
DATA: dict[str, dict[str, Any]] = {
    "debusine:work-request-debug-logs": {},
    "debian:package-build-log": {"source": "a", "version": "1", "filename": "a_1_all.build"},
    "debian:source-package": {
        "name": "a",
        "version": "1",
        "type": "dpkg",
        "dsc_fields": {"Files": [{"name": "a.tar.xz"}]},
    },
    "debian:binary-package": {
        "srcpkg_name": "a",
        "srcpkg_version": "1",
        "deb_fields": {"Package": "b", "Version": "2", "Architecture": "all"},
        "deb_control_files": ["control"],
    },
    "debian:binary-packages": {
        "srcpkg_name": "a",
        "srcpkg_version": "1",
        "version": "1+b1",
        "architecture": "amd64",
        "packages": ["b"],
    },
    "debian:debug-symbols": {"build_ids": IDS},
    "debian:upload": {
        "type": "dpkg",
        "changes_fields": {
            "Architecture": "source all",
            "Source": "aa",
            "Version": "1",
            "Files": [{"name": "a.dsc"}, {"name": "b.deb"}],
        },
    },
    "debian:lintian": {"summary": REPORT},
    "debian:autopkgtest": {
        "results": {"smoke": {"status": "PASS"}},
        "cmdline": "autopkgtest",
        "source_package": {"name": "a", "version": "1", "url": "https://example.org"},
        "architecture": "amd64",
        "distribution": "debian:trixie",
    },
    "debian:piuparts": {
        "piuparts_version": "1",
        "binary_packages": {"b": "1"},
        "architecture": "amd64",
        "distribution": "debian:trixie",
    },
    "debian:blhc": {},
    "debian:debdiff": {"original": "a", "new": "b"},
    "debian:system-tarball": TARBALL,
    "debian:system-image": IMAGE,
    "debusine:signing-input": {},
    "debusine:signing-output": {
        "purpose": "openpgp",
        "fingerprint": "AB",
        "results": [{"file": "a", "output_file": "a.sig"}, {"file": "b", "error_message": "no"}],
    },
    "debian:repository-index": {"path": "main/Release"},
    "debusine:reproducibility": {
        "source": "a",
        "version": "1",
        "architecture": "amd64",
        "reproducible": False,
        "summary": "b.deb differs",
        "files": [{"name": "b.deb", "verdict": "differs", "reports": ["b.deb.html"]}],
    },
    "debusine:test": {},
}
# what a file needs beyond its name
CONTENT = {"analysis.json": "{}"}


def local(tmp_path: Path, category: str, *names: str, **changes: Any) -> LocalArtifact:
    files = {}
    for name in names:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(CONTENT.get(name, ""))
        files[name] = path
    data = parse_data(category, DATA[category] | changes)
    return LocalArtifact(category=ArtifactCategory(category), data=data, files=files)


def test_every_category_is_there() -> None:
    assert set(all_kinds()) == set(DATA)
    assert all(kind.title and kind.icon for kind in all_kinds().values())


@pytest.mark.parametrize("category", DATA)
def test_data_is_kept_and_unknown_keys_are_refused(category: str) -> None:
    data = DATA[category]
    assert check_data(category, data) == data
    with pytest.raises(UserError) as caught:
        check_data(category, data | {"colour": "red"})
    assert caught.value.validation_errors == {"data.colour": ["Extra inputs are not permitted"]}


REQUIRED = [
    (category, field)
    for category, data in DATA.items()
    for field in data
    if (category, field) != ("debian:repository-index", "path")
]


@pytest.mark.parametrize(("category", "field"), REQUIRED)
def test_what_is_required_is(category: str, field: str) -> None:
    data = {name: value for name, value in DATA[category].items() if name != field}
    with pytest.raises(UserError) as caught:
        check_data(category, data)
    assert f"data.{field}" in (caught.value.validation_errors or {})


@pytest.mark.parametrize("field", list(REPORT))
def test_a_lintian_summary_is_complete(field: str) -> None:
    summary = {name: value for name, value in REPORT.items() if name != field}
    with pytest.raises(UserError) as caught:
        check_data("debian:lintian", {"summary": summary})
    assert list(caught.value.validation_errors or {}) == [f"data.summary.{field}"]


@pytest.mark.parametrize(
    ("category", "optional"),
    [
        ("debian:package-build-log", {"architecture": "amd64", "bd_uninstallable": None}),
        ("debian:lintian", {"architecture": "source"}),
        (
            "debusine:reproducibility",
            {
                "variations": [{"name": "path", "applied": True, "second": "/x"}],
                "other_versions": [{"package": "gcc-14", "first": "1", "second": "2"}],
                "notes": ["no report"],
            },
        ),
        ("debian:blhc", {"source": "a", "version": "1", "architecture": "all"}),
        ("debian:debdiff", {"label": "c"}),
        ("debian:system-tarball", {"variant": "buildd"}),
        ("debian:system-image", {"variant": None}),
        ("debusine:signing-input", {"trusted_certs": ["ab"], "binary_package_name": "b"}),
        ("debusine:signing-output", {"binary_package_name": "b"}),
        ("debian:autopkgtest", {"results": {"a": {"status": "FLAKY", "details": "x"}}}),
    ],
)
def test_what_is_optional_is_kept(category: str, optional: dict[str, Any]) -> None:
    data = DATA[category] | optional
    assert check_data(category, data) == data


@pytest.mark.parametrize(
    ("category", "changes"),
    [
        ("debian:source-package", {"type": "rpm"}),
        ("debian:upload", {"type": "rpm"}),
        ("debian:system-tarball", {"mirror": "nowhere"}),
        ("debian:system-image", {"image_format": "vmdk"}),
        ("debian:system-image", {"size": "large"}),
        ("debusine:signing-output", {"purpose": "ssh"}),
        ("debusine:signing-output",
         {"results": [{"file": "a", "output_file": "b", "error_message": "c"}]}),
        ("debusine:signing-output", {"results": [{"file": "a"}]}),
        ("debian:autopkgtest", {"source_package": {"name": "a", "version": "1", "url": "no"}}),
        ("debian:package-build-log", {"bd_uninstallable": {"output_version": "1.2"}}),
    ],
)  # fmt: skip
def test_bad_values_are_refused(category: str, changes: dict[str, Any]) -> None:
    with pytest.raises(UserError):
        check_data(category, DATA[category] | changes)


GOOD = [
    ("debusine:work-request-debug-logs", []),
    ("debusine:work-request-debug-logs", ["stages.log", "more/a.log"]),
    ("debian:package-build-log", ["a.build"]),
    ("debian:source-package", ["a.dsc", "a.tar.xz"]),
    ("debian:binary-package", ["a.deb"]),
    ("debian:binary-package", ["a.udeb"]),
    ("debian:binary-packages", ["a.deb", "b.udeb"]),
    ("debian:debug-symbols", IDS),
    ("debian:upload", ["a.changes", "a.dsc", "b.deb"]),
    ("debian:lintian", ["analysis.json", "lintian.txt"]),
    ("debian:autopkgtest", ["log", "artifacts/x"]),
    ("debian:piuparts", ["piuparts.txt"]),
    ("debian:blhc", ["blhc.txt"]),
    ("debian:debdiff", ["debdiff.txt"]),
    ("debian:system-tarball", ["a.tar.xz"]),
    ("debian:system-image", ["a.tar.xz"]),
    ("debusine:signing-input", ["grub/a.efi", "b"]),
    ("debusine:signing-output", ["a.sig"]),
    ("debian:repository-index", ["Release"]),
    ("debusine:reproducibility", ["a.buildinfo", "b.deb.html"]),
    ("debusine:test", ["anything"]),
]


@pytest.mark.parametrize(("category", "names"), GOOD)
def test_files_that_belong(tmp_path: Path, category: str, names: list[str]) -> None:
    assert set(local(tmp_path, category, *names).files) == set(names)


@pytest.mark.parametrize(
    ("category", "names"),
    [
        ("debian:package-build-log", []),
        ("debian:package-build-log", ["a.log"]),
        ("debian:package-build-log", ["a.build", "b.build"]),
        ("debian:package-build-log", ["a.build", "b"]),
        ("debian:source-package", ["a.tar.xz"]),
        ("debian:source-package", ["a.dsc"]),
        ("debian:source-package", ["a.dsc", "b.dsc", "a.tar.xz"]),
        ("debian:source-package", ["a.dsc", "a.tar.xz", "b"]),
        ("debian:binary-package", []),
        ("debian:binary-package", ["a.txt"]),
        ("debian:binary-package", ["a.deb", "b.udeb"]),
        ("debian:binary-packages", []),
        ("debian:binary-packages", ["a.deb", "b.txt"]),
        ("debian:debug-symbols", IDS[:1]),
        ("debian:debug-symbols", [*IDS, "ab" + SHA]),
        ("debian:upload", ["a.dsc", "b.deb"]),
        ("debian:upload", ["a.changes", "a.dsc"]),
        ("debian:upload", ["a.changes", "b.changes", "a.dsc", "b.deb"]),
        ("debian:upload", ["a.changes", "a.dsc", "b.deb", "c"]),
        ("debian:lintian", ["analysis.json"]),
        ("debian:lintian", ["lintian.txt"]),
        ("debian:lintian", ["analysis.json", "lintian.txt", "more"]),
        ("debian:autopkgtest", ["log", "binaries/a.deb"]),
        ("debian:piuparts", ["a.txt"]),
        ("debian:blhc", ["a.txt"]),
        ("debian:debdiff", ["a.txt"]),
        ("debian:system-tarball", ["b.tar.xz"]),
        ("debian:system-tarball", ["a.tar.xz", "b"]),
        ("debian:system-image", ["a.qcow2"]),
        ("debian:system-image", []),
        ("debusine:signing-input", []),
        ("debusine:signing-output", []),
        ("debusine:signing-output", ["a.sig", "b.sig"]),
        ("debusine:reproducibility", ["a.buildinfo"]),
        ("debusine:reproducibility", ["b.deb.html", "b.deb"]),
        ("debian:repository-index", ["Packages"]),
        ("debian:repository-index", ["Release", "Packages"]),
    ],
)
def test_files_that_do_not_belong(tmp_path: Path, category: str, names: list[str]) -> None:
    with pytest.raises(UserError):
        local(tmp_path, category, *names)


def test_an_image_of_its_own_format(tmp_path: Path) -> None:
    changes = {"image_format": "qcow2", "filename": "a.qcow2"}
    assert set(local(tmp_path, "debian:system-image", "a.qcow2", **changes).files) == {"a.qcow2"}
    with pytest.raises(UserError):
        local(tmp_path, "debian:system-image", "a.tar.xz", **changes)


def test_a_new_index_has_a_path(tmp_path: Path) -> None:
    assert check_data("debian:repository-index", {}) == {}
    with pytest.raises(UserError):
        local(tmp_path, "debian:repository-index", "Release", path=None)


@pytest.mark.parametrize(
    ("category", "name", "content_type"),
    [
        ("debusine:work-request-debug-logs", "stages.log", "text/plain; charset=utf-8"),
        ("debian:package-build-log", "a.build", "text/plain; charset=utf-8"),
        ("debian:source-package", "a.dsc", "text/plain; charset=utf-8"),
        ("debian:source-package", "a.tar.xz", None),
        ("debian:debug-symbols", IDS[0], "application/octet-stream"),
        ("debian:upload", "a.changes", "text/plain; charset=utf-8"),
        ("debian:upload", "a.deb", None),
        ("debian:lintian", "analysis.json", "application/json"),
        ("debusine:signing-input", "a.txt", "application/octet-stream"),
        ("debusine:reproducibility", "b.deb.json", "application/json"),
        ("debusine:reproducibility", "b.deb.html", "text/plain; charset=utf-8"),
        ("debusine:test", "a.txt", None),
    ],
)
def test_content_types(category: str, name: str, content_type: str | None) -> None:
    assert kind_for(category).content_type(name) == content_type


@pytest.mark.parametrize(
    ("category", "label"),
    [
        ("debian:package-build-log", "a_1_all"),
        ("debian:source-package", "a_1"),
        ("debian:binary-package", "b_2_all"),
        ("debian:binary-packages", "a_1"),
        ("debian:debug-symbols", "debug-symbols (2 build-ids)"),
        ("debian:upload", "aa_1"),
        ("debian:lintian", "lintian (empty)"),
        ("debian:autopkgtest", "a"),
        ("debian:piuparts", "piuparts: b"),
        ("debian:blhc", "blhc analysis"),
        ("debian:debdiff", "debdiff a b"),
        ("debian:system-tarball", "a.tar.xz"),
        ("debian:system-image", "a.tar.xz"),
        ("debian:repository-index", "main/Release"),
        ("debusine:reproducibility", "a_1: not reproducible"),
        ("debusine:test", "debusine:test"),
    ],
)
def test_labels(category: str, label: str) -> None:
    assert describe(category, DATA[category]) == label


@pytest.mark.parametrize("source", [None, "", " "])
def test_an_upload_that_does_not_say_its_source_is_called_after_a_file(source: str | None) -> None:
    fields = DATA["debian:upload"]["changes_fields"] | {"Source": source}
    assert describe("debian:upload", {"type": "dpkg", "changes_fields": fields}) == "a.dsc"
    assert describe("debian:repository-index", {}) == "debian:repository-index"


@pytest.mark.parametrize(
    ("category", "source", "binary", "architectures"),
    [
        ("debian:source-package", ("a", "1"), None, set()),
        ("debian:upload", ("aa", "1"), None, {"all"}),
        ("debian:binary-package", ("a", "1"), ("b", "2"), {"all"}),
        ("debian:binary-packages", ("a", "1"), None, {"amd64"}),
        ("debian:package-build-log", ("a", "1"), None, set()),
        ("debian:autopkgtest", ("a", "1"), None, {"amd64"}),
        ("debian:system-tarball", None, None, {"amd64"}),
        ("debusine:reproducibility", ("a", "1"), None, {"amd64"}),
        ("debusine:test", None, None, set()),
    ],
)
def test_accessors(category: str, source: Any, binary: Any, architectures: set[str]) -> None:
    kind, data = kind_for(category), parse_data(category, DATA[category])
    assert (kind.source(data), kind.binary(data)) == (source, binary)
    assert kind.architectures(data) == architectures


def test_what_was_tested_is_left_out(tmp_path: Path) -> None:
    for name in ("log", "binaries/a.deb", "artifacts/x"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    data = parse_data("debian:autopkgtest", DATA["debian:autopkgtest"])
    assert isinstance(data, AutopkgtestData)
    assert set(Autopkgtest.from_directory(tmp_path, data).files) == {"artifacts/x", "log"}


UNMET = {
    "missing": {
        "pkg": {"package": "a", "version": "1", "architecture": "amd64",
                "unsat-dependency": "b (>= 2)"},
        "depchains": [{"depchain": [{"package": "c", "version": "1", "depends": "a"}]}],
    }
}  # fmt: skip
EXCLUDED = {
    "conflict": {
        "pkg1": {"package": "a", "version": "1", "unsat-conflict": "d"},
        "pkg2": {"package": "d", "version": "1", "architecture": "all"},
        "depchain1": [{"depchain": [{"package": "c", "version": "1"}]}],
        "depchain2": [],
    }
}
DOSE: dict[str, Any] = {
    "output-version": "1.2",
    "native-architecture": "amd64",
    "foreign-architecture": "arm64",
    "host-architecture": "amd64",
    "report": [
        {
            "package": "a",
            "version": "1",
            "architecture": "amd64",
            "essential": False,
            "type": "src",
            "source": "a (= 1)",
            "status": "broken",
            "success": "no",
            "reasons": [UNMET, EXCLUDED],
        }
    ],
    "total-packages": 10,
    "broken-packages": 1,
    "background-packages": 9,
    "foreground-packages": 1,
}


def test_a_report_of_dose_is_kept_with_its_hyphens() -> None:
    data = DATA["debian:package-build-log"] | {"bd_uninstallable": DOSE}
    assert check_data("debian:package-build-log", data) == data


@pytest.mark.parametrize(
    "broken",
    [
        *[{k: v for k, v in DOSE.items() if k != name} for name in DOSE if "arch" not in name],
        DOSE | {"colour": "red"},
        DOSE | {"report": [DOSE["report"][0] | {"status": "unknown"}]},
        DOSE | {"report": [DOSE["report"][0] | {"reasons": [{"weather": {}}]}]},
        DOSE | {"report": [DOSE["report"][0] | {"reasons": [{"missing": {}}]}]},
        DOSE | {"total-packages": "many"},
    ],
)
def test_other_reports_of_dose_are_refused(broken: dict[str, Any]) -> None:
    with pytest.raises(UserError):
        check_data(
            "debian:package-build-log",
            DATA["debian:package-build-log"] | {"bd_uninstallable": broken},
        )
