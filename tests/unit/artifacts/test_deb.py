# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from pathlib import Path

import pytest

from debusine.artifacts.base import NameVersion
from debusine.artifacts.deb import read_deb
from debusine.errors import UserError
from debusine.testing.packages import write_deb


@pytest.mark.parametrize("compression", ["", "gz", "xz", "zst"])
def test_control_archive_is_read(tmp_path: Path, compression: str) -> None:
    info = read_deb(write_deb(tmp_path, {"Source": "hi (0.9)"}, compression=compression))
    assert info.fields["Package"] == "hello"
    assert info.source == NameVersion("hi", "0.9")
    assert info.control_files == ("control", "md5sums")


def test_source_defaults_to_the_package(tmp_path: Path) -> None:
    assert read_deb(write_deb(tmp_path)).source == NameVersion("hello", "1.0-1")
    assert read_deb(write_deb(tmp_path, {"Source": "hi"})).source == NameVersion("hi", "1.0-1")


@pytest.mark.parametrize("keep", [0, 7, 100, 300])
def test_damaged_packages_are_refused(tmp_path: Path, keep: int) -> None:
    path = write_deb(tmp_path)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(UserError, match=r"hello_1\.0-1_amd64\.deb"):
        read_deb(path)


def test_garbage_inside_an_archive_is_refused(tmp_path: Path) -> None:
    path = write_deb(tmp_path)
    content = path.read_bytes()
    path.write_bytes(content[:140] + b"garbage" * 8 + content[196:])
    with pytest.raises(UserError, match="not an intact Debian package"):
        read_deb(path)


def test_missing_fields_and_odd_versions_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="field Architecture is missing"):
        read_deb(write_deb(tmp_path, {"Architecture": ""}))
    path = write_deb(tmp_path, {"Version": "$(reboot)"})
    with pytest.raises(UserError, match="not a version"):
        read_deb(path)
