# SPDX-License-Identifier: GPL-3.0-or-later
"""What a task cannot do to its worker, or to the tasks beside it and after it."""

from __future__ import annotations

import os
import socket
import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from debusine.tasks.executors.base import ExecutorOptions, InstanceError
from debusine.tasks.executors.unshare import UnshareExecutor, UnshareInstance
from debusine.testing.environment import RealEnvironment
from debusine.testing.ordinary_user import OrdinaryUser
from debusine.testing.processes import processes_of
from debusine.testing.task_client import FakeTaskClient
from debusine.testing.waiting import wait_for

pytestmark = [pytest.mark.real, pytest.mark.timeout(600)]

MIB = 1024**2
# out of a chroot, by a directory that stays open outside of it
LEAVE_CHROOT = (
    'mkdir("/jail"); chroot("/jail"); chdir("..") for 1..50; chroot(".");'
    'exec "cat", $ARGV[0];'
)  # fmt: skip
DEVICES = {
    *("fd", "stdin", "stdout", "stderr"),
    *("full", "null", "random", "tty", "urandom", "zero"),
    *("ptmx", "pts", "shm"),
}


class Lair:
    """Makes sandboxes; all tests share the unpacked environment."""

    def __init__(self, user: OrdinaryUser, environment: RealEnvironment, workplace: Path) -> None:
        self._environment = environment
        self.cache = user.workplace / "images"
        self.workplace = workplace
        self.secret = workplace / "secret"
        self.secret.write_text("SECRET")

    @contextmanager
    def sandbox(self, options: ExecutorOptions | None = None) -> Iterator[UnshareInstance]:
        chosen = replace(options or ExecutorOptions(), cache_directory=self.cache)
        executor = UnshareExecutor(
            self._environment.client(), 1, "System", self.workplace, options=chosen
        )
        executor.download_image()
        instance = executor.create()
        instance.start()
        directory = instance.session.directory
        try:
            yield instance
        finally:
            if instance.is_started():
                instance.stop()
        assert not directory.exists()


@pytest.fixture
def lair(ordinary_user: OrdinaryUser, environment: RealEnvironment, workplace: Path) -> Lair:
    return Lair(ordinary_user, environment, workplace)


def shell(instance: UnshareInstance, script: str, *arguments: str, root: bool = True) -> str:
    done = instance.run(["sh", "-c", script, "hostile", *arguments], run_as_root=root)
    return done.stdout.decode(errors="replace")


def test_no_path_leads_to_the_host(ordinary_user: OrdinaryUser, lair: Lair) -> None:
    secret = str(lair.secret)
    ways = [
        f"cat {secret}",
        f"for root in /proc/[0-9]*/root /proc/[0-9]*/cwd; do cat $root{secret}; done",
        f"cat /{'../' * 30}{secret[1:]}",
        f"perl -e '{LEAVE_CHROOT}' {secret}",
        # under the root lies nothing that would show when it is gone
        "umount -l /",
        f"umount -l /; umount -l /; nsenter --mount=/proc/1/ns/mnt cat {secret}",
        f"umount -R /proc; mount -t proc proc /proc; nsenter --mount=/proc/1/ns/mnt cat {secret}",
        f"unshare --user --map-root-user --mount sh -c 'umount -l /; cat {secret}'",
    ]
    for way in ways:
        with lair.sandbox() as instance:
            assert "SECRET" not in shell(instance, way), way
            # nor for the next command
            assert "SECRET" not in shell(instance, f"cat {secret}"), way


def test_links_lead_nowhere_outside(ordinary_user: OrdinaryUser, lair: Lair) -> None:
    with lair.sandbox() as instance:
        shell(
            instance,
            'ln -s "$1" /result; ln -s "$2" /target',
            str(lair.secret),
            str(lair.workplace),
        )
        with pytest.raises(subprocess.CalledProcessError):
            instance.file_pull(Path("/result"), lair.workplace / "pulled")
        source = lair.workplace / "source"
        source.mkdir()
        (source / "file").write_text("x")
        for push in (
            lambda: instance.directory_push(source, Path("/target")),
            lambda: instance.file_push(source / "file", Path("/target/pushed")),
        ):
            with pytest.raises(subprocess.CalledProcessError):
                push()
        assert not (lair.workplace / "pushed").exists()
        (source / "link").symlink_to(lair.secret)
        with pytest.raises(ValueError, match="neither a file nor a directory"):
            instance.directory_push(source, Path("/root"))


