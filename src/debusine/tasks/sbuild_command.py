# SPDX-License-Identifier: GPL-3.0-or-later
"""
How sbuild is called: options and a configuration that nothing of the user leaks into.

Everything used here exists in the versions of Debian 12 (0.85) and 13 (0.89).

:source: sbuild(1), sbuild.conf(5)
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from email.utils import format_datetime
from pathlib import Path
from typing import Protocol

from debusine.tasks.apt_sources import KEYRINGS, SOURCES
from debusine.tasks.sbuild_data import SbuildData

# TMPDIR is the command's own directory for temporary files, which is removed with all
# that is in it; the last line is for versions that otherwise call mmdebstrap.
_CONFIGURATION = """\
$unshare_tmpdir_template = ($ENV{'TMPDIR'} // '/tmp') . '/sbuild.XXXXXXXXXX';
$sbuild_mode = 'user';
$nolog = 0;
$log_colour = 0;
$log_dir = @OUTPUT@;
$build_dir = @OUTPUT@;
$purge_build_directory = @PURGE@;
$purge_session = @PURGE@;
$run_lintian = 0;
$run_piuparts = 0;
$run_autopkgtest = 0;
$build_environment = {};
$extra_packages = [];
$unshare_bind_mounts = [];
eval '$unshare_mmdebstrap_auto_create = 0;';
1;
"""


def write_configuration(path: Path, *, output: Path, keep_tree: bool = False) -> None:
    """
    Write a configuration that sbuild reads last, see ``SBUILD_CONFIG``.

    :param output: where the log and all that is built go
    :param keep_tree: leave the tree in which it builds in the directory for temporary files
    """
    values = {
        "@OUTPUT@": perl_string(str(output)),
        "@PURGE@": perl_string("never" if keep_tree else "always"),
    }
    text = _CONFIGURATION
    for name, value in values.items():
        text = text.replace(name, value)
    path.write_text(text)


class RepositoryPaths(Protocol):
    """What :class:`~debusine.tasks.ExtraRepositoryMixin` has written."""

    extra_repository_keys: list[Path]
    extra_repository_lists: list[Path]
    extra_repository_sources: list[Path]


def components_options(components: Iterable[str]) -> list[str]:
    """
    Say what to build.

    >>> components_options(["any", "source"])
    ['--arch-any', '--no-arch-all', '--source']
    """
    wanted = set(components)
    options = {"any": "arch-any", "all": "arch-all", "source": "source"}
    return [f"--{'' if key in wanted else 'no-'}{option}" for key, option in options.items()]


def chosen_options(data: SbuildData, *, default_maintainer: str | None) -> list[str]:
    """
    Say what else the user chose.

    :param default_maintainer: of a binNMU for which the user names none
    """
    options = []
    if data.binnmu:
        options += [
            f"--make-binNMU={data.binnmu.changelog}",
            f"--append-to-version={data.binnmu.suffix}",
            "--binNMU=0",
        ]
        if data.binnmu.timestamp:
            options.append(f"--binNMU-timestamp={format_datetime(data.binnmu.timestamp)}")
        options.append(f"--maintainer={data.binnmu.maintainer or default_maintainer}")
    if data.build_profiles:
        options.append(f"--profiles={','.join(data.build_profiles)}")
    if data.build_dep_resolver:
        options.append(f"--build-dep-resolver={data.build_dep_resolver}")
    if data.aspcud_criteria:
        options.append(f"--aspcud-criteria={data.aspcud_criteria}")
    if data.resolve_alternatives:
        options.append("--resolve-alternatives")
    return options


def virt_server_options(server: str, arguments: Iterable[str]) -> list[str]:
    """
    Run the build on a testbed of autopkgtest.

    >>> virt_server_options("qemu", ["--ram=50%"])[2]
    '--autopkgtest-virt-server-opt=--ram=50%%'
    """
    return [
        "--chroot-mode=autopkgtest",
        f"--autopkgtest-virt-server=autopkgtest-virt-{server}",
        *(f"--autopkgtest-virt-server-opt={_escaped(each)}" for each in arguments),
    ]


def tarball_options(tarball: str) -> list[str]:
    """Run the build in an unpacked tarball, in a user namespace."""
    return [
        "--chroot-mode=unshare",
        f"--chroot={tarball}",
        # a link of systemd-resolved would dangle
        "--chroot-setup-commands=rm -f /etc/resolv.conf",
    ]


def repository_options(files: RepositoryPaths) -> list[str]:
    """
    Install sources files, lists and the keys they name before APT is used.

    An APT that needs lists does not know ``signed-by`` either, and has to trust the keys for
    all of its sources.
    """
    lists = files.extra_repository_lists
    commands = [
        (path, f"cat > {SOURCES}/{path.name}") for path in (*files.extra_repository_sources, *lists)
    ]
    for path in files.extra_repository_keys:
        target = f"{KEYRINGS}/{path.name}"
        trust = f" && apt-key add {target}" if lists else ""
        commands.append((path, f"mkdir -p {KEYRINGS} && cat > {target}{trust}"))
    return [f"--pre-build-commands={pipe_into_chroot(path, text)}" for path, text in commands]


def pipe_into_chroot(path: Path, command: str) -> str:
    """
    Make a command, for before a build, that runs another as root of the chroot.

    :param path: file on this machine that is its standard input
    :param command: for the shell
    """
    source = _escaped(shlex.quote(str(path)))
    inside = _escaped(shlex.quote(command))
    return f"cat {source} | %SBUILD_CHROOT_EXEC sh -c {inside}"


def _escaped(text: str) -> str:
    """Keep sbuild from replacing percent escapes."""
    return text.replace("%", "%%")


def perl_string(text: str) -> str:
    """Quote a text for Perl."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
