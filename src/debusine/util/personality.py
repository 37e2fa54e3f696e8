# SPDX-License-Identifier: GPL-3.0-or-later
"""
Have programs of a 32-bit architecture see a 32-bit machine.

They run on a 64-bit kernel as they are, but ``uname -m`` would say what the kernel is, and
programs that are not built by debhelper's rules take its word for what to build for.
"""

from __future__ import annotations

import os

_NARROW = {
    "x86_64": frozenset({"i386"}),
    "aarch64": frozenset({"armhf", "armel"}),
    "ppc64": frozenset({"powerpc"}),
    "sparc64": frozenset({"sparc"}),
}


def personality_command(architecture: str, machine: str | None = None) -> list[str]:
    """
    Words to put in front of a command whose programs are of an architecture.

    :param architecture: as dpkg calls it
    :param machine: what the kernel is, see uname(2); None: this one
    :returns: empty if the machine is seen as it should be
    :source: setarch(8), personality(2)

    >>> personality_command("i386", "x86_64"), personality_command("amd64", "x86_64")
    (['setarch', 'linux32'], [])
    """
    narrow = _NARROW.get(machine or os.uname().machine, frozenset())
    return ["setarch", "linux32"] if architecture in narrow else []
