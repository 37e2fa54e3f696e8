# SPDX-License-Identifier: GPL-3.0-or-later
"""autopkgtest's own server takes what we tell it, up to the first instruction of the guest."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from debusine.domain.executor import BackendType
from debusine.errors import NotPossibleError
from debusine.tasks.executors.base import ExecutorOptions, ImageImportError
from debusine.tasks.executors.images import ImageCache
from debusine.tasks.executors.kvm import qemu_program
from debusine.tasks.executors.qemu import QemuExecutor
from debusine.testing.task_client import FakeTaskClient
from debusine.testing.waiting import wait_for
from debusine.util.apt_config import read_machine

CATEGORY = "debian:system-image"
# as it is called, but emulated, and stopped before the first instruction
STOPPED = """\
#!/bin/sh
skip=
for word; do
    shift
    case $skip$word in
        -enable-kvm) ;;
        -cpu) skip=skip ;;
        skip*) skip= ;;
        *) set -- "$@" "$word" ;;
    esac
done
exec {program} "$@" -S -qmp unix:{socket},server=on,wait=off
"""


def image_data(**more: Any) -> dict[str, Any]:
    return {
        "codename": "trixie",
        "architecture": read_machine().architecture,
        "boot_mechanism": "bios",
        "pkglist": {"python3-minimal": "3.13"},
        **more,
    }


def make_executor(tmp_path: Path, name: str, content: bytes, **more: Any) -> QemuExecutor:
    client = FakeTaskClient()
    client.add(1, CATEGORY, image_data(**more), {name: content})
    options = ExecutorOptions(cache_directory=tmp_path / "cache")
    return QemuExecutor(client, 1, "System", tmp_path, options=options)


@pytest.fixture
def raw(tmp_path: Path) -> bytes:
    """An archive of a raw disk of 1 MiB."""
    (tmp_path / "disk").write_bytes(b"boot".ljust(1024**2, b"\0"))
    with tarfile.open(tmp_path / "image.tar.xz", "w:xz") as archive:
        archive.add(tmp_path / "disk", arcname="root.img")
    return (tmp_path / "image.tar.xz").read_bytes()


@contextmanager
def monitor(path: Path) -> Iterator[Any]:
    """Give a function that asks a machine something."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(path))
        with connection.makefile("rw") as stream:
            stream.readline()

            def ask(command: str) -> Any:
                print(json.dumps({"execute": command}), file=stream, flush=True)
                while "return" not in (answer := json.loads(stream.readline())):
                    assert "event" in answer, answer
                return answer["return"]

            ask("qmp_capabilities")
            yield ask


def test_the_server_starts_a_machine_on_the_disk(
    tmp_path: Path, raw: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    executor = make_executor(tmp_path, "image.tar.xz", raw)
    image = executor.download_image()
    programs, monitored = tmp_path / "bin", tmp_path / "qmp"
    programs.mkdir()
    program = programs / qemu_program()
    program.write_text(STOPPED.format(program=shutil.which(qemu_program()), socket=monitored))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    command = [
        f"autopkgtest-virt-{executor.autopkgtest_virt_server()}",
        *executor.autopkgtest_virt_args(),
    ]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        assert server.stdout.readline() == "ok\n"
        print("open", file=server.stdin, flush=True)
        wait_for(monitored.exists)
        with monitor(monitored) as ask:
            assert ask("query-status")["status"] == "prelaunch"
            disks = [each["inserted"]["image"] for each in ask("query-block") if "inserted" in each]
            assert image in [disk.get("full-backing-filename") for disk in disks]
            ask("quit")
            # it would wait for a guest that boots
            server.terminate()
    # what it wrote went elsewhere
    assert Path(image).read_bytes()[:4] == b"QFI\xfb"


def test_a_disk_is_converted_once(tmp_path: Path, raw: bytes) -> None:
    first = make_executor(tmp_path, "image.tar.xz", raw)
    made = Path(first.download_image())
    before = made.stat()
    second = make_executor(tmp_path, "image.tar.xz", raw)
    assert second.download_image() == str(made)
    assert made.stat().st_mtime_ns == before.st_mtime_ns
    assert [path.name for path in made.parent.iterdir()] == [made.name]
    [known] = ImageCache(tmp_path / "cache").images()
    assert known.size_bytes == len(raw) + before.st_size
    assert made.is_relative_to(known.directory / "backends" / BackendType.QEMU)


def test_a_guest_needs_python(tmp_path: Path, raw: bytes) -> None:
    executor = make_executor(tmp_path, "image.tar.xz", raw, pkglist={"dpkg": "1.22"})
    with pytest.raises(ImageImportError, match="has no python3-minimal"):
        executor.download_image()


def test_there_are_no_instances(tmp_path: Path, raw: bytes) -> None:
    executor = make_executor(tmp_path, "image.tar.xz", raw)
    executor.download_image()
    with pytest.raises(NotPossibleError, match="start a virtual machine by themselves"):
        executor.create()
