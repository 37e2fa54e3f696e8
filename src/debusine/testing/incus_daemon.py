# SPDX-License-Identifier: GPL-3.0-or-later
"""
An Incus of a test's own: Debian 13 has it, and it runs in a root file system of that.

Its mounts, processes, network and control groups are its own. The network leads nowhere
but to :meth:`IncusDaemon.serve`. Its client runs here, with the libraries it was made for.
Only root can start it.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import psutil
import pytest

from debusine.tasks.executors.unshare_session import unpack
from debusine.testing.environment import RealEnvironment, environment_of, machine_source
from debusine.testing.ordinary_user import OrdinaryUser
from debusine.testing.waiting import wait_for
from debusine.util.command import Command, Completed, run

SUITE = "trixie"
PACKAGES = (
    "dbus",
    "dnsmasq-base",
    "incus-base",
    "incus-client",
    "iproute2",
    "iptables",
    "systemd-resolved",
    "systemd-sysv",
    "zstd",
)
ADDRESS = "10.77.0.1"
_START_S = 120
_ENTER = """\
set -e
root=$1 shared=$2 groups=$3
echo $$ >"$groups/cgroup.procs"
exec unshare --cgroup sh -ec '
    root=$1 shared=$2
    mount --bind "$root" "$root"
    mount --rbind /dev "$root/dev"
    mount -t proc proc "$root/proc"
    mount -t sysfs sysfs "$root/sys"
    mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
    mount -t tmpfs -o mode=755 tmpfs "$root/run"
    mkdir -p "$root/.old" "$root$shared"
    mount --bind "$shared" "$root$shared"
    cd "$root"
    pivot_root . .old
    cd /
    umount --lazy /.old
    for file in subuid subgid; do
        echo root:1000000:1000000000 >/etc/$file
    done
    # it may be a link into what was not started
    rm -f /etc/resolv.conf
    : >/etc/resolv.conf
    export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root
    ip link set lo up
    exec /usr/libexec/incus/incusd --group root --logfile "$shared/incusd.log"
