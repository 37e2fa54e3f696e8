# SPDX-License-Identifier: GPL-3.0-or-later
"""What a machine runs by itself is told from what qemu-user runs for it."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from debusine.tasks.kinds.mmdebstrap import MmDebstrap
from debusine.tasks.kinds.noop import Noop
from debusine.worker.architectures import Architectures, find_architectures, is_emulated
from debusine.worker.child import says_emulated
from debusine.worker.metadata import collect_metadata


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without programs."""
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


def write_program(directory: Path, name: str, body: str) -> None:
    path = directory / name
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)


def write_machine(directory: Path, direct: str, emulated: str) -> None:
    """Programs that say of this machine what they say of one with qemu-user."""
    write_program(directory, "dpkg", "echo amd64")
    native, both = shlex.quote(direct), shlex.quote(f"{direct} {emulated}")
    write_program(directory, "arch-test", f'[ "$1" = -n ] && echo {native} || echo {both}')


def test_emulated_architectures_are_offered_and_marked(programs: Path) -> None:
    write_machine(programs, "i386 amd64", "riscv64 arm64")
    assert find_architectures() == Architectures(
        native="amd64", direct=("amd64", "i386"), emulated=("arm64", "riscv64")
    )
    metadata = collect_metadata()
    assert metadata["system:architectures"] == ["amd64", "arm64", "i386", "riscv64"]
    assert metadata["system:emulated_architectures"] == ["arm64", "riscv64"]
    tags = metadata["provided_tags"]
    assert [tag for tag in tags if tag.startswith(("worker:build-arch:", "worker:emulated"))] == [
        "worker:build-arch:amd64",
        "worker:build-arch:arm64",
        "worker:build-arch:i386",
        "worker:build-arch:riscv64",
        "worker:emulated-arch:arm64",
        "worker:emulated-arch:riscv64",
    ]
    assert [name for name in ("amd64", "i386", "arm64", "s390x") if is_emulated(name)] == ["arm64"]


@dataclass
class Sender:
    """Keeps what a task's log is told."""

    said: list[tuple[bytes, str]] = field(default_factory=list)

    def send(self, data: bytes, stream: str) -> None:
        self.said.append((data, stream))

    def send_end(self, exit_code: int) -> None:
        """Nothing ends here."""


@pytest.mark.parametrize(("architecture", "expected"), [("arm64", True), ("i386", False)])
def test_the_log_of_an_emulated_task_says_so(
    programs: Path, architecture: str, *, expected: bool
) -> None:
    write_machine(programs, "amd64 i386", "arm64")
    data = {
        "bootstrap_options": {"architecture": architecture},
        "bootstrap_repositories": [{"mirror": "http://deb.example.org/", "suite": "sid"}],
    }
    task = MmDebstrap(data, {"task_input_fields": {"build_architecture": architecture}})
    sender = Sender()
    assert says_emulated(task, sender) is expected
    line = (b"emulated: programs of arm64 run through qemu-user\n", "internal")
    assert sender.said == ([line] if expected else [])


def test_a_task_without_architecture_is_not_emulated() -> None:
    assert not says_emulated(Noop({}, {}), Sender())


def test_without_qemu_user_nothing_is_emulated(programs: Path) -> None:
    write_machine(programs, "amd64 i386", "")
    assert not find_architectures().emulated
    assert "system:emulated_architectures" not in collect_metadata()


def test_a_machine_that_cannot_be_asked_runs_its_own(programs: Path) -> None:
    write_program(programs, "dpkg", "echo arm64")
    write_program(programs, "arch-test", "exit 1")
    assert find_architectures() == Architectures(native="arm64", direct=("arm64",))
    (programs / "dpkg").unlink()
    (programs / "arch-test").unlink()
    assert find_architectures() == Architectures(native=None, direct=())
