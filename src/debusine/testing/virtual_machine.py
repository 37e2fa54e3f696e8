# SPDX-License-Identifier: GPL-3.0-or-later
"""A virtual machine, for what the machine of the tests does not let us do."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from debusine.testing.environment import machine_source
from debusine.util.command import Command, run

# no daemon, no device but a serial line; 6.1 and newer have control groups of version 2
KERNEL: Final = "linux-image-cloud-amd64"
_BASE = ("bash", "coreutils", "dash", "mount")
_MAKE_S = 300
_BOOT_S = 300
_MEMORY_MIB = 2048
# the first process: the kernel stops the machine as soon as it has ended
_INIT: Final = """\
#!/bin/bash
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
mount -t tmpfs tmpfs /tmp
{commands}
echo "EXIT: $?"
echo o > /proc/sysrq-trigger
sleep 60
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class VirtualMachine:
    """
    A system that lies in memory while it runs, and is forgotten then.

    :param root: its files; a caller may add some before it is started
    :param initrd: where they are packed to
    """

    root: Path
    initrd: Path

    def run(self, commands: str) -> tuple[int, str]:
        """
        Start it, run a shell's commands as root, and stop it.

        It is emulated, as processors of test machines seldom offer more: a second takes ten.

        :returns: exit status of the last command; what the machine printed
        """
        init = self.root / "init"
        init.write_text(_INIT.format(commands=commands), encoding="utf-8")
        init.chmod(0o755)
        self._pack()
        [kernel] = (self.root / "boot").glob("vmlinuz-*")
        done = run(
            Command(
                [
                    "qemu-system-x86_64", "-nodefaults", "-no-reboot", "-nographic",
                    "-accel", "tcg", "-m", str(_MEMORY_MIB), "-serial", "stdio",
                    "-kernel", str(kernel), "-initrd", str(self.initrd),
                    "-append", "console=ttyS0 quiet panic=-1",
                ],
                timeout_s=_BOOT_S,
            )
        )  # fmt: skip
        text = done.stdout.decode(errors="replace").replace("\r\n", "\n")
        found = re.search(r"^EXIT: (\d+)$", text, re.MULTILINE)
        assert found, f"it ended early:\n{text}"
        return int(found[1]), text

    def _pack(self) -> None:
        """
        Pack the files as the kernel unpacks them.

        :source: Linux, Documentation/driver-api/early-userspace/buffer-format.rst
        """
        names = run(
            Command(["find", ".", "-path", "./boot", "-prune", "-o", "-print0"], cwd=self.root)
        )
        run(
            Command(
                ["cpio", "--quiet", "-0", "-o", "-H", "newc", "-F", str(self.initrd)],
                cwd=self.root,
                stdin=names.stdout,
                timeout_s=_MAKE_S,
            )
        )


def make_virtual_machine(directory: Path, *, packages: tuple[str, ...]) -> VirtualMachine:
    """
    Make one below a directory from packages of this machine's release; needs to be root.

    Packages are unpacked, not configured: enough for programs without services.
    """
    source = machine_source()
    root = directory / "root"
    run(
        Command(
            [
                "mmdebstrap", "--quiet", "--variant=extract",
                f"--include={','.join((KERNEL, *_BASE, *packages))}",
                source.suite, str(root), f"deb {source.uri} {source.suite} main",
            ],
            timeout_s=_MAKE_S,
        )
    )  # fmt: skip
    return VirtualMachine(root=root, initrd=directory / "initrd")
