# SPDX-License-Identifier: GPL-3.0-or-later
"""Which suite a source is built for."""

from __future__ import annotations

import re
from pathlib import Path

from debusine.errors import UserError

OS_RELEASE = Path("/etc/os-release")

_SUITE = re.compile(r"[a-z][a-z0-9]*(?:[+.-][a-z0-9]+)*")
_UNSTABLE = frozenset({"unreleased", "unstable", "experimental", "rc-buggy"})
_POCKET = re.compile(
    r"-(?:backports(?:-sloppy)?|updates|security|proposed-updates|backports-staging)$"
)


def base_suite(distribution: str) -> str:
    """
    Name the suite whose environment a distribution of a changelog is built in.

    :raises UserError: if this cannot be the name of a suite

    >>> base_suite("UNRELEASED"), base_suite("bookworm-backports"), base_suite("trixie")
    ('sid', 'bookworm', 'trixie')
    """
    name = distribution.strip().lower()
    if name in _UNSTABLE:
        return "sid"
    name = _POCKET.sub("", name)
    if not _SUITE.fullmatch(name):
        raise UserError(
            f"not the name of a suite: {distribution!r}",
            resolution="Give --suite, for example --suite trixie.",
        )
    return name


def asked_suite(name: str) -> str:
    """
    Name the suite that a user asks for: ``unstable`` is what the mirror says it is.

    :raises UserError: if this cannot be the name of a suite

    >>> asked_suite("unstable"), asked_suite("stable-backports"), asked_suite("experimental")
    ('unstable', 'stable', 'sid')
    """
    return "unstable" if name == "unstable" else base_suite(name)


def machine_suite(os_release: Path = OS_RELEASE) -> str:
    """
    The suite this machine runs.

    :raises UserError: if the machine does not say
    """
    values = os_release_values(os_release)
    codename = values.get("VERSION_CODENAME", "")
    # Debian testing and sid share one os-release
    if not codename and "sid" in values.get("PRETTY_NAME", ""):
        codename = "sid"
    if not codename:
        raise UserError(
            f"{os_release} does not say which suite this machine runs",
            resolution="Give --suite.",
        )
    return codename


def os_release_values(os_release: Path = OS_RELEASE) -> dict[str, str]:
    """Fields of os-release(5); empty if there is none."""
    try:
        lines = os_release.read_text(encoding="utf-8").splitlines()
    except OSError:
        return {}
    pairs = (line.partition("=") for line in lines if "=" in line)
    return {key.strip(): value.strip().strip("\"'") for key, _, value in pairs}
