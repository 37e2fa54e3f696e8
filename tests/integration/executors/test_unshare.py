# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import os
import signal
import subprocess
import time
from dataclasses import replace
from pathlib import Path

import pytest

from debusine.tasks.executors.base import (
    ExecutorOptions,
    InstanceError,
    InstanceStateError,
    TreeStrategy,
)
from debusine.tasks.executors.unshare import UnshareExecutor, UnshareInstance
from debusine.testing.environment import RealEnvironment
from debusine.testing.ordinary_user import OrdinaryUser
from debusine.testing.processes import processes_of
from debusine.testing.waiting import PATIENCE_S, wait_for

pytestmark = [pytest.mark.real, pytest.mark.timeout(600)]

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
LAYOUTS = [
    ExecutorOptions(strategy=TreeStrategy.UNPACK, memory=True),
    ExecutorOptions(strategy=TreeStrategy.UNPACK, memory=False),
    ExecutorOptions(strategy=TreeStrategy.OVERLAY, memory=True),
    ExecutorOptions(strategy=TreeStrategy.OVERLAY, memory=False),
]


def make_instance(
    environment: RealEnvironment,
    workplace: Path,
    options: ExecutorOptions = LAYOUTS[2],
    *,
    cache: Path | None = None,
) -> UnshareInstance:
    client = environment.client()
    # unpacked once for all tests
    options = replace(options, cache_directory=cache or workplace.parent / "images")
    executor = UnshareExecutor(client, 1, "System", workplace, options=options)
    executor.download_image()
    return executor.create()


def out(process: subprocess.CompletedProcess[bytes]) -> str:
    return process.stdout.decode()


def leftovers(workplace: Path) -> list[str]:
    return sorted(path.name for path in workplace.iterdir() if path.name != "cache")


def wait_until_gone(needle: str) -> None:
    wait_for(lambda: not processes_of(needle), instead=lambda: processes_of(needle))


@pytest.mark.parametrize("options", LAYOUTS, ids=lambda o: f"{o.strategy}-{o.memory}")
def test_runs_and_leaves_nothing(
    ordinary_user: OrdinaryUser,
    environment: RealEnvironment,
    workplace: Path,
    options: ExecutorOptions,
) -> None:
    instance = make_instance(environment, workplace, options)
    instance.start()
    try:
        assert out(instance.run(["id", "-u"], run_as_root=True)) == "0\n"
        assert out(instance.run(["id", "-un"])) == "_debusine\n"
        assert out(instance.run(["ls", "/customized"])) == "/customized\n"
        assert instance.run(["touch", "/made"], run_as_root=True).returncode == 0
        assert (
            out(instance.run(["cat", "/etc/resolv.conf"])) == Path("/etc/resolv.conf").read_text()
        )
    finally:
        instance.stop()
    assert leftovers(workplace) == []
    assert not instance.is_started()


def test_instances_share_nothing(
    ordinary_user: OrdinaryUser, environment: RealEnvironment, workplace: Path
) -> None:
    first = make_instance(environment, workplace, LAYOUTS[2])
    second = make_instance(environment, workplace, LAYOUTS[2])
    first.start()
    second.start()
    first.run(["rm", "/customized"], run_as_root=True, check=True)
    assert second.run(["ls", "/customized"]).returncode == 0
    first.stop()
    second.stop()
    first.start()
    assert first.run(["ls", "/customized"]).returncode == 0
    first.stop()


def test_environment_of_commands(
    ordinary_user: OrdinaryUser, environment: RealEnvironment, workplace: Path
) -> None:
    instance = make_instance(environment, workplace)
    instance.start()
    found = out(instance.run(["env"], env={"A": "1", "PATH": "/nowhere"}))
    assert sorted(found.splitlines()) == ["A=1", f"PATH={PATH}"]
    assert out(instance.run(["pwd"], cwd=Path("/usr/share"))) == "/usr/share\n"
    assert out(instance.run(["pwd"])) == "/\n"
    assert out(instance.run(["cat"], input=b"given")) == "given"
    instance.stop()


def test_the_host_is_out_of_sight(
    ordinary_user: OrdinaryUser, environment: RealEnvironment, workplace: Path
) -> None:
    instance = make_instance(environment, workplace)
    (workplace / "secret").write_text("x")
    instance.start()
    for path in (workplace / "secret", Path("/proc/1/root", *workplace.parts[1:], "secret")):
        assert instance.run(["ls", str(path)], run_as_root=True).returncode != 0
    assert out(instance.run(["ls", "/dev/shm"])) == ""
    kill = f"kill -9 {os.getpid()}"
    instance.run(["sh", "-c", kill], run_as_root=True)
    instance.stop()


def test_the_first_process_is_inside_once_it_is_started(
    ordinary_user: OrdinaryUser, environment: RealEnvironment, workplace: Path
) -> None:
    instance = make_instance(environment, workplace)
    for _ in range(5):
        instance.start()
        assert (instance.session.root / "customized").exists()
        instance.stop()