' sh "$root" "$shared"
"""
_CLIENT = """\
#!/bin/sh
libraries=$(echo {root}/usr/lib/*-linux-gnu*)
exec "$libraries"/ld-linux*.so.* --library-path "$libraries" {root}/usr/bin/incus "$@"
"""
_PRESEED = f"""\
networks:
- name: debusinebr0
  type: bridge
  config: {{ipv4.address: {ADDRESS}/24, ipv4.nat: "true", ipv6.address: none}}
storage_pools:
- name: default
  driver: dir
profiles:
- name: debusine
  config: {{raw.lxc: lxc.mount.auto=sys, security.nesting: "true"}}
  devices:
    root: {{type: disk, path: /, pool: default}}
    host0: {{type: nic, nictype: bridged, parent: debusinebr0, name: host0}}
"""
_SERVE = """\
import socket, sys
server = socket.create_server((sys.argv[1], 0))
print(server.getsockname()[1], flush=True)
while True:
    connection, _ = server.accept()
    with connection:
        connection.sendall(b"hello")
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class IncusDaemon:
    """
    A daemon that runs.

    :param init: its first process, as seen from here
    :param environment: for containers, the same system that the daemon lies in
    :param variables: of the environment of programs that shall find it
    """

    init: int
    environment: RealEnvironment
    variables: Mapping[str, str] = field(repr=False)

    def run(self, *words: str) -> Completed:
        """Call its client."""
        env = {**os.environ, **self.variables}
        return run(Command(["incus", *words], env=env, timeout_s=_START_S))

    def instances(self) -> list[str]:
        """Names of what it has, sorted."""
        return sorted(self.run("list", "--format=csv", "--columns=n").text.split())

    def images(self) -> list[str]:
        """Aliases of its images, sorted."""
        lines = self.run("image", "alias", "list", "--format=csv").text.splitlines()
        return sorted(line.partition(",")[0] for line in lines)

    @contextmanager
    def serve(self) -> Iterator[int]:
        """Say hello to those who connect to :data:`ADDRESS`; gives the port."""
        command = ["nsenter", "--target", str(self.init), "--net", "--", sys.executable]
        with subprocess.Popen([*command, "-c", _SERVE, ADDRESS], stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            try:
                yield int(process.stdout.readline())
            finally:
                process.kill()


@pytest.fixture(scope="session")
def incus_daemon(ordinary_user: OrdinaryUser) -> Iterator[IncusDaemon]:
    """An Incus that the ordinary user may use, with the profile that workers need."""
    source = replace(machine_source(), suite=SUITE)
    environment = environment_of(ordinary_user, source, packages=PACKAGES)
    with tempfile.TemporaryDirectory(dir="/dev/shm", prefix="debusine-incus-") as name:
        place = Path(name)
        place.chmod(0o711)
        root = place / "root"
        root.mkdir(mode=0o755)
        unpack(environment.path, root, prefix=())
        with _running(root, place / "shared", environment) as daemon:
            os.chown(place / "shared" / "incus" / "unix.socket", 0, ordinary_user.gid)
            yield daemon


@pytest.fixture
def incus(incus_daemon: IncusDaemon, monkeypatch: pytest.MonkeyPatch) -> IncusDaemon:
    """The same, found by what the test runs."""
    for name, value in incus_daemon.variables.items():
        monkeypatch.setenv(name, value)
    return incus_daemon


@contextmanager
def _running(root: Path, shared: Path, environment: RealEnvironment) -> Iterator[IncusDaemon]:
    shared.mkdir(mode=0o711)
    data = shared / "incus"
    data.mkdir(mode=0o711)
    programs = shared / "bin"
    programs.mkdir()
    client = programs / "incus"
    client.write_text(_CLIENT.format(root=root))
    client.chmod(0o755)
    variables = {"INCUS_DIR": str(data), "PATH": f"{programs}:{os.environ['PATH']}"}
    namespaces = ["unshare", "--mount", "--propagation=private", "--pid", "--net", "--fork"]
    with (
        (shared / "daemon.log").open("wb") as log,
        _own_groups() as groups,
        subprocess.Popen(
            [*namespaces, "--kill-child", "sh", "-c", _ENTER, "sh", root, shared, groups],
            env={**os.environ, **variables},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        ) as process,
    ):
        try:
            wait_for((data / "unix.socket").exists, instead=(shared / "daemon.log").read_text)
            [init] = psutil.Process(process.pid).children()
            daemon = IncusDaemon(init=init.pid, environment=environment, variables=variables)
            daemon.run("admin", "waitready")
            env = {**os.environ, **variables}
            command = ["incus", "admin", "init", "--preseed"]
            run(Command(command, env=env, stdin=_PRESEED.encode(), timeout_s=_START_S))
            yield daemon
        finally:
            # all that it started goes with its first process
            for child in psutil.Process(process.pid).children():
                child.kill()
            process.wait()


@contextmanager
def _own_groups() -> Iterator[Path]:
    """A new control group; whatever is made below goes with it."""
    [mounted] = [
        Path(words[1])
        for words in map(str.split, Path("/proc/mounts").read_text().splitlines())
        if words[2] == "cgroup2"
    ][:1]
    [mine] = [
        line.partition("::")[2]
        for line in Path("/proc/self/cgroup").read_text().splitlines()
        if line.startswith("0::")
    ]
    # tests of several folders have an Incus each, and may have them at once
    top = Path(tempfile.mkdtemp(dir=mounted / mine.lstrip("/"), prefix="debusine-incus-"))
    try:
        yield top
    finally:
        wait_for(lambda: _removed(top))


def _removed(top: Path) -> bool:
    """Try to remove a tree of groups; what has just ended may still be there."""
    below = [path for path in top.rglob("*") if path.is_dir()]
    for path in [*sorted(below, key=lambda path: -len(path.parts)), top]:
        with suppress(OSError):
            path.rmdir()
    return not top.exists()
