# SPDX-License-Identifier: GPL-3.0-or-later
"""
A machine on which nothing was installed by hand: a root file system, entered as its own.

It reaches what this machine reaches, in the same way: mirror, package index, proxies,
certificate authorities. Only root can make one.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from debusine.cli.building.repositories import choose_sources
from debusine.testing.lent_network import apt_options, lend_network
from debusine.testing.waiting import wait_for
from debusine.util.apt_config import read_machine
from debusine.util.command import Command, Completed, run

_MAKE_TIMEOUT_S = 900
_FIRST_SUBID = 100000
_PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
# chroot(2) would be simpler, but whoever is in one can make no user namespace
_ENTER = """\
set -e
root=$1
shift
mount --bind "$root" "$root"
mount --rbind /dev "$root/dev"
mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"
mount -t proc proc "$root/proc"
mount --rbind /sys "$root/sys"
mount -t tmpfs -o mode=755 tmpfs "$root/run"
for path; do
    mkdir -p "$root$path"
    mount --bind -o ro "$path" "$root$path"
done
mkdir -p "$root/.old"
cd "$root"
pivot_root . .old
cd /
umount --lazy /.old
rmdir /.old
echo entered
# whoever lost its parent is reaped by the kernel, as by a real init
exec env --ignore-signal=CHLD sleep infinity
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class FreshMachine:
    """
    A root file system with processes and mounts of its own.

    :param root: its root directory, without what is mounted there
    :param init: process id of its first process, as seen from here
    """

    root: Path
    init: int

    def run(self, *argv: str, offline: bool = False, timeout_s: float = 60) -> Completed:
        """
        Run a command as root; its exit status is not judged.

        :param offline: without any network
        """
        enter = ["nsenter", "--target", str(self.init), "--mount", "--pid"]
        network = ["unshare", "--net"] if offline else []
        return run(Command([*enter, *network, *argv], timeout_s=timeout_s, check=False))

    def start(self, user: str, *argv: str, log: Path) -> subprocess.Popen[bytes]:
        """
        Start a program that goes on, as a user, with next to no environment.

        It ends with the machine at the latest.

        :param log: takes what it prints
        """
        enter = ["nsenter", "--target", str(self.init), "--mount", "--pid"]
        with log.open("wb") as output:
            return subprocess.Popen(
                [*enter, "runuser", "--user", user, "--", *argv],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env={"PATH": _PATH, "LANG": "C.UTF-8"},
            )

    def run_as(
        self, user: str, line: str, *, offline: bool = False, timeout_s: float = 60
    ) -> Completed:
        """Run a shell line as a user who has just logged in; errors join the output."""
        shell = f"exec 2>&1; {line}"
        argv = ["runuser", "--login", user, "--command", shell]
        return self.run(*argv, offline=offline, timeout_s=timeout_s)

    def add_user(self, name: str) -> Path:
        """
        Make an ordinary user with subordinate ids, whose home nobody else can enter.

        :returns: the home directory, as seen from inside
        """
        self.run("useradd", "--create-home", "--shell", "/bin/bash", name)
        self.run("chmod", "0700", f"/home/{name}")
        return Path("/home", name)

    def clone(self, checkout: Path, *, owner: str, to: Path) -> None:
        """Clone what is committed of a checkout out here to a place inside."""
        target = self.root / to.relative_to("/")
        run(Command(["git", "clone", "--quiet", "--no-hardlinks", str(checkout), str(target)]))
        self.run("chown", "--recursive", f"{owner}:", str(to))

    def processes(self) -> list[psutil.Process]:
        """What runs inside, but for its first process."""
        ours = Path(f"/proc/{self.init}/ns/pid").readlink()
        found = []
        for process in psutil.process_iter():
            with suppress(OSError, psutil.Error):
                inside = Path(f"/proc/{process.pid}/ns/pid").readlink() == ours
                if inside and process.pid != self.init:
                    found.append(process)
        return found

    def end_processes(self) -> None:
        """End what runs inside, but for its first process."""
        wait_for(self._is_idle_once_killed, instead=self.processes)

    def _is_idle_once_killed(self) -> bool:
        found = self.processes()
        for process in found:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        return not found

    def files_of(self, user: str) -> set[Path]:
        """Files of a user, wherever they are, as seen from inside."""
        return self._find("-user", user)

    def files_of_subids(self) -> set[Path]:
        """Files of subordinate ids, wherever they are, as seen from inside."""
        return self._find("-uid", f"+{_FIRST_SUBID - 1}")

    def _find(self, *tests: str) -> set[Path]:
        places = ["/", "/dev/shm", "/run"]
        done = self.run("find", *places, "-xdev", *tests, "-print0")
        return {Path(os.fsdecode(name)) for name in done.stdout.split(b"\0") if name}


@contextmanager
def fresh_machine(
    directory: Path, *, suite: str, packages: Sequence[str]
) -> Iterator[FreshMachine]:
    """
    Make a machine, run it for a while, and end all that runs on it.

    :param directory: empty; only root may enter it, as it holds what reaches the mirrors
    :param suite: release of Debian, from the mirror of this machine
    :param packages: installed beside what APT needs
    """
    root = directory / "root"
    _make(root, suite, packages)
    shared = lend_network(root)
    process = subprocess.Popen(
        [
            "unshare", "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child",
            "sh", "-c", _ENTER, "sh", str(root), *map(str, shared),
        ],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        env={"PATH": _PATH},
    )  # fmt: skip
    assert process.stdout is not None
    try:
        said = process.stdout.readline()
        assert said == b"entered\n", f"cannot enter {root}"
        [init] = psutil.Process(process.pid).children()
        yield FreshMachine(root=root, init=init.pid)
        # no files of it are in use once its first process has gone
        process.kill()
        init.wait(30)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def _make(root: Path, suite: str, packages: Sequence[str]) -> None:
    source = choose_sources(suite, read_machine())[0].without_credentials
    line = f"deb {source.uri} {source.suite} {' '.join(source.components)}\n"
    access = root.parent / "apt"
    argv = [
        # what it mounts for a while is none of others' business
        "unshare", "--mount", "--propagation=private",
        "mmdebstrap", "--mode=root", "--variant=apt", f"--include={','.join(packages)}",
        "--dpkgopt=force-unsafe-io",
        # it is for programs only
        "--dpkgopt=path-exclude=/usr/share/man/*", "--dpkgopt=path-exclude=/usr/share/locale/*",
        *apt_options(access), suite, str(root), "-",
    ]  # fmt: skip
    environment = {**os.environ, "TMPDIR": str(root.parent)}
    run(Command(argv, env=environment, stdin=line.encode(), timeout_s=_MAKE_TIMEOUT_S))
