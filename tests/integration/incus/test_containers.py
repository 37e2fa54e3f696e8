# SPDX-License-Identifier: GPL-3.0-or-later
"""Containers of a real Incus, used as an ordinary user uses it."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from debusine.tasks.executors.base import ExecutorOptions, InstanceError
from debusine.tasks.executors.image_limits import CacheLimits
from debusine.tasks.executors.images import ImageCache
from debusine.tasks.executors.incus_instance import INSTANCES, IncusInstance
from debusine.tasks.executors.incus_lxc import IncusLxcExecutor
from debusine.testing.incus_daemon import ADDRESS, IncusDaemon
from debusine.testing.ordinary_user import OrdinaryUser

pytestmark = [
    pytest.mark.real,
    pytest.mark.root,
    pytest.mark.timeout(600),
    pytest.mark.xdist_group("incus"),
]

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def make_executor(
    incus: IncusDaemon, workplace: Path, options: ExecutorOptions | None = None
) -> IncusLxcExecutor:
    # imported once for all tests
    chosen = options or ExecutorOptions(cache_directory=workplace.parent / "images")
    executor = IncusLxcExecutor(incus.environment.client(), 1, "System", workplace, options=chosen)
    executor.download_image()
    return executor


@contextmanager
def started(incus: IncusDaemon, workplace: Path) -> Iterator[IncusInstance]:
    instance = make_executor(incus, workplace).create()
    instance.start()
    try:
        yield instance
    finally:
        if instance.is_started():
            instance.stop()


def out(process: subprocess.CompletedProcess[bytes]) -> str:
    return process.stdout.decode()


def test_runs_and_leaves_nothing(
    ordinary_user: OrdinaryUser, incus: IncusDaemon, workplace: Path
) -> None:
    with started(incus, workplace) as instance:
        assert incus.instances() == [instance.name]
        assert out(instance.run(["id", "-u"], run_as_root=True)) == "0\n"
        assert out(instance.run(["id", "-un"])) == "_debusine\n"
        assert out(instance.run(["id", "-gn"])) == "_debusine\n"
        found = out(instance.run(["env"], env={"A": "1", "PATH": "/nowhere"}))
        assert sorted(found.splitlines()) == ["A=1", f"PATH={PATH}"]
        assert out(instance.run(["pwd"], cwd=Path("/usr/share"))) == "/usr/share\n"
        assert out(instance.run(["pwd"])) == "/\n"
        data = bytes(range(256)) * 4096
        assert instance.run(["cat"], input=data).stdout == data
        failed = instance.run(["sh", "-c", "echo no >&2; exit 7"])
        assert (failed.returncode, failed.stderr) == (7, b"no\n")
        # it has booted, and is named as Incus names it
        assert out(instance.run(["cat", "/etc/hostname"])) == f"{instance.name}\n"
        failed_units = ["systemctl", "list-units", "--state=failed", "--no-legend", "--plain"]
        assert out(instance.run(failed_units, run_as_root=True)) == ""
    assert incus.instances() == []
    assert list((workplace.parent / "images" / INSTANCES).iterdir()) == []
    assert list(workplace.iterdir()) == []


def test_files_stay_over_a_restart(
    ordinary_user: OrdinaryUser, incus: IncusDaemon, workplace: Path
) -> None:
    with started(incus, workplace) as instance:
        instance.run(["touch", "/made"], run_as_root=True, check=True)
        boot = ["cat", "/proc/1/stat"]
        before = out(instance.run(boot)).split()[21]
        instance.restart()
        assert instance.run(["test", "-e", "/made"]).returncode == 0
        assert out(instance.run(boot)).split()[21] != before


def test_two_at_once_share_nothing(
    ordinary_user: OrdinaryUser, incus: IncusDaemon, workplace: Path
) -> None:
    with started(incus, workplace) as first, started(incus, workplace) as second:
        assert first.name != second.name
        first.run(["rm", "/customized"], run_as_root=True, check=True)
        assert second.run(["ls", "/customized"]).returncode == 0


def test_the_network_is_there_until_it_is_cut(
    ordinary_user: OrdinaryUser, incus: IncusDaemon, served: str, workplace: Path
) -> None:
    ask = ["bash", "-c", 'exec 3<>/dev/tcp/"$1"/"$2" && cat <&3', "ask", ADDRESS, served]
    with started(incus, workplace) as instance:
        online = "/usr/lib/systemd/systemd-networkd-wait-online"
        instance.run([online, "--timeout=30", "--ipv4"], run_as_root=True, check=True)
        assert out(instance.run(ask)) == "hello"
        instance.cut_network()
        assert not instance.has_network
        assert instance.run(ask).returncode != 0
        devices = out(instance.run(["ls", "/sys/class/net"])).split()
        assert devices == ["lo"]


@pytest.fixture
def served(incus: IncusDaemon) -> Iterator[str]:
    """A port on which somebody answers whom the network leads there."""
    with incus.serve() as port:
        yield str(port)


def test_what_a_killed_user_left_behind_goes_with_the_next_start(
    ordinary_user: OrdinaryUser, incus: IncusDaemon, workplace: Path
) -> None:
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        with started(incus, workplace) as instance:
            os.write(writer, instance.name.encode())
            time.sleep(600)
    name = os.read(reader, 100).decode()
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    assert incus.instances() == [name]
    with started(incus, workplace) as instance:
        assert incus.instances() == [instance.name]


def test_a_start_that_fails_leaves_nothing(
    ordinary_user: OrdinaryUser, incus: IncusDaemon, workplace: Path
) -> None:
    executor = make_executor(incus, workplace)
    instance = executor.create()
    instance._plan = type(instance._plan)(
        alias="nothing-of-this-name",
        is_machine=False,
        max_processes=10,
        directory=instance._plan.directory,
    )
    with pytest.raises(InstanceError, match="did not start"):
        instance.start()
    assert not instance.is_started()
    assert incus.instances() == []


def test_an_image_goes_with_its_place_in_the_cache(
    ordinary_user: OrdinaryUser, incus: IncusDaemon, workplace: Path
) -> None:
    directory = workplace / "cache"
    executor = make_executor(incus, workplace, ExecutorOptions(cache_directory=directory))
    alias = executor.image_name()
    assert alias in incus.images()
    del executor
    ImageCache(directory).evict(limits=CacheLimits(images=0))
    assert alias not in incus.images()