@pytest.mark.parametrize("name", ["dev", "etc", "proc"])
def test_an_image_leads_nowhere_outside(
    ordinary_user: OrdinaryUser, workplace: Path, name: str
) -> None:
    outside = workplace / "outside"
    outside.mkdir()
    outside.chmod(0o777)
    image = workplace / "image.tar"
    with tarfile.open(image, "w") as archive:
        for directory in ("bin", *({"dev", "etc", "proc"} - {name})):
            member = tarfile.TarInfo(directory)
            member.type, member.mode = tarfile.DIRTYPE, 0o755
            archive.addfile(member)
        member = tarfile.TarInfo(name)
        member.type, member.linkname = tarfile.SYMTYPE, str(outside)
        archive.addfile(member)
    client = FakeTaskClient()
    client.add(1, UnshareExecutor.image_category, {}, {"image.tar": image.read_bytes()})
    options = ExecutorOptions(cache_directory=workplace / "cache")
    executor = UnshareExecutor(client, 1, "System", workplace, options=options)
    executor.download_image()
    with pytest.raises(InstanceError) as caught:
        executor.create().start()
    assert f"link at /{name}" in caught.value.explain()
    assert list(outside.iterdir()) == []
    assert list(workplace.glob("unshare-*")) == []


def test_devices(ordinary_user: OrdinaryUser, lair: Lair) -> None:
    with lair.sandbox() as instance:
        assert set(shell(instance, "ls /dev").split()) == DEVICES
        made = shell(instance, "mknod /disk b 8 0; mknod /kmsg c 1 11; ls /disk /kmsg")
        assert made == ""
        # what is bound from the host cannot be changed
        shell(instance, "chmod 000 /dev/null; chown 1:1 /dev/null; rm -f /dev/zero")
        assert Path("/dev/null").stat().st_mode & 0o777 == 0o666
        assert Path("/dev/zero").exists()


def test_a_set_user_id_is_one_of_the_sandbox(ordinary_user: OrdinaryUser, lair: Lair) -> None:
    with lair.sandbox() as instance:
        script = "cp /usr/bin/id /tool; chmod 4755 /tool"
        shell(instance, script)
        assert shell(instance, "/tool -u", root=False) == "0\n"
        found = (instance.session.root / "tool").stat()
        assert found.st_uid not in {0, ordinary_user.uid}
        instance.file_pull(Path("/tool"), lair.workplace / "tool")
        assert (lair.workplace / "tool").stat().st_mode & 0o6111 == 0


def test_the_kernel_of_the_host_is_left_alone(ordinary_user: OrdinaryUser, lair: Lair) -> None:
    pattern = Path("/proc/sys/kernel/core_pattern")
    before, name = pattern.read_text(), os.uname().nodename
    with lair.sandbox() as instance:
        script = """
            cd /proc
            for file in sys/kernel/core_pattern sys/vm/drop_caches sysrq-trigger; do
                echo h >"$file" && echo written "$file"
            done
            echo hostile >/proc/sys/kernel/hostname
            kill -9 -1
        """
        assert "written" not in shell(instance, script)
        shell(instance, 'kill -9 "$1"', str(os.getpid()))
    assert (pattern.read_text(), os.uname().nodename) == (before, name)


def test_nothing_is_left_running(ordinary_user: OrdinaryUser, lair: Lair) -> None:
    with lair.sandbox() as instance:
        script = (
            "trap '' HUP TERM INT; (echo >/proc/1/fd/0);"
            " for n in 1 2 3; do setsid sh -c 'trap \"\" TERM; sleep 87654.321; true' & done"
        )
        shell(instance, f"({script}) </dev/null >/dev/null 2>&1")
        wait_for(lambda: len(processes_of("sleep 87654.321")) >= 3)
    wait_for(lambda: not processes_of("sleep 87654.321"))


