# SPDX-License-Identifier: GPL-3.0-or-later
"""systemd units that run the server of this machine."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

UNIT_NAME = "debusine.service"
_TEMPLATE = """\
# SPDX-License-Identifier: GPL-3.0-or-later
# Written by debusine up --service.
[Unit]
Description=Debusine: server, jobs and one worker
After=network-online.target
Wants=network-online.target

[Service]
# settings, if there are any
EnvironmentFile=-/etc/debusine/server.env
ExecStart={command}
Restart=on-failure
RestartSec=5
# the agent ends its tasks and removes their trees
KillMode=mixed
TimeoutStopSec=30
# the agent keeps each of several tasks to its memory
Delegate=yes
{limits}
[Install]
WantedBy={target}
"""
# a user's manager may not limit capabilities; its services have none
_LIMITS = """\
# what neither server, agent nor builds ever do. Stricter options are in the way of builds:
# they run setuid programs (newuidmap), make namespaces with a proc and devices of their own,
# and may be of another architecture
CapabilityBoundingSet=~CAP_AUDIT_CONTROL CAP_BPF CAP_LINUX_IMMUTABLE CAP_MAC_ADMIN
CapabilityBoundingSet=~CAP_MAC_OVERRIDE CAP_SYS_BOOT CAP_SYS_MODULE CAP_SYS_PACCT
CapabilityBoundingSet=~CAP_SYS_RAWIO CAP_SYS_TIME CAP_SYSLOG CAP_WAKE_ALARM
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Unit:
    """A unit, where it goes, and the commands that make it run from now on."""

    path: Path
    text: str
    commands: tuple[str, ...]


def unit_path(*, is_root: bool) -> Path:
    """Where systemd looks for the unit: of the system, or of the user."""
    if is_root:
        return Path("/etc/systemd/system") / UNIT_NAME
    base = os.environ.get("XDG_CONFIG_HOME") or str(Path.home() / ".config")
    return Path(base) / "systemd" / "user" / UNIT_NAME


def make_unit(command: Sequence[str], *, is_root: bool) -> Unit:
    """
    Compose the unit.

    :param command: program and arguments of the server
    :param is_root: a unit of the system; otherwise one of the user
    """
    systemctl = "systemctl" if is_root else "systemctl --user"
    commands = [f"{systemctl} daemon-reload", f"{systemctl} enable --now {UNIT_NAME}"]
    if not is_root:
        # else it runs only while the user is logged in
        commands.append("loginctl enable-linger")
    return Unit(
        path=unit_path(is_root=is_root),
        text=_TEMPLATE.format(
            limits=_LIMITS if is_root else "",
            command=" ".join(_quote(word) for word in command),
            target="multi-user.target" if is_root else "default.target",
        ),
        commands=tuple(commands),
    )


def _quote(word: str) -> str:
    """
    Quote one word of a command line.

    :source: systemd.service(5), systemd.unit(5)

    >>> _quote("a b%")
    '"a b%%"'
    """
    word = word.replace("%", "%%").replace("$", "$$")
    if not word or set(word) & set(" \t\"'\\;"):
        return '"' + word.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return word
