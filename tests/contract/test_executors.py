# SPDX-License-Identifier: GPL-3.0-or-later
"""What every executor does, the fake one included."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

import pytest

from debusine.domain.executor import BackendType
from debusine.errors import NotFoundError
from debusine.tasks.executors.base import (
    Executor,
    ExecutorOptions,
    ImageImportError,
    ImageNotDownloadedError,
    Instance,
    InstanceStateError,
)
from debusine.tasks.executors.registry import (
    executor_class,
    executor_metadata,
    executor_tags,
    executors,
    unusable_executors,
)
from debusine.testing.environment import RealEnvironment
from debusine.testing.executor import FakeExecutor
from debusine.testing.incus_daemon import IncusDaemon
from debusine.testing.ordinary_user import OrdinaryUser
from debusine.testing.task_client import FakeTaskClient
from debusine.util.command import Command, run

# all that use an Incus share one
pytestmark = pytest.mark.xdist_group("incus")

SYSTEM_TARBALL = "debian:system-tarball"
SYSTEM_IMAGE = "debian:system-image"
DATA = {"codename": "trixie", "architecture": "amd64"}
DISK_DATA = {**DATA, "boot_mechanism": "bios", "pkglist": {"python3-minimal": "3.13"}}
REAL = [pytest.mark.real, pytest.mark.timeout(600)]
WITH_INCUS = [*REAL, pytest.mark.root]
MARKS = {
    BackendType.UNSHARE: REAL,
    BackendType.INCUS_LXC: WITH_INCUS,
    BackendType.INCUS_VM: WITH_INCUS,
    BackendType.QEMU: REAL,
}

Check = Callable[[Executor], None]
Kit = Callable[[Check], None]


def fake_client() -> FakeTaskClient:
    client = FakeTaskClient()
    client.add(1, SYSTEM_TARBALL, DATA, {"system.tar.zst": b""})
    return client


def run_check(kind: type[Executor], client: FakeTaskClient, directory: Path, check: Check) -> None:
    # unpacked once for all tests
    options = ExecutorOptions(cache_directory=directory.parent / "images")
    check(kind(client, 1, "System", directory, options=options))


def real_kinds() -> Mapping[BackendType, type[Executor]]:
    return executors()


def params(*, without: Collection[BackendType] = ()) -> list[Any]:
    """All kinds; every one that is real has to say what its tests need."""
    kinds = [name for name in real_kinds() if name not in without]
    return ["fake", *(pytest.param(name.value, marks=MARKS[name]) for name in kinds)]


def disk_client() -> FakeTaskClient:
    """A server with the disk of a machine, which has nothing to boot."""
    client = FakeTaskClient()
    with tempfile.TemporaryDirectory() as name:
        disk = Path(name, "disk.qcow2")
        run(Command(["qemu-img", "create", "-q", "-f", "qcow2", str(disk), "64M"]))
        client.add(1, SYSTEM_IMAGE, DISK_DATA, {disk.name: disk.read_bytes()})
    return client


def make_kit(request: pytest.FixtureRequest, tmp_path: Path) -> Kit:
    if request.param == "fake":
        return lambda check: run_check(FakeExecutor, fake_client(), tmp_path, check)
    user: OrdinaryUser = request.getfixturevalue("ordinary_user")
    workplace: Path = request.getfixturevalue("workplace")
    backend = BackendType(request.param)
    kind = executor_class(backend)
    if backend in {BackendType.INCUS_LXC, BackendType.INCUS_VM}:
        daemon: IncusDaemon = request.getfixturevalue("incus")
    if kind.image_category == SYSTEM_IMAGE:
        client = disk_client()
    elif backend is BackendType.INCUS_LXC:
        client = daemon.environment.client()
    else:
        environment: RealEnvironment = request.getfixturevalue("environment")
        client = environment.client()
    return lambda check: user.call(lambda: run_check(kind, client, workplace, check))


@pytest.fixture(params=params())
def kit(request: pytest.FixtureRequest, tmp_path: Path) -> Kit:
    """Runs a check with an executor of every kind, on its image."""
    return make_kit(request, tmp_path)


# qemu has no instances, and machines of Incus need a processor that machines for tests seldom have
@pytest.fixture(params=params(without={BackendType.INCUS_VM, BackendType.QEMU}))
def sandboxes(request: pytest.FixtureRequest, tmp_path: Path) -> Kit:
    """Runs a check with an executor of every kind whose instances run here."""
    return make_kit(request, tmp_path)


def with_instance(sandboxes: Kit, check: Callable[[Instance, Path], None]) -> None:
    """Run a check on a started instance; the path is a directory outside."""

    def body(executor: Executor) -> None:
        executor.download_image()
        instance = executor.create()
        instance.start()
        try:
            check(instance, executor.working_directory)
        finally:
            if instance.is_started():
                instance.stop()

    sandboxes(body)


def test_image_name_needs_the_image(kit: Kit) -> None:
    def check(executor: Executor) -> None:
        with pytest.raises(ImageNotDownloadedError):
            executor.image_name()
        with pytest.raises(ImageNotDownloadedError):
            executor.create()
        assert executor.download_image() == executor.image_name() != ""
        # nothing is fetched or made a second time
        assert executor.download_image() == executor.image_name()

    kit(check)


def test_metadata_of_the_image(kit: Kit) -> None:
    def check(executor: Executor) -> None:
        assert executor.system_image.id == 1
        assert executor.system_image.category == executor.image_category

    kit(check)


def test_what_runs_here_is_offered(sandboxes: Kit) -> None:
    def check(executor: Executor) -> None:
        executor.check_available()
        assert executor.available()

    sandboxes(check)


def test_autopkgtest(kit: Kit) -> None:
    def check(executor: Executor) -> None:
        with pytest.raises(ImageNotDownloadedError):
            executor.autopkgtest_virt_args()
        name = executor.download_image()
        assert executor.autopkgtest_virt_server()
        assert name in executor.autopkgtest_virt_args()

    kit(check)


def test_states(sandboxes: Kit) -> None:
    def check(executor: Executor) -> None:
        executor.download_image()
        instance = executor.create()
        assert not instance.is_started()
        for wrong in (instance.stop, instance.restart, lambda: instance.run(["true"])):
            with pytest.raises(InstanceStateError):
                wrong()
        instance.start()
        assert instance.is_started()
        with pytest.raises(InstanceStateError):
            instance.start()
        instance.restart()
        instance.stop()
        assert not instance.is_started()
        with pytest.raises(InstanceStateError):
            instance.stop()

    sandboxes(check)


def test_instances_are_pristine(sandboxes: Kit) -> None:
    def check(executor: Executor) -> None:
        executor.download_image()
        source = executor.working_directory / "file"
        source.write_text("x")
        target = executor.working_directory / "back"
        first, second = executor.create(), executor.create()
        assert first is not second
        for instance in (first, second):
            instance.start()
        first.mkdir(Path("/new"))
        first.file_push(source, Path("/new/file"))
        second.mkdir(Path("/new"))
        first.stop()
        first.start()
        first.mkdir(Path("/new"))
        with pytest.raises(Exception):  # noqa: B017, PT011  what it is depends on the tool
            first.file_pull(Path("/new/file"), target)
        for instance in (first, second):
            instance.stop()

    sandboxes(check)


def test_files_go_in_and_out(sandboxes: Kit) -> None:
    content = bytes(range(256)) * 1000

    def check(instance: Instance, outside: Path) -> None:
        (outside / "in").write_bytes(content)
        instance.file_push(outside / "in", Path("/pushed"), mode=0o640)
        instance.file_pull(Path("/pushed"), outside / "out")
        assert (outside / "out").read_bytes() == content

    with_instance(sandboxes, check)


@pytest.mark.parametrize("path", [Path("relative"), Path("a/b")])
def test_inner_paths_are_absolute(sandboxes: Kit, path: Path) -> None:
    def check(instance: Instance, outside: Path) -> None:
        (outside / "in").write_bytes(b"")
        calls: list[Callable[[], Any]] = [
            lambda: instance.file_push(outside / "in", path),
            lambda: instance.file_pull(path, outside / "out"),
            lambda: instance.directory_push(outside, path),
            lambda: instance.mkdir(path),
            lambda: instance.run(["true"], cwd=path),
        ]
        for call in calls:
            with pytest.raises(ValueError):  # noqa: PT011  the type is the contract
                call()

    with_instance(sandboxes, check)


def test_directories_go_in_whole(sandboxes: Kit) -> None:
    def check(instance: Instance, outside: Path) -> None:
        source = outside / "tree"
        (source / "deep" / "empty").mkdir(parents=True)
        (source / "deep" / "file").write_text("content")
        instance.mkdir(Path("/target"))
        instance.directory_push(source, Path("/target"))
        instance.file_pull(Path("/target/tree/deep/file"), outside / "out")
        assert (outside / "out").read_text() == "content"
        with pytest.raises(FileExistsError):
            instance.mkdir(Path("/target/tree/deep/empty"))

    with_instance(sandboxes, check)


def test_mkdir(sandboxes: Kit) -> None:
    def check(instance: Instance, outside: Path) -> None:
        del outside
        instance.mkdir(Path("/one"), mode=0o700)
        with pytest.raises(FileExistsError):
            instance.mkdir(Path("/one"))
        with pytest.raises(FileExistsError):
            instance.mkdir(Path("/one"), parents=True)
        with pytest.raises(Exception):  # noqa: B017, PT011  what it is depends on the tool
            instance.mkdir(Path("/one/two/three"))
        instance.mkdir(Path("/one/two/three"), parents=True)

    with_instance(sandboxes, check)


def test_users(sandboxes: Kit) -> None:
    def check(instance: Instance, outside: Path) -> None:
        del outside
        uid = instance.create_user()
        assert uid > 0
        assert instance.create_user() == uid
        assert instance.user_id(instance.non_root_user) == uid
        assert instance.group_id(instance.non_root_user) > 0
        assert instance.user_id("root") == instance.group_id("root") == 0
        with pytest.raises(KeyError):
            instance.user_id("nobody-of-this-name")
        assert instance.create_user("other") not in {0, uid}

    with_instance(sandboxes, check)


def test_commands_lead_a_process_group(sandboxes: Kit) -> None:
    def check(instance: Instance, outside: Path) -> None:
        del outside
        with instance.popen(["true"]) as process:
            process.communicate()
        assert process.returncode == 0
        assert instance.run(["true"], run_as_root=True).returncode == 0

    with_instance(sandboxes, check)


def test_the_network_can_be_cut(sandboxes: Kit) -> None:
    def check(instance: Instance, outside: Path) -> None:
        del outside
        assert instance.has_network
        instance.cut_network()
        # a backend that cannot do that says so; what is started now works in any case
        assert isinstance(instance.has_network, bool)
        assert instance.run(["true"], run_as_root=True).returncode == 0
        cut = instance.has_network
        instance.cut_network()
        assert instance.has_network == cut
        instance.stop()
        with pytest.raises(InstanceStateError):
            instance.cut_network()
        instance.start()
        assert instance.has_network

    with_instance(sandboxes, check)


def test_statistics(sandboxes: Kit) -> None:
    def check(executor: Executor) -> None:
        executor.download_image()
        instance = executor.create()
        idle = type(executor).get_statistics(None)
        assert idle.disk_space is None
        assert (idle.cpu_count or 0) > 0
        instance.start()
        assert (type(executor).get_statistics(instance).disk_space or 0) > 0
        instance.stop()

    sandboxes(check)


@pytest.mark.parametrize("kind", [FakeExecutor, *real_kinds().values()])
def test_other_categories_are_refused(kind: type[Executor], tmp_path: Path) -> None:
    client = FakeTaskClient()
    client.add(1, "debian:upload", {}, {"system.tar.zst": b""})
    with pytest.raises(ImageImportError, match="debian:upload"):
        kind(client, 1, "System", tmp_path)


def test_registry() -> None:
    assert executors()[BackendType.UNSHARE].__name__ == "UnshareExecutor"
    assert BackendType.AUTO not in executors()
    with pytest.raises(NotFoundError):
        executor_class(BackendType.AUTO)
    assert executor_tags({BackendType.QEMU}) == {
        f"worker:executor:{name}" for name in executors() if name != "qemu"
    }
    assert executor_metadata({BackendType.QEMU}) == {
        f"executor:{name}:available": name != "qemu" for name in executors()
    }


def test_who_is_not_offered_says_why() -> None:
    unusable = unusable_executors()
    assert set(unusable) == {name for name, kind in executors().items() if not kind.available()}
    assert all(error.brief for error in unusable.values())
