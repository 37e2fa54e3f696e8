# SPDX-License-Identifier: GPL-3.0-or-later
"""Which architectures this machine runs programs of, by itself or through qemu-user."""

from __future__ import annotations

import shutil
from dataclasses import dataclass

from debusine.errors import DebusineError
from debusine.util.command import Command, run

_TIMEOUT_S = 60
_ARCH_TEST = "arch-test"


@dataclass(frozen=True, kw_only=True, slots=True)
class Architectures:
    """
    What runs here.

    :param native: what dpkg installs; None without dpkg
    :param direct: what the processor runs by itself, sorted: i386 on amd64, for example
    :param emulated: what runs beside that because qemu-user is registered for it, sorted
    """

    native: str | None
    direct: tuple[str, ...]
    emulated: tuple[str, ...] = ()

    @property
    def all(self) -> list[str]:
        """Everything that runs, sorted."""
        return sorted({*self.direct, *self.emulated})


def find_architectures() -> Architectures:
    """
    Try what runs here; just the native architecture if in doubt.

    :source: arch-test(1), binfmt_misc
    """
    native = native_architecture()
    if shutil.which(_ARCH_TEST) is not None and (found := _ask(_ARCH_TEST, "-n")):
        direct = tuple(sorted(found.split()))
        # without the option, it counts what is registered with the kernel as well
        others = set((_ask(_ARCH_TEST) or "").split()) - set(direct)
        return Architectures(native=native, direct=direct, emulated=tuple(sorted(others)))
    return Architectures(native=native, direct=() if native is None else (native,))


def native_architecture() -> str | None:
    """Architecture that dpkg installs here; None without dpkg."""
    if shutil.which("dpkg") is None:
        return None
    return _ask("dpkg", "--print-architecture")


def is_emulated(architecture: str) -> bool:
    """Whether programs of an architecture run here through qemu-user alone."""
    if architecture == native_architecture():
        return False
    return architecture in find_architectures().emulated


def _ask(*argv: str) -> str | None:
    try:
        return run(Command(list(argv), timeout_s=_TIMEOUT_S)).text.strip() or None
    except DebusineError:
        return None
