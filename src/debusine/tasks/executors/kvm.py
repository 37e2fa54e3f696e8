# SPDX-License-Identifier: GPL-3.0-or-later
"""
Whether virtual machines run here at the speed of the processor: found out by running one.

That ``/dev/kvm`` exists, can be opened, and makes machines says little. Where this machine
is itself a virtual one, its processor may still lack what the first instruction of a guest
needs.

:source: Linux, Documentation/virt/kvm/api.rst; QEMU, "ISA debug exit"
"""

from __future__ import annotations

import os
import platform
import shutil
import tempfile
from pathlib import Path

from debusine.errors import NotPossibleError
from debusine.util.command import Command, CommandError, run
from debusine.util.userns import user_name

DEVICE = Path("/dev/kvm")
# how QEMU calls what the kernel calls otherwise
_MACHINES = {"i686": "i386", "ppc64le": "ppc64"}
_PC = frozenset({"i386", "x86_64"})
_TIMEOUT_S = 20
_ANSWER = 0x2A
# QEMU's way to tell it from its own exit statuses
_STATUS = _ANSWER << 1 | 1
_SECTOR_BYTES = 512
_PORT = 0xF4
# mov al, ANSWER; out PORT, al; hlt
_PROGRAM = bytes([0xB0, _ANSWER, 0xE6, _PORT, 0xF4])
_BOOT_SECTOR = _PROGRAM.ljust(_SECTOR_BYTES - 2, b"\0") + b"\x55\xaa"


def qemu_program(machine: str | None = None) -> str:
    """
    Name of the emulator of a machine.

    :param machine: as the kernel calls it; None: this one

    >>> qemu_program("ppc64le")
    'qemu-system-ppc64'
    """
    name = machine or platform.machine()
    return f"qemu-system-{_MACHINES.get(name, name)}"


def check_kvm() -> None:
    """
    Run a guest of three instructions on the processor.

    On what is no PC, only a machine with its processor is made.

    :raises NotPossibleError: says why that is not possible
    """
    if shutil.which(qemu_program()) is None:
        raise NotPossibleError(
            f"program not found: {qemu_program()}",
            resolution="As an administrator: apt-get install qemu-system",
        )
    _check_device()
    try:
        run_guest("kvm")
    except CommandError as error:
        raise NotPossibleError(
            "KVM does not work on this machine, although it has /dev/kvm",
            details=error.explain(),
            resolution="Use a machine whose processor, or whose host, offers virtualisation.",
        ) from error


def _check_device() -> None:
    try:
        os.close(os.open(DEVICE, os.O_RDWR | os.O_CLOEXEC))
    except PermissionError as error:
        raise NotPossibleError(
            f"user {user_name()} may not use {DEVICE}",
            resolution=f"As an administrator: usermod --append --groups kvm {user_name()}",
        ) from error
    except OSError as error:
        raise NotPossibleError(f"the kernel has no KVM: {error}") from error


def run_guest(accelerator: str) -> None:
    """
    Start a guest that ends by itself.

    :param accelerator: of QEMU; ``tcg`` needs nothing of the machine
    :raises CommandError: if it does not end as it should
    """
    machine = _MACHINES.get(platform.machine(), platform.machine())
    command = [
        qemu_program(), "-nodefaults", "-no-user-config", "-nographic",
        "-accel", accelerator, "-cpu", "host" if accelerator == "kvm" else "max",
    ]  # fmt: skip
    if machine not in _PC:
        # the monitor ends it before its first instruction
        stop = b'{"execute":"qmp_capabilities"}{"execute":"quit"}\n'
        command += ["-machine", "none" if accelerator == "tcg" else "virt", "-S", "-qmp", "stdio"]
        run(Command(command, stdin=stop, timeout_s=_TIMEOUT_S))
        return
    with tempfile.NamedTemporaryFile(prefix="debusine-guest-") as disk:
        disk.write(_BOOT_SECTOR)
        disk.flush()
        command += [
            "-machine", "pc", "-m", "16", "-boot", "a",
            "-device", f"isa-debug-exit,iobase={_PORT:#x},iosize=1",
            "-drive", f"file={disk.name},format=raw,if=floppy,readonly=on",
        ]  # fmt: skip
        done = run(Command(command, timeout_s=_TIMEOUT_S, check=False))
    if done.returncode != _STATUS:
        raise CommandError(Command(command), done)
