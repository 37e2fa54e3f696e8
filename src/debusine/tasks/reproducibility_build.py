# SPDX-License-Identifier: GPL-3.0-or-later
"""How sbuild is told to build in another way, with the packages of the first build."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path

from debusine.artifacts.deb822 import VERSION
from debusine.domain.reproducibility import Variation
from debusine.tasks.reproducibility_variations import Plan
from debusine.tasks.sbuild_command import perl_string, pipe_into_chroot

# not below /usr/local: programs there make dpkg call a build tainted
RULES = "/usr/lib/reproducibility-rules"
PREFERENCES = "/etc/apt/preferences.d/00-first-build"
APT_CONF = "/etc/apt/apt.conf.d/00-first-build"
PRIORITY = 1001
""":source: apt_preferences(5): installed even if that is a downgrade"""
# sbuild's own, see its sbuild.conf(5)
_SBUILD_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/usr/games"
_CALLER_UID = 64999
_ALLOW_DOWNGRADES = 'APT::Get::Allow-Downgrades "true";\n'


def preferences(versions: Mapping[str, str]) -> str:
    """
    Have APT prefer versions, as far as it can get them.

    :param versions: by package; what is no version is left out

    >>> print(preferences({"gcc-14": "14.2.0-1", "x": "*"}), end="")
    Package: gcc-14
    Pin: version 14.2.0-1
    Pin-Priority: 1001
    <BLANKLINE>
    """
    return "".join(
        f"Package: {package}\nPin: version {version}\nPin-Priority: {PRIORITY}\n\n"
        for package, version in versions.items()
        if VERSION.fullmatch(version)
    )


def configuration(
    plan: Plan, versions: Mapping[str, str], directory: Path, *, caller: str
) -> Iterator[str]:
    """
    Lines of a configuration of sbuild that make a build another one.

    :param versions: of packages that are to be preferred, by package; may be empty
    :param directory: for files that sbuild reads; made if need be
    :param caller: name of the user who runs sbuild
    """
    directory.mkdir(exist_ok=True)
    if path := plan.value(Variation.PATH):
        yield f"$build_path = {perl_string(path)};"
    if host := plan.value(Variation.HOST):
        # sbuild names the machine that it makes by a program that it looks for there
        program = directory / "bin/hostname"
        program.parent.mkdir(exist_ok=True)
        program.write_text(f"#!/bin/sh\nexec /bin/hostname {host}\n")
        program.chmod(0o755)
        yield f"$path = {perl_string(f'{program.parent}:{_SBUILD_PATH}')};"
    commands = [_install(directory / "rules", plan.rules, RULES, mode="0755")]
    if user := plan.value(Variation.USER):
        yield f"$build_user = {perl_string(user)};"
        commands.append(_keep_user(caller))
    if versions:
        texts = {PREFERENCES: preferences(versions), APT_CONF: _ALLOW_DOWNGRADES}
        for number, (target, text) in enumerate(texts.items()):
            commands.append(_install(directory / f"apt-{number}", text, target, mode="0644"))
    listed = ", ".join(perl_string(command) for command in commands)
    yield f"$external_commands = {{ 'pre-build-commands' => [{listed}] }};"
    yield f"$dpkg_buildpackage_user_options = [{perl_string(f'--rules-file={RULES}')}];"
    yield "1;"


def _install(path: Path, text: str, target: str, *, mode: str) -> str:
    """Write a file; returns what has sbuild copy it into the chroot."""
    path.write_text(text)
    return pipe_into_chroot(path, f"cat > {target} && chmod {mode} {target}")


def _keep_user(name: str) -> str:
    """Let the chroot know a user as whom sbuild looks how large the source is, come what may."""
    line = f"{name}:x:{_CALLER_UID}:$(getent group sbuild | cut -d: -f3)::/nonexistent:/bin/sh"
    script = f'getent passwd {name} > /dev/null || echo "{line}" >> /etc/passwd'
    return f"%SBUILD_CHROOT_EXEC sh -c {shlex.quote(script)}"
