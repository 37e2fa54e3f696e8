# SPDX-License-Identifier: GPL-3.0-or-later
"""
Lend APT access to a chroot while it fetches packages, and take it back.

What is lent never stays: in a tarball it would reach an artifact, in a build the
package's own code could read it. While it is there, only root can read it, and what
APT's methods open themselves, its user ``_apt`` as well.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass, replace
from pathlib import Path

from debusine.util.apt_access import AptAccess

CHROOT_DIRECTORY = "/etc/apt/debusine-access"
CHROOT_CONF = "/etc/apt/apt.conf.d/90debusine-access"
_ROOT = "@ROOT@"
_TAKE_BACK = f"rm -rf {CHROOT_DIRECTORY} {CHROOT_CONF}"
# what sbuild has APT install: build dependencies, or what explains why that cannot be
_DUMMIES = "sbuild-build-depends-.*-dummy"
# APT's methods run as _apt and read certificates themselves; old ones may lack the user
_FOR_METHODS = f"chown _apt {CHROOT_DIRECTORY}/*.pem 2>/dev/null || true"


@dataclass(frozen=True, kw_only=True, slots=True)
class MmdebstrapArguments:
    """
    Arguments for mmdebstrap.

    :param before: stand before the task's own hooks
    :param after: stand after the task's own hooks: they take the access away
    """

    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()


def mmdebstrap_arguments(access: AptAccess, directory: Path) -> MmdebstrapArguments:
    """
    Write the access to a private directory and name the hooks that lend it.

    mmdebstrap runs the machine's APT outside of the chroot with the chroot's
    configuration, so certificates are named by their path outside. Custom scripts get
    what is no secret, and come after this.
    """
    if not access.is_needed:
        return MmdebstrapArguments()
    access.write(directory, seen_at=f"{_ROOT}{CHROOT_DIRECTORY}")
    inside, conf = f'"$1"{CHROOT_DIRECTORY}', f'"$1"{CHROOT_CONF}'
    take_back = f"--customize-hook=cd / && rm -rf {inside} {conf}"
    make = f'mkdir -p {inside} "$1"/etc/apt/apt.conf.d && chmod 0700 {inside}'
    return MmdebstrapArguments(
        before=(
            f"--setup-hook={make}",
            *_uploads("setup", directory),
            # mmdebstrap's directories hold neither blanks nor bars
            f'--setup-hook=cd / && umask 077 && sed "s|{_ROOT}|$1|" {inside}/apt.conf > {conf}',
            f"--setup-hook=cd / && chmod 0600 {inside}/* && chmod 0711 {inside}",
            f"--setup-hook=cd / && chown _apt {inside}/*.pem 2>/dev/null || true",
            take_back,
            *_public_arguments(access.without_secrets(), directory / "public"),
        ),
        after=(take_back,),
    )


def _public_arguments(access: AptAccess, directory: Path) -> tuple[str, ...]:
    """Let custom scripts use APT as far as that takes no secret."""
    if not access.is_needed:
        return ()
    access.write(directory, seen_at=CHROOT_DIRECTORY)
    inside, conf = f'"$1"{CHROOT_DIRECTORY}', f'"$1"{CHROOT_CONF}'
    return (
        f"--customize-hook=mkdir -p {inside}",
        *_uploads("customize", directory),
        f"--customize-hook=cd / && chmod 0644 {inside}/* && cp {inside}/apt.conf {conf}",
    )


def _uploads(stage: str, directory: Path) -> list[str]:
    return [
        f"--{stage}-hook=upload {shlex.quote(str(path))} {CHROOT_DIRECTORY}/{path.name}"
        for path in sorted(directory.iterdir())
        if path.is_file()
    ]


def for_one_install(access: AptAccess) -> AptAccess:
    """Have APT remove it after downloading, before it runs any package's own scripts."""
    return replace(access, settings=(*access.settings, ("DPkg::Pre-Invoke::", _TAKE_BACK)))


def sbuild_arguments(
    access: AptAccess, directory: Path, *, strangers: bool = False
) -> tuple[str, ...]:
    """
    Write the access to a private directory and name the commands that lend it to a build.

    It is taken away when the build dependencies are downloaded, before their own scripts
    run; at the latest before the package's code runs.

    :param strangers: whether APT has sources beside those of the environment. Nothing is
        upgraded then while secrets are lent: what is newer may be theirs.
    """
    if not access.is_needed:
        return ()
    # upgrades may come first; APT passes what it is going to install
    script = f"if grep {_DUMMIES} > /dev/null; then {_TAKE_BACK}; fi"
    removing = replace(access, settings=(*access.settings, ("DPkg::Pre-Install-Pkgs::", script)))
    removing.write(directory, seen_at=CHROOT_DIRECTORY)
    source = shlex.quote(str(directory)).replace("%", "%%")
    unpack = (
        f"umask 077 && mkdir -p {CHROOT_DIRECTORY}"
        f" && tar -x --no-same-owner -C {CHROOT_DIRECTORY}"
        f" && cp {CHROOT_DIRECTORY}/apt.conf {CHROOT_CONF}"
        f" && chmod 0711 {CHROOT_DIRECTORY} && {{ {_FOR_METHODS}; }}"
    )
    lend = f"tar -c -C {source} . | %SBUILD_CHROOT_EXEC sh -c {shlex.quote(unpack)}"
    has_secrets = access.without_secrets() != access
    as_it_is = ("--no-apt-upgrade", "--no-apt-distupgrade") if strangers and has_secrets else ()
    return (
        *as_it_is,
        f"--pre-build-commands={lend}",
        f"--starting-build-commands={_TAKE_BACK}",
    )
