# SPDX-License-Identifier: GPL-3.0-or-later
"""The guest that tries a processor, without the processor that it tries."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from debusine.errors import NotPossibleError
from debusine.tasks.executors.kvm import check_kvm, qemu_program, run_guest
from debusine.util.command import CommandError


def test_the_guest_does_what_it_is_to_do() -> None:
    run_guest("tcg")


@pytest.mark.parametrize(
    "body", ["exit 0", "exit 1", "echo 'failed to set MSR' >&2; kill -ABRT $$"]
)
def test_a_guest_that_does_not_get_there_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str
) -> None:
    program = tmp_path / qemu_program()
    program.write_text(f"#!/bin/sh\n{body}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with pytest.raises(CommandError):
        run_guest("kvm")


def test_a_machine_without_the_program_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NotPossibleError, match="program not found: qemu-system"):
        check_kvm()
