# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import re
from pathlib import Path

import pytest

from debusine.artifacts.base import NameVersion
from debusine.artifacts.deb822 import (
    installed_build_depends,
    read_buildinfo,
    read_changes,
    read_dsc,
)
from debusine.errors import UserError
from debusine.testing.packages import write_changes, write_deb, write_dsc


def edit(path: Path, old: str, new: str) -> Path:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    return path


def test_dsc_fields_are_plain_and_in_order(tmp_path: Path) -> None:
    dsc = read_dsc(write_dsc(tmp_path, files={"hello_1.0.orig.tar.gz": b"abc"}))
    assert dsc.package == NameVersion("hello", "1.0-1")
    assert list(dsc.fields) == [
        "Format",
        "Source",
        "Binary",
        "Architecture",
        "Version",
        "Maintainer",
        "Checksums-Sha1",
        "Checksums-Sha256",
        "Files",
    ]
    assert dsc.fields["Files"] == [
        {
            "md5sum": "900150983cd24fb0d6963f7d28e17f72",
            "size": "3",
            "name": "hello_1.0.orig.tar.gz",
        }
    ]
    assert type(dsc.fields["Files"][0]) is dict
    assert {type(key) for key in dsc.fields} == {str}
    assert dsc.problems() == []


def test_signed_dsc_is_read_without_its_signature(tmp_path: Path) -> None:
    path = write_dsc(tmp_path)
    path.write_text(
        "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\n"
        + path.read_text()
        + "\n-----BEGIN PGP SIGNATURE-----\n\niQ==\n-----END PGP SIGNATURE-----\n"
    )
    assert read_dsc(path).package == NameVersion("hello", "1.0-1")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("Source: hello\n", "", "field Source is missing"),
        ("Version: 1.0-1\n", "", "field Version is missing"),
        ("Source: hello\n", "Source: ../hello\n", "not the name of a package: '../hello'"),
        ("Version: 1.0-1\n", "Version: 1/../0\n", "not a version: '1/../0'"),
        ("Source: hello\n", "Source: hello\nsource: other\n", "field source is given twice"),
        ("hello_1.0.orig", "../hello_1.0.orig", "not a file name: '../hello_1.0.orig.tar.gz'"),
        ("hello_1.0.orig.tar.gz", "..", "not a file name: '..'"),
        (" 3 hello", " -3 hello", "not a size: '-3'"),
        (" 3 hello", " hello", "not a file name: ''"),
        ("900150983cd24fb0d6963f7d28e17f72", "zz", "field Files not a digest: 'zz'"),
        ("72 3 hello", "72 4 hello", "field Checksums-Sha1 gives another size"),
        ("72 3 hello_", "72 3 other_", "field Checksums-Sha1 names other files than Files"),
    ],
)
def test_malformed_dsc_names_file_and_field(
    tmp_path: Path, old: str, new: str, message: str
) -> None:
    path = edit(write_dsc(tmp_path, files={"hello_1.0.orig.tar.gz": b"abc"}), old, new)
    with pytest.raises(UserError, match=re.escape(message)) as caught:
        read_dsc(path)
    assert caught.value.brief.startswith("hello_1.0-1.dsc: field ")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "has no content"),
        (b"\x7fELF\x02\xff\xfe", "is not UTF-8 text"),
        (b"<html><body>Not found</body></html>\n", "field Format is missing"),
    ],
)
def test_what_is_no_dsc_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "x.dsc"
    path.write_bytes(content)
    with pytest.raises(UserError, match=message):
        read_dsc(path)


def test_missing_dsc_is_a_user_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="No such file"):
        read_dsc(tmp_path / "x.dsc")


def test_problems_name_what_differs(tmp_path: Path) -> None:
    path = write_dsc(tmp_path, files={"a": b"abc", "b": b"abc", "c": b"abc", "d": b"abc"})
    (tmp_path / "a").unlink()
    (tmp_path / "b").write_bytes(b"abcd")
    (tmp_path / "c").write_bytes(b"xyz")
    dsc = read_dsc(path)
    problems = dsc.problems()
    assert problems[:2] == ["a is missing", "b: expected 3 bytes, found 4"]
    assert [line.split()[2] for line in problems[2:]] == ["md5", "sha1", "sha256"]
    assert dsc.problems(only=["d"]) == []
    with pytest.raises(UserError, match="a is missing") as caught:
        dsc.check_files()
    assert caught.value.details == "\n".join(problems[1:])


def test_a_link_in_place_of_a_file_is_not_followed(tmp_path: Path) -> None:
    path = write_dsc(tmp_path, files={"a": b"abc"})
    (tmp_path / "a").rename(tmp_path / "elsewhere")
    (tmp_path / "a").symlink_to("elsewhere")
    assert read_dsc(path).problems() == ["a is missing"]


def test_changes_of_a_binnmu_name_the_source_version(tmp_path: Path) -> None:
    deb = write_deb(tmp_path, {"Version": "1.0-1+b1", "Source": "hello (1.0-1)"})
    changes = read_changes(
        write_changes(
            tmp_path,
            [deb],
            architecture="amd64",
            fields={"Source": "hello (1.0-1)", "Version": "1.0-1+b1"},
        )
    )
    assert changes.package == NameVersion("hello", "1.0-1")
    assert changes.architectures == {"amd64"}
    assert list(changes.listed) == ["hello_1.0-1+b1_amd64.deb"]
    assert set(changes.listed["hello_1.0-1+b1_amd64.deb"].hexdigests) == {"md5", "sha1", "sha256"}


def test_installed_build_depends_of_a_buildinfo(tmp_path: Path) -> None:
    path = tmp_path / "hello_1.0-1_amd64.buildinfo"
    path.write_text(
        "Format: 1.0\nSource: hello\nVersion: 1.0-1\nChecksums-Sha256:\n"
        f" {'0' * 64} 3 hello_1.0-1_amd64.deb\n"
        "Installed-Build-Depends:\n gcc-14 (= 14.2.0-19),\n base-files (= 13.8),\n"
        " libc6:amd64 (= 2.41-12)\n"
    )
    assert installed_build_depends(read_buildinfo(path)) == {
        "base-files": "13.8",
        "gcc-14": "14.2.0-19",
        "libc6:amd64": "2.41-12",
    }
