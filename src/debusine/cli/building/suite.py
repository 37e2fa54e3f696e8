# SPDX-License-Identifier: GPL-3.0-or-later
"""Which suite a source is built for."""

from __future__ import annotations

import re
from pathlib import Path

from debusine.domain.pocket import Pocket, pocket_of
from debusine.errors import UserError

OS_RELEASE = Path("/etc/os-release")

_SUITE = re.compile(r"[a-z][a-z0-9]*(?:[+.-][a-z0-9]+)*")


def pocket_for(distribution: str) -> Pocket:
    """
    Say how packages with a distribution in their changelog are built.

    :raises UserError: if this cannot be the name of a suite

    >>> pocket_for("UNRELEASED").base, pocket_for("bookworm-backports").base
    ('sid', 'bookworm')
    """
    name = distribution.strip().lower()
    if not _SUITE.fullmatch(name):
        raise UserError(
            f"not the name of a suite: {distribution!r}",
            resolution="Give --suite, for example --suite trixie.",
        )
    return pocket_of(name)


def asked_pocket(name: str) -> Pocket:
    """
    Say how packages for the suite that a user asks for are built.

    ``unstable`` is what the mirror says it is.

    :raises UserError: if this cannot be the name of a suite

    >>> asked_pocket("unstable").base, asked_pocket("stable-backports").base
    ('unstable', 'stable')
    """
    return Pocket(base="unstable") if name == "unstable" else pocket_for(name)


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
