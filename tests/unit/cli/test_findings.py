# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from debusine.cli.health.findings import GIB, Level, judge, lines, worst
from debusine.cli.health.machine import Machine, Trouble

GOOD = Machine(
    is_root=False,
    user="alice",
    python=(3, 11),
    missing=frozenset(),
    namespaces=None,
    mirror=None,
    data_dir=Path("/var/lib/debusine"),
    data_free_bytes=50 * GIB,
    memory_bytes=8 * GIB,
    shared_memory_bytes=4 * GIB,
)
TROUBLE = Trouble(brief="it is broken", remedy="mend-it --now")


def test_a_good_machine_has_nothing_to_mend() -> None:
    findings = judge(GOOD)
    assert worst(findings) is Level.OK
    assert [finding.remedy for finding in findings if finding.remedy] == []


def test_limits_are_told_and_prevent_nothing() -> None:
    without = judge(replace(GOOD, unlimited="no control groups"))
    briefs = {one.brief for one in (*judge(GOOD), *without) if one.check == "limits"}
    assert briefs == {
        "a worker that runs as a systemd unit keeps each of several tasks to its memory",
        "several tasks at once are not kept to their memory: no control groups",
    }
    assert worst(without) is Level.OK


@pytest.mark.parametrize(
    ("change", "check", "level", "remedy"),
    [
        ({"python": (3, 10)}, "python", Level.ERROR, "Python 3.11"),
        (
            {"missing": frozenset({"sbuild", "newuidmap", "newgidmap"})},
            "tools",
            Level.ERROR,
            "apt-get install --no-install-recommends sbuild uidmap ",
        ),
        (
            {"missing": frozenset({"pristine-tar"})},
            "optional tools",
            Level.WARNING,
            "apt-get install --no-install-recommends pristine-tar ",
        ),
        ({"namespaces": TROUBLE}, "namespaces", Level.ERROR, "mend-it --now"),
        ({"mirror": TROUBLE}, "mirror", Level.ERROR, "mend-it --now"),
        ({"data_free_bytes": 2 * GIB}, "disk", Level.WARNING, "--data-dir"),
        ({"data_free_bytes": GIB // 2}, "disk", Level.ERROR, "--data-dir"),
        ({"memory_bytes": GIB}, "memory", Level.WARNING, "memory"),
        ({"memory_bytes": GIB // 4}, "memory", Level.ERROR, "memory"),
        ({"shared_memory_bytes": 0}, "shared memory", Level.WARNING, "mount -o remount"),
        (
            {"shared_memory_mounts": (Path("/dev/shm/a b"), Path("/dev/shm/c"))},
            "shared memory",
            Level.WARNING,
            "umount '/dev/shm/a b' /dev/shm/c ",
        ),
    ],
)
def test_each_failure_comes_with_its_remedy(
    change: dict[str, Any], check: str, level: Level, remedy: str
) -> None:
    [finding] = [found for found in judge(replace(GOOD, **change)) if found.level is not Level.OK]
    assert (finding.check, finding.level) == (check, level)
    assert remedy in finding.remedy


def test_people_see_the_remedy_below_the_failure() -> None:
    text = list(lines(judge(replace(GOOD, mirror=TROUBLE))))
    assert text[-2:] == ["error    mirror: it is broken", "         mend it: mend-it --now"]


def test_other_backends_are_no_need() -> None:
    found = judge(replace(GOOD, unusable={"qemu": "program not found: qemu-system-x86_64"}))
    [executors] = [each for each in found if each.check == "executors"]
    assert executors.level is Level.OK
    assert executors.brief == (
        "unshare, incus-lxc, incus-vm; not qemu (program not found: qemu-system-x86_64)"
    )
