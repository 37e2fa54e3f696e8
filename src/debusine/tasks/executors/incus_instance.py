# SPDX-License-Identifier: GPL-3.0-or-later
"""
An instance of Incus, as long as somebody uses it.

It outlives who started it, if that was killed: each has a file that its user keeps locked,
and who starts the next one removes those whose file nobody locks.
"""

from __future__ import annotations

import re
import secrets
import string
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import structlog
from typing_extensions import override

from debusine.errors import DebusineError
from debusine.tasks.executors.base import Instance, InstanceError, InstanceStateError
from debusine.tasks.executors.incus_client import Incus
from debusine.tasks.executors.instance import Stream
from debusine.util.command import CommandError, Completed
from debusine.util.file_lock import FileLock, try_lock
from debusine.util.userns import PATH

log = structlog.get_logger(__name__)

INSTANCES = ".incus-instances"
_PREFIX = "debusine-"
_LETTERS = 6
_BOOT_S = 60
_POLL_S = 0.2
_READY = frozenset({"running", "degraded", "maintenance"})
_WAITING = re.compile(
    r"offline|unknown|initializing|starting|VM agent isn't currently running|Failed to connect to"
    r" (system scope )?bus|Instance is not running"
)
# Incus 6.0 stops reading when the process it started has ended, and may miss what that wrote last
_LINGER = '"$@"; status=$?; sleep 0.05; exit $status'
_USED: Final = {
    "memory": "incus_memory_MemTotal_bytes",
    "free": "incus_memory_MemFree_bytes",
    "received": "incus_network_receive_bytes_total",
    "sent": "incus_network_transmit_bytes_total",
    "cpus": "incus_cpu_effective_total",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """
    What instances are made of.

    :param alias: of their image
    :param is_machine: virtual machines; otherwise containers
    :param max_processes: that a container may have, threads included
    :param directory: for the files that say which instances are in use
    """

    alias: str
    is_machine: bool
    max_processes: int
    directory: Path


class IncusInstance(Instance):
    """A container or a virtual machine, on the network of the profile."""

    def __init__(self, incus: Incus, plan: Plan) -> None:
        super().__init__()
        self._incus = incus
        self._plan = plan
        self._lock: FileLock | None = None

    @property
    def name(self) -> str:
        """
        How Incus calls it.

        :raises InstanceStateError: if it does not run
        """
        if self._lock is None:
            raise InstanceStateError("the instance is not running")
        return self._lock.path.name

    @override
    def is_started(self) -> bool:
        return self._lock is not None

    @override
    def _start(self) -> None:
        remove_abandoned(self._incus, self._plan.directory)
        self._lock = _new_name(self._plan.directory)
        try:
            self._launch()
            self._wait()
        except BaseException:
            self._stop()
            raise

    def _launch(self) -> None:
        # the kernel counts what a machine runs as one process
        limits = {"limits.processes": str(self._plan.max_processes)}
        config = {} if self._plan.is_machine else limits
        try:
            self._incus.launch(
                self._plan.alias, self.name, config=config, is_machine=self._plan.is_machine
            )
        except CommandError as error:
            raise InstanceError(
                "Incus did not start an instance", details=error.explain()
            ) from error

    def _wait(self) -> None:
        """Wait until the system has booted, whether all of its services are well or not."""
        deadline = time.monotonic() + _BOOT_S
        said = ""
        while time.monotonic() < deadline:
            done = self._ask(["systemctl", "is-system-running"])
            if done.text.strip() in _READY:
                return
            answer = f"{done.text}{done.stderr.decode(errors='replace')}".strip()
            if answer not in {said, ""} and not _WAITING.search(answer):
                log.warning("instance-answer", instance=self.name, answer=answer[:500])
            said = answer
            time.sleep(_POLL_S)
        raise InstanceError(
            f"the instance did not boot within {_BOOT_S} s, or lacks the agent of Incus",
            details=said,
        )

    @override
    def restart(self) -> None:
        super().restart()
        self._incus.restart(self.name)
        self._wait()

    @override
    def _stop(self) -> None:
        if self._lock is not None:
            self._incus.delete(self.name)
            _forget(self._lock)
            self._lock = None

    @override
    def _cut_network(self) -> bool:
        self._incus.cut_network(self.name)
        return True

    @override
    def _popen(
        self,
        args: Sequence[str],
        *,
        cwd: Path | None,
        env: Mapping[str, str],
        user: tuple[int, int],
        stdin: Stream,
        stdout: Stream,
        stderr: Stream,
    ) -> subprocess.Popen[bytes]:
        variables = [f"{name}={value}" for name, value in {**env, "PATH": PATH}.items()]
        return self._incus.popen(
            self.name,
            # the client adds variables of its own
            ["sh", "-c", _LINGER, "linger", "env", "-i", *variables, *args],
            cwd=cwd or Path("/"),
            user=user,
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
        )

    def _ask(self, command: Sequence[str]) -> Completed:
        """Run a short command as root."""
        return self._incus.run_inside(self.name, ["sh", "-c", _LINGER, "linger", *command])

    def measure(self) -> dict[str, int]:
        """
        What it uses, by ``memory``, ``free``, ``received``, ``sent`` and ``cpus``.

        :returns: in bytes, except processors; without what Incus does not know
        """
        return _samples(self._incus.metrics(), self.name)

    def disk_usage(self) -> tuple[int, int] | None:
        """Bytes of its file system that are used, and all of them; what it says itself."""
        command = ["stat", "--file-system", "--format=%S %b %f", "/"]
        found = re.fullmatch(
            r"(\d{1,9}) (\d{1,15}) (\d{1,15})",
            self._ask(command).text.strip(),
        )
        if found is None:
            return None
        size, blocks, free = map(int, found.groups())
        return size * (blocks - free), size * blocks


def remove_abandoned(incus: Incus, directory: Path) -> None:
    """Remove instances of ours whose user was killed."""
    for path in directory.glob(f"{_PREFIX}*"):
        lock = try_lock(path)
        if lock is not None:
            # one that cannot be removed now may be later
            with suppress(DebusineError):
                incus.delete(path.name)
                _forget(lock)
                log.info("instance-removed", instance=path.name)
            lock.release()


def _new_name(directory: Path) -> FileLock:
    directory.mkdir(mode=0o755, parents=True, exist_ok=True)
    while True:
        letters = "".join(secrets.choice(string.ascii_lowercase) for _ in range(_LETTERS))
        path = directory / f"{_PREFIX}{letters}"
        if not path.exists() and (lock := try_lock(path)) is not None:
            return lock


def _forget(lock: FileLock) -> None:
    lock.path.unlink(missing_ok=True)
    lock.release()


def _samples(metrics: str, name: str) -> dict[str, int]:
    """
    Find what is about an instance; what is counted for each device is added up.

    >>> text = '''
    ... incus_network_receive_bytes_total{device="lo",name="a",type="container"} 5
    ... incus_network_receive_bytes_total{device="host0",name="a",type="container"} 7
    ... incus_network_receive_bytes_total{device="host1",name="a",type="container"} 1e+03
    ... incus_memory_MemFree_bytes{name="b",type="container"} 4
    ... '''
    >>> _samples(text, "a")
    {'received': 1007}
    """
    keys = {metric: key for key, metric in _USED.items()}
    found: dict[str, int] = {}
    for line in metrics.splitlines():
        match = re.fullmatch(r"(\w+)\{(.*)\} ([0-9.e+]+)", line.strip())
        if match is None or match[1] not in keys or f'name="{name}"' not in match[2].split(","):
            continue
        if 'device="lo"' not in match[2]:
            key = keys[match[1]]
            found[key] = found.get(key, 0) + int(float(match[3]))
    return found
