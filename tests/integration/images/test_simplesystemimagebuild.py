# SPDX-License-Identifier: GPL-3.0-or-later
"""
What is made of an image, and what its own programs do.

debefivm-create comes with Debian 13 and needs a mirror; here, a script takes its place.
"""

from __future__ import annotations

import os
import subprocess
import tarfile
from pathlib import Path

import pytest

from debusine.domain.result import WorkRequestResults
from debusine.tasks.image_overlay import AGENT_SETUP, KERNEL_ADD, KERNEL_REMOVE
from debusine.tasks.kinds.simplesystemimagebuild import SimpleSystemImageBuild
from debusine.util.apt_access import AptAccess

SIZE = 8 * 1024**2
CREATE = f"""
printf start > system.img
truncate --size={SIZE} system.img
echo ID=debian > os-release
touch var_lib_dpkg/status
"""
DATA = {
    "bootstrap_options": {"architecture": "amd64"},
    "bootstrap_repositories": [
        {"mirror": "http://deb.example.org/debian", "suite": "trixie", "components": ["main"]}
    ],
    "disk_image": {"format": "raw", "partitions": [{"size": 1, "filesystem": "ext4"}]},
}


def write_program(directory: Path, name: str, body: str) -> None:
    path = directory / name
    path.write_text(f"#!/bin/sh -e\n{body}\n")
    path.chmod(0o755)


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory for programs that come before the machine's own."""
    found = tmp_path / "bin"
    found.mkdir()
    monkeypatch.setenv("PATH", f"{found}:{os.environ['PATH']}")
    return found


def make_task(tmp_path: Path) -> tuple[SimpleSystemImageBuild, Path]:
    """A task that is ready to run, and where it runs."""
    task = SimpleSystemImageBuild(DATA, {})
    task.apt_access_directory = tmp_path / "lent"
    AptAccess().write(task.apt_access_directory)
    task.set_working_directory(tmp_path / "work")
    directories = [tmp_path / name for name in ("download", "exec")]
    for directory in directories:
        directory.mkdir()
    assert task.configure_for_execution(directories[0])
    task.prepare_to_run(*directories)
    return task, directories[1]


def test_a_raw_image_is_one_member_without_directories(programs: Path, tmp_path: Path) -> None:
    write_program(programs, "debefivm-create", CREATE)
    task, output = make_task(tmp_path)
    assert task.run(output) is WorkRequestResults.SUCCESS
    assert task.check_directory_for_consistency_errors(output) == []
    with tarfile.open(output / "image.tar.xz") as archive:
        [member] = archive.getmembers()
        assert (member.name, member.size) == ("root.img", SIZE)
        content = archive.extractfile(member)
        assert content is not None
        assert content.read(5) == b"start"
    assert sorted(path.name for path in output.iterdir()) == [
        "image.tar.xz",
        "os-release",
        "var_lib_dpkg",
    ]


def test_a_mirror_that_does_not_answer_is_not_the_fault_of_the_data(
    programs: Path, tmp_path: Path
) -> None:
    line = "E: Failed to fetch http://deb.example.org/x  Could not connect"
    write_program(programs, "debefivm-create", f"echo '{line}'; exit 1")
    task, output = make_task(tmp_path)
    assert task.run(output) is WorkRequestResults.FAILURE
    assert [error.code for error in task.reported_errors] == ["network-failed"]


@pytest.mark.parametrize(
    ("version", "status", "expected"),
    [
        (252, "exit 0", "add 6.12 /boot/vmlinuz\nremove 6.12\n"),
        (252, "exit 1", ""),
        (241, "echo 'Product: systemd-boot 241'", "add 6.12 /boot/vmlinuz\nremove 6.12\n"),
        (241, "echo 'Product: GRUB'", ""),
    ],
)
def test_kernels_come_and_go_with_systemd_boot_alone(
    programs: Path, tmp_path: Path, version: int, status: str, expected: str
) -> None:
    called = tmp_path / "called"
    called.touch()
    bootctl = f"""
case $1 in
    --version) echo 'systemd {version} ({version}.1-1)' ;;
    is-installed) test {version} -ge 243; {status} ;;
    status) test {version} -lt 243; {status} ;;
esac
"""
    write_program(programs, "bootctl", bootctl)
    write_program(programs, "kernel-install", f'echo "$@" >> {called}')
    for name, text in (("add", KERNEL_ADD), ("remove", KERNEL_REMOVE)):
        (tmp_path / name).write_text(text)
        argv = ["sh", str(tmp_path / name), "6.12", "/boot/vmlinuz"]
        subprocess.run(argv, check=True)  # noqa: TID251  a script of the image's
    assert called.read_text() == expected


@pytest.mark.parametrize("script", [AGENT_SETUP, KERNEL_ADD, KERNEL_REMOVE])
def test_scripts_can_be_read_by_any_shell(script: str) -> None:
    subprocess.run(["sh", "-n"], input=script.encode(), check=True)  # noqa: TID251  the same
