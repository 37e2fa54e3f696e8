# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from pathlib import Path

import pytest

from debusine.cli.buildinfo import buildinfo_name, document
from debusine.errors import NotFoundError, UserError

DIGEST = "0" * 64
RECORD = f"""\
Format: 1.0
Source: hello (1.0-1)
Binary: hello
Architecture: amd64
Version: 1.0-1+b1
Checksums-Sha256:
 {DIGEST} 5 hello_1.0-1+b1_amd64.deb
Build-Origin: Debian
Build-Architecture: amd64
Build-Date: Mon, 23 Nov 2026 06:18:21 +0000
Build-Path: /build/hello-1.0
Installed-Build-Depends:
 gcc-14 (= 14.2.0-19),
 libc6:i386 (= 2.41-12)
Environment:
 DEB_BUILD_OPTIONS="parallel=2"
 LANG="C.UTF-8"
 DEB_VENDOR="a \\"word\\" and a \\\\"
"""


def test_a_record_as_a_document(tmp_path: Path) -> None:
    path = tmp_path / "hello.buildinfo"
    path.write_text(RECORD)
    assert document(path) == {
        "source": "hello (1.0-1)",
        "version": "1.0-1+b1",
        "architecture": "amd64",
        "build_architecture": "amd64",
        "build_date": "Mon, 23 Nov 2026 06:18:21 +0000",
        "build_path": "/build/hello-1.0",
        "build_origin": "Debian",
        "files": {"hello_1.0-1+b1_amd64.deb": DIGEST},
        "environment": {
            "DEB_BUILD_OPTIONS": "parallel=2",
            "LANG": "C.UTF-8",
            "DEB_VENDOR": 'a "word" and a \\',
        },
        "installed_build_depends": {"gcc-14": "14.2.0-19", "libc6:i386": "2.41-12"},
    }


def test_what_is_no_record_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "hello.buildinfo"
    path.write_text("Format: 1.0\n")
    with pytest.raises(UserError, match=r"hello\.buildinfo: field Source is missing"):
        document(path)


def test_an_upload_has_one_record() -> None:
    assert buildinfo_name(["a.changes", "a.buildinfo"], 7) == "a.buildinfo"
    with pytest.raises(NotFoundError, match=r"artifact 7 has no \.buildinfo file"):
        buildinfo_name(["a.changes"], 7)
    with pytest.raises(NotFoundError, match=r"artifact 7 has more than one"):
        buildinfo_name(["a.buildinfo", "b.buildinfo"], 7)
