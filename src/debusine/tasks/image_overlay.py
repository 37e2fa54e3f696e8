# SPDX-License-Identifier: GPL-3.0-or-later
"""
Files that a system needs to be a virtual machine's: the agent of Incus, and its boot loader's.

Incus gives its agent to each machine as a shared directory called ``config``, and talks to it
through a port called ``org.linuxcontainers.incus``. Elsewhere, neither is there, and nothing
starts.

:source: Incus, "Install the Incus agent into virtual machine instances"; kernel-install(8),
    bootctl(1), deb-kernel hooks of the Debian kernel handbook
"""

from __future__ import annotations

from dataclasses import dataclass

_EXECUTABLE, _PLAIN = 0o755, 0o644

AGENT_SERVICE = """\
[Unit]
Description=Agent of Incus
Before=multi-user.target cloud-init.target cloud-init.service cloud-init-local.service
DefaultDependencies=no

[Service]
Type=notify
WorkingDirectory=-/run/incus_agent
ExecStartPre=/lib/systemd/incus-agent-setup
ExecStart=/run/incus_agent/incus-agent
Restart=on-failure
RestartSec=5s
StartLimitBurst=10
"""

AGENT_SETUP = """\
#!/bin/sh
# Fetch the agent from the directory that Incus shares; the share is gone afterwards.
set -eu
place=/run/incus_agent
share=$place/.share
mkdir -p "$share"
chmod 0700 "$place"
modprobe virtiofs 2>/dev/null || true
if ! mount -t virtiofs config "$share" -o ro 2>/dev/null; then
    modprobe 9pnet_virtio 2>/dev/null || true
    mount -t 9p config "$share" -o ro,access=0,trans=virtio,size=1048576
fi
cp -RL --no-preserve=ownership "$share"/. "$place"/
umount "$share"
rmdir "$share"
chmod 0755 "$place"/incus-agent
"""

AGENT_RULES = """\
SYMLINK=="virtio-ports/org.linuxcontainers.incus", TAG+="systemd", \
ENV{SYSTEMD_WANTS}+="incus-agent.service"
"""

_BOOT_LOADER = """\
#!/bin/sh
# Tell systemd-boot of a kernel that has come or gone.
set -eu
command -v bootctl >/dev/null || exit 0
version=$(bootctl --version | sed -n '1s/^systemd \\([0-9]*\\).*/\\1/p')
if [ "${version:-0}" -ge 243 ]; then
    bootctl is-installed --quiet || exit 0
else
    bootctl status 2>/dev/null | grep -q 'systemd-boot' || exit 0
fi
"""

KERNEL_ADD = f'{_BOOT_LOADER}exec kernel-install add "$1" "$2"\n'
KERNEL_REMOVE = f'{_BOOT_LOADER}exec kernel-install remove "$1"\n'


@dataclass(frozen=True, kw_only=True, slots=True)
class OverlayFile:
    """
    A file of the new system.

    :param path: in it, without a slash in front
    """

    path: str
    mode: int
    text: str


OVERLAY = (
    OverlayFile(path="lib/systemd/system/incus-agent.service", mode=_PLAIN, text=AGENT_SERVICE),
    OverlayFile(path="lib/systemd/incus-agent-setup", mode=_EXECUTABLE, text=AGENT_SETUP),
    OverlayFile(path="lib/udev/rules.d/99-incus-agent.rules", mode=_PLAIN, text=AGENT_RULES),
    OverlayFile(
        path="etc/kernel/postinst.d/zz-update-systemd-boot", mode=_EXECUTABLE, text=KERNEL_ADD
    ),
    OverlayFile(
        path="etc/kernel/postrm.d/zz-update-systemd-boot", mode=_EXECUTABLE, text=KERNEL_REMOVE
    ),
)