def test_a_full_sandbox_is_full_alone(ordinary_user: OrdinaryUser, lair: Lair) -> None:
    small = ExecutorOptions(max_memory_bytes=64 * MIB)
    with lair.sandbox(small) as full, lair.sandbox(small) as other:
        for place in ("/big", "/dev/shm/big", "/dev/big"):
            said = full.run(
                ["dd", "if=/dev/zero", f"of={place}", "bs=1M", "count=100"], run_as_root=True
            )
            assert b"No space left" in said.stderr
        # one limit for all places together
        sizes = [int(size) for size in shell(full, "stat -c %s /big /dev/shm/big /dev/big").split()]
        assert sum(sizes) <= 64 * MIB
        assert (
            shell(other, "dd if=/dev/zero of=/big bs=1M count=32 2>/dev/null && echo fine")
            == "fine\n"
        )


def test_a_fork_bomb_hits_its_own_sandbox(ordinary_user: OrdinaryUser, lair: Lair) -> None:
    limit = 150
    with lair.sandbox(ExecutorOptions(max_processes=limit)) as bomb, lair.sandbox() as other:
        # as many users, each of whom may have as many
        explode = (
            "$0 = 'bomb-43219'; $SIG{CHLD} = 'IGNORE'; for $u (1..400) {"
            " $n++ if defined($p = fork) or last; if ($p == 0) { $> = $u; sleep 600; exit } }"
            ' $| = 1; print 0 + $n, "\\n"; sleep 600'
        )
        with bomb.popen(["perl", "-e", explode], run_as_root=True) as process:
            assert process.stdout is not None
            started = int(process.stdout.readline())
            assert limit // 2 < started < limit
            assert len(processes_of("bomb-43219")) <= limit
            assert shell(other, "id -u") == "0\n"
            bomb.stop()
    wait_for(lambda: not processes_of("bomb-43219"))


def test_network_only_where_it_is_granted(ordinary_user: OrdinaryUser, lair: Lair) -> None:
    ask = 'exec 3<>/dev/tcp/127.0.0.1/"$1" && cat <&3'
    with socket.create_server(("127.0.0.1", 0)) as server, lair.sandbox() as instance:
        port = str(server.getsockname()[1])

        def answer() -> subprocess.CompletedProcess[bytes]:
            with instance.popen(["bash", "-c", ask, "ask", port]) as process:
                if instance.has_network:
                    server.settimeout(60)
                    connection, _ = server.accept()
                    with connection:
                        connection.sendall(b"hello")
                out, err = process.communicate()
            return subprocess.CompletedProcess([], process.returncode, out, err)

        assert answer().stdout == b"hello"
        shell(instance, "setsid sleep 87655.321 </dev/null >/dev/null 2>&1 &")
        wait_for(lambda: processes_of("sleep 87655.321"))
        instance.cut_network()
        assert not instance.has_network
        # who had the network before could pass it on
        wait_for(lambda: not processes_of("sleep 87655.321"))
        refused = answer()
        assert refused.returncode != 0
        assert b"refused" in refused.stderr
        names = [
            line.split(":")[0].strip()
            for line in shell(instance, "cat /proc/net/dev").splitlines()[2:]
        ]
        assert "eth0" not in names
        assert "lo" in names


def test_a_canary_does_not_outlive_its_task(ordinary_user: OrdinaryUser, lair: Lair) -> None:
    needle = "canary-87656"
    everywhere = f"""
        for try in / /proc/1/root /proc/1/cwd; do
            find $try -path '*/proc/*' -prune -o -type d -print | while read -r place; do
                echo {needle} >"$place/{needle}" && echo yes
            done
        done
        echo {needle} >/proc/sys/kernel/hostname
        echo {needle} >/proc/1/fd/1; echo {needle} >/proc/1/fd/2
        for file in /etc/passwd /usr/bin/id /proc/1/exe; do echo {needle} >>"$file"; done
        perl -e 'shmget(4711, 4096, 01666)'
    """
    with lair.sandbox() as instance:
        assert shell(instance, everywhere).count("yes") > 100
    with lair.sandbox() as instance:
        assert shell(instance, f"find / -name {needle} 2>/dev/null") == ""
        assert shell(instance, f"grep -l {needle} /etc/passwd /usr/bin/id /etc/hostname") == ""
        assert needle not in shell(instance, "uname -n")
        assert len(shell(instance, "cat /proc/sysvipc/shm").splitlines()) == 1
    shared = [Path("/tmp"), Path("/var/tmp"), Path("/dev/shm"), lair.workplace]
    assert [path for place in shared for path in place.glob(f"*{needle}*")] == []
    assert list(lair.cache.rglob(needle)) == []
    assert needle.encode() not in Path("/usr/bin/cat").read_bytes()
