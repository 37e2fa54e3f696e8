# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from pathlib import Path

import pytest

from debusine.tasks.executors.incus_image import GENERATOR
from debusine.util.command import Command, run


@pytest.fixture
def generate(tmp_path: Path) -> Path:
    script = tmp_path / "generator"
    script.write_text(GENERATOR)
    for name in ("normal", "early", "late"):
        (tmp_path / name).mkdir()
    return script


def units(script: Path, virtualization: str) -> list[str]:
    directories = [str(script.parent / name) for name in ("normal", "early", "late")]
    env = {"PATH": "/usr/bin:/bin:/usr/sbin", "SYSTEMD_VIRTUALIZATION": virtualization}
    run(Command(["sh", str(script), *directories], env=env))
    return sorted(path.name for path in (script.parent / "early").iterdir())


@pytest.mark.parametrize("virtualization", ["vm:kvm", "container:systemd-nspawn"])
def test_the_generator_changes_nothing_elsewhere(generate: Path, virtualization: str) -> None:
    assert units(generate, virtualization) == []


def test_the_generator_leaves_out_what_belongs_to_the_machine(generate: Path) -> None:
    masked = units(generate, "container:lxc")
    assert "systemd-modules-load.service" in masked
    link = generate.parent / "early" / "systemd-modules-load.service"
    assert str(link.readlink()) == "/dev/null"
