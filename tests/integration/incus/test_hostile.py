# SPDX-License-Identifier: GPL-3.0-or-later
"""What a task cannot do from a container to the machine, or to the tasks after it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from tests.integration.incus.test_containers import started

from debusine.tasks.executors.incus_instance import IncusInstance
from debusine.testing.incus_daemon import IncusDaemon
from debusine.testing.ordinary_user import OrdinaryUser
from debusine.testing.processes import processes_of
from debusine.testing.waiting import wait_for

pytestmark = [
    pytest.mark.real,
    pytest.mark.root,
    pytest.mark.timeout(600),
    pytest.mark.xdist_group("incus"),
]


def shell(instance: IncusInstance, script: str, *arguments: str) -> str:
    done = instance.run(["sh", "-c", script, "hostile", *arguments], run_as_root=True)
    return done.stdout.decode(errors="replace")


def test_nothing_leads_to_the_machine(
    ordinary_user: OrdinaryUser, incus: IncusDaemon, workplace: Path
) -> None:
    secret = workplace / "secret"
    secret.write_text("SECRET")
    pattern = Path("/proc/sys/kernel/core_pattern")
    before = (pattern.read_text(), os.uname().nodename)
    ways = f"""
        cat {secret}
        for root in /proc/[0-9]*/root /proc/[0-9]*/cwd; do cat $root{secret}; done
        umount -l /; cat {secret}; nsenter --mount=/proc/1/ns/mnt cat {secret}
        unshare --user --map-root-user --mount sh -c 'umount -l /; cat {secret}'
        mknod /disk b 254 0 && cat /disk
        echo written >/proc/sys/kernel/core_pattern && echo written
        echo b >/proc/sysrq-trigger && echo written
        kill -9 {os.getpid()}
    """
    with started(incus, workplace) as instance:
        said = shell(instance, ways)
        assert "SECRET" not in said
        assert "written" not in said
        # in its own place it may
        shell(instance, "echo hostile >/proc/sys/kernel/hostname")
    assert (pattern.read_text(), os.uname().nodename) == before


def test_nothing_is_left(ordinary_user: OrdinaryUser, incus: IncusDaemon, workplace: Path) -> None:
    canary = "canary-87657"
    everywhere = f"""
        for place in / /etc /var /root /tmp /dev/shm /run; do echo x >$place/{canary}; done
        setsid sh -c 'trap "" TERM HUP; sleep 87657.321; true' </dev/null >/dev/null 2>&1 &
    """
    with started(incus, workplace) as instance:
        shell(instance, everywhere)
        assert shell(instance, f"ls /root/{canary}") != ""
        wait_for(lambda: processes_of("sleep 87657.321"))
    wait_for(lambda: not processes_of("sleep 87657.321"))
    with started(incus, workplace) as instance:
        assert shell(instance, f"find / -xdev -name {canary} 2>/dev/null") == ""
