# SPDX-License-Identifier: GPL-3.0-or-later
"""What a machine's state means for somebody who wants to build."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from debusine.cli.health.machine import OPTIONAL_TOOLS, TOOLS, Machine, Trouble
from debusine.domain.executor import BackendType
from debusine.util.shared_memory import unmounting

GIB = 2**30
NEEDED_DISK_BYTES = GIB
ENOUGH_DISK_BYTES = 5 * GIB
NEEDED_MEMORY_BYTES = GIB // 2
ENOUGH_MEMORY_BYTES = 2 * GIB
# an unpacked environment and a build of middling size
ENOUGH_SHARED_MEMORY_BYTES = 3 * GIB
OLDEST_PYTHON = (3, 11)


class Level(StrEnum):
    """How bad it is: an error prevents building."""

    OK = "ok"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One thing that was checked; ``remedy`` is empty where there is nothing to mend."""

    check: str
    level: Level
    brief: str
    remedy: str = ""


def judge(machine: Machine) -> list[Finding]:
    """Check everything, in the order in which a person would mend it; never empty."""
    return [
        _python(machine),
        _tools(machine),
        _optional_tools(machine),
        _trouble(
            "namespaces",
            machine.namespaces,
            "root can lend a user namespace to the worker's user"
            if machine.is_root
            else "user namespaces with subordinate ids work",
        ),
        _disk(machine),
        _memory(machine),
        _shared_memory(machine),
        _limits(machine),
        _executors(machine),
        _trouble("mirror", machine.mirror, "APT's first source answers"),
    ]


def _python(machine: Machine) -> Finding:
    version = ".".join(map(str, machine.python))
    if machine.python < OLDEST_PYTHON:
        return Finding(
            check="python",
            level=Level.ERROR,
            brief=f"Python {version} is too old",
            remedy="Install Python 3.11 or later, as Debian 12 and 13 have it.",
        )
    return Finding(check="python", level=Level.OK, brief=f"Python {version}")


def _tools(machine: Machine) -> Finding:
    missing = [tool for tool in TOOLS if tool in machine.missing]
    if missing:
        return Finding(
            check="tools",
            level=Level.ERROR,
            brief=f"missing: {', '.join(missing)}",
            remedy=_install(TOOLS, missing),
        )
    return Finding(check="tools", level=Level.OK, brief=", ".join(TOOLS))


def _optional_tools(machine: Machine) -> Finding:
    missing = [tool for tool in OPTIONAL_TOOLS if tool in machine.missing]
    if missing:
        return Finding(
            check="optional tools",
            level=Level.WARNING,
            brief=f"missing: {', '.join(missing)} (for git trees, other architectures)",
            remedy=_install(OPTIONAL_TOOLS, missing),
        )
    return Finding(check="optional tools", level=Level.OK, brief=", ".join(OPTIONAL_TOOLS))


def _install(packages: dict[str, str], missing: list[str]) -> str:
    names = " ".join(dict.fromkeys(packages[tool] for tool in missing))
    return f"apt-get install --no-install-recommends {names}   # as an administrator"


def _disk(machine: Machine) -> Finding:
    free = _gib(machine.data_free_bytes)
    brief = f"{free} free for {machine.data_dir}"
    if machine.data_free_bytes >= ENOUGH_DISK_BYTES:
        return Finding(check="disk", level=Level.OK, brief=brief)
    return Finding(
        check="disk",
        level=Level.ERROR if machine.data_free_bytes < NEEDED_DISK_BYTES else Level.WARNING,
        brief=f"only {brief}",
        remedy="Make room, or put the data elsewhere: debusine up --data-dir DIR",
    )


def _memory(machine: Machine) -> Finding:
    brief = f"{_gib(machine.memory_bytes)} of memory available"
    if machine.memory_bytes >= ENOUGH_MEMORY_BYTES:
        return Finding(check="memory", level=Level.OK, brief=brief)
    return Finding(
        check="memory",
        level=Level.ERROR if machine.memory_bytes < NEEDED_MEMORY_BYTES else Level.WARNING,
        brief=f"only {brief}",
        remedy="End programs that are not needed, or add memory or swap.",
    )


def _shared_memory(machine: Machine) -> Finding:
    points = machine.shared_memory_mounts
    if points:
        named = ", ".join(map(str, points))
        return Finding(
            check="shared memory",
            level=Level.WARNING,
            brief=f"mounted below /dev/shm: {named}; meanwhile no environment can be made",
            remedy=unmounting(points),
        )
    if machine.shared_memory_bytes >= ENOUGH_SHARED_MEMORY_BYTES:
        brief = f"{_gib(machine.shared_memory_bytes)} free in /dev/shm"
        return Finding(check="shared memory", level=Level.OK, brief=brief)
    return Finding(
        check="shared memory",
        level=Level.WARNING,
        brief=f"only {_gib(machine.shared_memory_bytes)} free in /dev/shm: builds are slower",
        remedy="mount -o remount,size=4G,mode=1777 /dev/shm   # as an administrator",
    )


def _limits(machine: Machine) -> Finding:
    """It matters to workers with several slots only, and prevents nothing."""
    brief = (
        "a worker that runs as a systemd unit keeps each of several tasks to its memory"
        if machine.unlimited is None
        else f"several tasks at once are not kept to their memory: {machine.unlimited}"
    )
    return Finding(check="limits", level=Level.OK, brief=brief)


def _executors(machine: Machine) -> Finding:
    """Nobody needs them to build."""
    backends = [backend for backend in BackendType if backend is not BackendType.AUTO]
    usable = [backend for backend in backends if backend not in machine.unusable]
    missing = [f"not {backend} ({why})" for backend, why in machine.unusable.items()]
    brief = "; ".join([", ".join(usable), *missing])
    return Finding(check="executors", level=Level.OK, brief=brief)


def _trouble(check: str, trouble: Trouble | None, well: str) -> Finding:
    if trouble is None:
        return Finding(check=check, level=Level.OK, brief=well)
    return Finding(check=check, level=Level.ERROR, brief=trouble.brief, remedy=trouble.remedy)


def _gib(size_bytes: int) -> str:
    """
    Write a size for people.

    >>> _gib(3 * 2**29)
    '1.5 GiB'
    """
    return f"{size_bytes / GIB:.1f} GiB"


def worst(findings: list[Finding]) -> Level:
    """
    Return the worst level of several findings.

    >>> worst([])
    <Level.OK: 'ok'>
    """
    levels = list(Level)
    return max((finding.level for finding in findings), key=levels.index, default=Level.OK)


def lines(findings: list[Finding]) -> Iterator[str]:
    """Text for people: one line per finding, and one per remedy."""
    for finding in findings:
        yield f"{finding.level:7}  {finding.check}: {finding.brief}"
        if finding.remedy:
            yield f"         mend it: {finding.remedy}"
