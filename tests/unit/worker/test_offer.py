# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from debusine.domain.resources import ONE_SLOT, Offer
from debusine.worker.config import WorkerConfig
from debusine.worker.offer import is_in_memory, make_offer


@pytest.fixture
def config(tmp_path: Path) -> WorkerConfig:
    return WorkerConfig(
        directory=tmp_path,
        api_url="http://localhost/api",
        scratch_directory=tmp_path / "scratch",
    )


def test_one_slot_says_nothing(config: WorkerConfig, tmp_path: Path) -> None:
    assert make_offer(config, tmp_path) == ONE_SLOT
    limited = replace(config, memory_mib=2048)
    assert make_offer(limited, tmp_path) == Offer(memory_mib=2048)


def test_several_slots_share_the_machine(config: WorkerConfig, tmp_path: Path) -> None:
    offer = make_offer(replace(config, slots=300), tmp_path)
    assert offer.slots == 300
    # more slots than processors: each has one
    assert offer.cpu_count == max(300, len(os.sched_getaffinity(0)))
    assert offer.memory_mib
    assert offer.disk_mib


def test_the_administrator_decides(config: WorkerConfig, tmp_path: Path) -> None:
    said = replace(config, slots=2, memory_mib=1000, disk_mib=2000, cpus=1)
    assert make_offer(said, tmp_path) == Offer(slots=2, memory_mib=1000, disk_mib=2000, cpu_count=1)


def test_the_innermost_mount_counts(tmp_path: Path) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(
        "/dev/sda1 / ext4 rw 0 0\ntmpfs /a tmpfs rw 0 0\n/dev/sdb1 /a/disk ext4 rw 0 0\n"
        "tmpfs /b tmpfs rw 0 0\n/dev/sdc1 /b ext4 rw 0 0\n"
    )
    found = {path: is_in_memory(Path(path), mounts) for path in ("/a/x", "/a/disk/x", "/b", "/c")}
    assert found == {"/a/x": True, "/a/disk/x": False, "/b": False, "/c": False}
