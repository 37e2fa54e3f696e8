# SPDX-License-Identifier: GPL-3.0-or-later
"""Disks of strangers name no files of this machine; all are made by the real qemu-img."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path

import pytest

from debusine.tasks.executors.base import ImageImportError
from debusine.tasks.executors.disk_image import bootable_disk
from debusine.util.command import Command, run

MIB = 1024**2


def qemu_img(*words: str | Path) -> str:
    return run(Command(["qemu-img", *map(str, words)])).text


def info(disk: Path) -> dict[str, object]:
    found: dict[str, object] = json.loads(qemu_img("info", "--output=json", disk))
    return found


def pack(archive: Path, **files: bytes) -> Path:
    with tarfile.open(archive, "w:xz") as tar:
        for name, content in files.items():
            path = archive.parent / "member"
            path.write_bytes(content)
            tar.add(path, arcname=name.replace("_", "/").replace("DOT", "."))
    return archive


@pytest.mark.parametrize("compat", ["0.10", "1.1"])
def test_a_whole_disk_is_taken_as_it_is(tmp_path: Path, compat: str) -> None:
    disk = tmp_path / "whole.qcow2"
    qemu_img("create", "-q", "-f", "qcow2", "-o", f"compat={compat}", disk, "4M")
    assert bootable_disk(disk, tmp_path) == disk


def test_a_disk_on_another_file_is_refused(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(b"SECRET".ljust(MIB))
    disk = tmp_path / "disk.qcow2"
    qemu_img("create", "-q", "-f", "qcow2", "-b", secret, "-F", "raw", disk)
    with pytest.raises(ImageImportError, match="names another file"):
        bootable_disk(disk, tmp_path)


def test_a_disk_whose_data_lie_elsewhere_is_refused(tmp_path: Path) -> None:
    disk = tmp_path / "disk.qcow2"
    option = f"data_file={tmp_path / 'elsewhere'},data_file_raw=on"
    qemu_img("create", "-q", "-f", "qcow2", "-o", option, disk, "1M")
    with pytest.raises(ImageImportError, match="names another file"):
        bootable_disk(disk, tmp_path)


@pytest.mark.parametrize("content", [b"", b"QFI\xfb", b"x" * 4096])
def test_what_is_no_disk_is_refused(tmp_path: Path, content: bytes) -> None:
    disk = tmp_path / "disk.qcow2"
    disk.write_bytes(content)
    with pytest.raises(ImageImportError, match="not a qcow2 file"):
        bootable_disk(disk, tmp_path)


def test_versions_from_the_future_are_refused(tmp_path: Path) -> None:
    disk = tmp_path / "disk.qcow2"
    disk.write_bytes(b"QFI\xfb\0\0\0\x09".ljust(4096, b"\0"))
    with pytest.raises(ImageImportError, match="version 9"):
        bootable_disk(disk, tmp_path)


def test_a_raw_disk_is_converted(tmp_path: Path) -> None:
    content = b"start" + bytes(3 * MIB) + b"end"
    content = content.ljust(4 * MIB, b"\0")
    archive = pack(tmp_path / "image.tar.xz", rootDOTimg=content)
    out = tmp_path / "out"
    out.mkdir()
    disk = bootable_disk(archive, out)
    assert [path.name for path in out.iterdir()] == ["disk.qcow2"]
    found = info(disk)
    assert (found["format"], found["virtual-size"]) == ("qcow2", 4 * MIB)
    qemu_img("convert", "-f", "qcow2", "-O", "raw", disk, out / "back")
    assert (out / "back").read_bytes() == content


def test_a_raw_disk_that_looks_like_qcow2_is_not_read_as_such(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(b"SECRET".ljust(MIB))
    trap = tmp_path / "trap"
    qemu_img("create", "-q", "-f", "qcow2", "-b", secret, "-F", "raw", trap)
    archive = pack(tmp_path / "image.tar.xz", rootDOTimg=trap.read_bytes())
    disk = bootable_disk(archive, tmp_path)
    assert "backing-filename" not in info(disk)
    qemu_img("convert", "-f", "qcow2", "-O", "raw", disk, tmp_path / "back")
    assert b"SECRET" not in (tmp_path / "back").read_bytes()


@pytest.mark.parametrize(
    "files",
    [{}, {"one": b"1", "two": b"2"}, {"directory_file": b"1"}],
    ids=["none", "two", "in a directory"],
)
def test_other_archives_are_refused(tmp_path: Path, files: dict[str, bytes]) -> None:
    archive = pack(tmp_path / "image.tar.xz", **files)
    with pytest.raises(ImageImportError, match=r"image\.tar\.xz"):
        bootable_disk(archive, tmp_path)