def test_user_namespaces_work_inside(
    ordinary_user: OrdinaryUser, environment: RealEnvironment, workplace: Path
) -> None:
    instance = make_instance(environment, workplace)
    instance.start()
    nested = instance.run(["unshare", "--user", "--map-root-user", "id", "-u"])
    assert nested.stdout == b"0\n"
    instance.stop()


def test_stop_ends_processes_that_left_their_group(
    ordinary_user: OrdinaryUser, environment: RealEnvironment, workplace: Path
) -> None:
    instance = make_instance(environment, workplace)
    instance.start()
    instance.run(["sh", "-c", "setsid sleep 98765.4321 </dev/null >/dev/null 2>&1 &"], check=True)
    assert processes_of("sleep 98765.4321")
    instance.stop()
    wait_until_gone("sleep 98765.4321")


def test_the_group_of_a_command_can_be_killed(
    ordinary_user: OrdinaryUser, environment: RealEnvironment, workplace: Path
) -> None:
    instance = make_instance(environment, workplace)
    instance.start()
    with instance.popen(["sh", "-c", "sleep 98766.4321; true"]) as process:
        wait_for(lambda: processes_of("sleep 98766.4321"))
        os.killpg(process.pid, signal.SIGKILL)
        assert process.wait(PATIENCE_S) == -signal.SIGKILL
    wait_until_gone("sleep 98766.4321")
    assert instance.is_started()
    instance.stop()


@pytest.mark.parametrize("options", LAYOUTS, ids=lambda o: f"{o.strategy}-{o.memory}")
def test_nothing_runs_after_the_controlling_process_was_killed(
    ordinary_user: OrdinaryUser,
    environment: RealEnvironment,
    workplace: Path,
    options: ExecutorOptions,
) -> None:
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        instance = make_instance(environment, workplace, options)
        instance.start()
        with instance.popen(["sleep", "98767.4321"]):
            os.write(writer, str(instance.session.pid).encode())
            time.sleep(600)
    pid = int(os.read(reader, 100))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    wait_until_gone("sleep 98767.4321")
    wait_for(lambda: not Path(f"/proc/{pid}").exists())
    assert str(workplace) not in Path("/proc/self/mountinfo").read_text()
    if options.memory:
        files = list(workplace.rglob("unshare-*/scratch/*"))
        assert files == []


def test_an_instance_whose_processes_died_is_not_started(
    ordinary_user: OrdinaryUser, environment: RealEnvironment, workplace: Path
) -> None:
    instance = make_instance(environment, workplace)
    instance.start()
    os.kill(instance.session.pid, signal.SIGKILL)
    wait_for(lambda: not instance.is_started())
    with pytest.raises(InstanceStateError):
        instance.run(["true"])
    instance.start()
    assert instance.run(["true"]).returncode == 0
    instance.stop()
    assert leftovers(workplace) == []


def test_damaged_image_leaves_nothing(
    ordinary_user: OrdinaryUser, environment: RealEnvironment, workplace: Path
) -> None:
    instance = make_instance(environment, workplace, cache=workplace / "cache")
    image = instance._entry.path
    image.write_bytes(image.read_bytes()[:100_000])
    with pytest.raises(Exception, match="cannot"):
        instance.start()
    assert leftovers(workplace) == []
    assert not instance.is_started()


def test_an_archive_without_a_system_is_an_error(
    ordinary_user: OrdinaryUser, environment: RealEnvironment, workplace: Path
) -> None:
    instance = make_instance(environment, workplace, LAYOUTS[0], cache=workplace / "cache")
    empty = workplace / "cache" / "empty.tar"
    (workplace / "cache" / "file").write_text("x")
    tar = ["tar", "-C", str(workplace / "cache"), "-cf", str(empty), "file"]
    subprocess.Popen(tar).wait()
    instance._entry.path = empty
    with pytest.raises(InstanceError, match="did not come up"):
        instance.start()
    assert leftovers(workplace) == []


def test_falls_back_to_unpacking_where_subids_cannot_reach(
    ordinary_user: OrdinaryUser, environment: RealEnvironment, workplace: Path
) -> None:
    instance = make_instance(environment, workplace, LAYOUTS[2], cache=workplace / "cache")
    (workplace / "cache").chmod(0o700)
    instance.start()
    assert instance.run(["true"]).returncode == 0
    assert not (instance._entry.directory / "backends").exists()
    instance.stop()


def test_statistics(
    ordinary_user: OrdinaryUser, environment: RealEnvironment, workplace: Path
) -> None:
    instance = make_instance(environment, workplace)
    instance.start()
    before = UnshareExecutor.get_statistics(instance)
    write = ["dd", "if=/dev/zero", "of=/big", "bs=1M", "count=20"]
    instance.run(write, run_as_root=True, check=True)
    after = UnshareExecutor.get_statistics(instance)
    instance.stop()
    assert before.disk_space is not None
    assert after.disk_space is not None
    assert after.disk_space - before.disk_space >= 20 * 1024**2
    assert UnshareExecutor.get_statistics(None).disk_space is None
