# SPDX-License-Identifier: GPL-3.0-or-later
"""Make a fresh environment look like the one in which a build failed."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from debusine.cli.building.shell_scene import Scene
from debusine.tasks.apt_lending import lent
from debusine.tasks.apt_sources import (
    KEYRINGS,
    SOURCES,
    needs_key_file,
    needs_one_line,
    repository_files,
)
from debusine.tasks.executors.base import Instance
from debusine.tasks.models import ExtraExternalRepository
from debusine.util.apt_access import AptAccess

BUILD_USER = "sbuild"
EXTRA = Path("/build/extra-packages")

_APT = ["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "--quiet", "--yes"]
_INSTALL = [
    "--no-install-recommends",
    "--option=Dpkg::Options::=--force-unsafe-io",
    "--option=Dpkg::Use-Pty=0",
]

# a new network has but a loopback interface, which is down (netdevice(7): SIOCSIFFLAGS with UP
# and RUNNING); Perl, as no environment is without it
_LOOPBACK = """\
perl -e '$up = pack("a16sx22", "lo", 0x41); socket(S, 2, 2, 0); ioctl(S, 0x8914, $up)'
exec "$@"
"""

Say = Callable[[str], None]


@dataclass(frozen=True, kw_only=True, slots=True)
class ShellPlan:
    """
    What a shell after a failed build is to find.

    :param dsc: name of one of ``sources``
    :param sources: files of the source package on this machine
    :param components: of ``all``, ``any`` and ``source``, as the build had them
    :param extra: further binary packages on this machine
    :param term: the person's kind of terminal
    """

    scene: Scene
    codename: str
    dsc: str
    sources: Sequence[Path]
    components: Sequence[str] = ("any", "all")
    profiles: Sequence[str] = ()
    extra: Sequence[Path] = ()
    repositories: Sequence[ExtraExternalRepository] = ()
    term: str = "dumb"
    access: AptAccess = field(default_factory=AptAccess)


def prepare(instance: Instance, plan: ShellPlan, *, log: IO[bytes], say: Say) -> None:
    """
    Install what the build needs and unpack its source.

    :param instance: fresh and started
    :param log: an open file for what the commands print
    :param say: shows a line to the user
    :raises subprocess.CalledProcessError: if the source cannot be unpacked
    """
    instance.create_user(BUILD_USER)
    place = plan.scene.directory.parent
    instance.mkdir(place, user=BUILD_USER, group=BUILD_USER, mode=0o750, parents=True)
    for path in plan.sources:
        instance.file_push(path, place / path.name, user=BUILD_USER, group=BUILD_USER)

    def step(argv: list[str]) -> None:
        instance.run(argv, run_as_root=True, stdout=log, stderr=log, check=True)

    try:
        with lent(instance, plan.access):
            _add_repositories(instance, plan, step)
            step([*_APT, "update"])
            step([*_APT, *_INSTALL, "install", "build-essential", "fakeroot"])
            dsc = str(place / plan.dsc)
            step([*_APT, *_INSTALL, "build-dep", *_what_to_install(plan), dsc])
    except subprocess.CalledProcessError:
        say("the build dependencies cannot be installed; the shell opens without them")
    unpack = ["dpkg-source", "--extract", plan.dsc, str(plan.scene.directory)]
    as_user = as_build_user(instance, ["env", "-C", str(place), *unpack])
    step(as_user)
    # as sbuild has it while it builds
    step(["sh", "-c", "hostname sbuild; : > /etc/resolv.conf"])


def as_build_user(instance: Instance, argv: Sequence[str]) -> list[str]:
    """Command that gives up the rights of root in a sandbox first."""
    uid, gid = instance.user_id(BUILD_USER), instance.group_id(BUILD_USER)
    return ["setpriv", f"--reuid={uid}", f"--regid={gid}", "--clear-groups", "--", *argv]


def shell_command(instance: Instance, plan: ShellPlan) -> list[str]:
    """
    Command for a shell as the build user, without network, in the unpacked source.

    Its input has to be a terminal that no session has.
    """
    variables = plan.scene.variables | {
        "TERM": plan.term,
        "SHELL": "/bin/bash",
        "PS1": f"[failed build of {plan.dsc.removesuffix('.dsc')}] \\w\\$ ",
    }
    return [
        "unshare", "--net", "--", "sh", "-c", _LOOPBACK, "sh",
        *as_build_user(instance, ["env", "-i", *(f"{k}={v}" for k, v in variables.items())]),
        "setsid", "--ctty", "bash", "--norc", "-i",
    ]  # fmt: skip


def _what_to_install(plan: ShellPlan) -> list[str]:
    options = []
    if "all" not in plan.components:
        options.append("--arch-only")
    if "any" not in plan.components:
        options.append("--indep-only")
    if plan.profiles:
        options.append(f"--build-profiles={','.join(plan.profiles)}")
    return options


def _add_repositories(
    instance: Instance, plan: ShellPlan, step: Callable[[list[str]], None]
) -> None:
    inline = not needs_key_file(plan.codename)
    files = repository_files(plan.repositories, codename=plan.codename, inline=inline)
    for key in files.keys:
        path = Path(KEYRINGS, key.name)
        _write(instance, path, key.text)
        if needs_one_line(plan.codename):
            step(["apt-key", "add", str(path)])
    for file in (*files.sources, *files.lists):
        _write(instance, Path(SOURCES, file.name), file.text)
    if plan.extra:
        instance.mkdir(EXTRA)
        for path in plan.extra:
            instance.file_push(path, EXTRA / path.name)
        index = f"cd {EXTRA} && dpkg-scanpackages --multiversion . > Packages"
        step(["sh", "-c", index])
        text = f"Types: deb\nURIs: copy:{EXTRA}\nSuites: ./\nTrusted: yes\n"
        _write(instance, Path(SOURCES, "extra_packages.sources"), text)


def _write(instance: Instance, path: Path, text: str) -> None:
    script = 'mkdir -p "$(dirname "$1")" && cat > "$1"'
    instance.run(
        ["sh", "-c", script, "write", str(path)], run_as_root=True, input=text.encode(), check=True
    )
