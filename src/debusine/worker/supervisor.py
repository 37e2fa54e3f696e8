# SPDX-License-Identifier: GPL-3.0-or-later
"""
Looks after a task: starts it, ends all that it started, removes all that it wrote.

It outlives the agent for as long as that takes: when the agent's end of the control
socket closes, everything of the task goes. One task after the other: a fork, and what
each process of Python copies of the nursery's memory, cost more than small tasks.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import time
from pathlib import Path
from typing import Any, NoReturn

import structlog

from debusine.errors import DebusineError
from debusine.util.tree_size import TreeMeter
from debusine.worker.channel import FrameReader, pack_message
from debusine.worker.child import run_child
from debusine.worker.directories import TaskDirectories
from debusine.worker.nursery_protocol import ABORT, ENDED, RELEASE
from debusine.worker.processes import (
    become_subreaper,
    descendants,
    kill_descendants,
    memory_bytes,
    reap,
    set_name,
)
from debusine.worker.trade import EXTERNAL, Trade

# of the two seconds that an abort may take: what a command that does not listen leaves of it
# is for the clean-up, as a sandbox may be more than processes that can be killed
GRACE_S = 1.4
_SAMPLE_S = 5.0
_TAIL_BYTES = 4096

log = structlog.get_logger(__name__)


def supervise(orders: socket.socket, wakeup: socket.socket, trade: Trade = EXTERNAL) -> NoReturn:
    """
    Look after one task after the other, then end.

    :param orders: brings two sockets for each task: to the agent, and for the task's process
        to the agent; takes a byte when we are ready for the next one
    :param wakeup: becomes readable when a child has ended
    :param trade: what kind of worker runs the tasks
    """
    set_name("task-watch")
    become_subreaper()
    while True:
        data, descriptors, _, _ = socket.recv_fds(orders, 1, 2)
        if not data:
            os._exit(0)
        control, channel = (socket.socket(fileno=descriptor) for descriptor in descriptors)
        with control:
            if not _look_after(control, channel, [orders, wakeup], trade):
                os._exit(1)
        # it may not want to hear of us any more
        with contextlib.suppress(OSError):
            orders.send(b"i")


def _look_after(
    control: socket.socket, channel: socket.socket, ours: list[socket.socket], trade: Trade
) -> bool:
    """
    Look after one task. What it is about, only its own process hears, over the channel.

    :param ours: our sockets: to the nursery, and to be woken up
    :returns: whether nothing of it is left
    """
    reader = FrameReader(control)
    message = reader.read()
    if message is None:
        channel.close()
        return True
    child = os.fork()
    if child == 0:
        for each in (control, *ours):
            each.close()
        signal.set_wakeup_fd(-1)
        run_child(channel, trade)
    channel.close()
    _, wakeup = ours
    directories = TaskDirectories.from_json(message["directories"])
    watch = _Watch(reader, wakeup, child=child, directories=directories, shared=message["shared"])
    return watch.run()


class _Watch:
    def __init__(
        self,
        reader: FrameReader,
        wakeup: socket.socket,
        *,
        child: int,
        directories: TaskDirectories,
        shared: bool,
    ) -> None:
        self._reader = reader
        self._wakeup = wakeup
        self._child = child
        self._directories = directories
        self._status: int | None = None
        self._kill_at: float | None = None
        self._agent_lives = True
        self._memory_bytes = 0
        self._disk_bytes = 0
        self._free_at_start = self._free_bytes()
        # where others write beside it, what is free tells nothing
        self._meter = (
            TreeMeter(directories.work, directories.home, directories.scratch) if shared else None
        )

    def run(self) -> bool:
        """
        Wait for the end, bring it about if need be, and clean up.

        :returns: whether no process is left
        """
        self._wait()
        problem = self._end_everything()
        self._tell(
            {
                "event": ENDED,
                "status": self._status,
                "output": _tail(self._directories.output),
                "memory": self._memory_bytes or None,
                "disk_space": self._disk_bytes or None,
                "problem": problem,
            }
        )
        self._remove(self._directories.remove_task_parts)
        while self._agent_lives:
            self._receive()
        self._remove(self._directories.remove)
        return problem is None

    def _wait(self) -> None:
        """Until the task's process has ended, or is to be killed."""
        next_sample = time.monotonic() + _SAMPLE_S
        while self._status is None and self._agent_lives:
            now = time.monotonic()
            if self._kill_at is not None and now >= self._kill_at:
                return
            if now >= next_sample:
                self._sample()
                next_sample = now + _SAMPLE_S
            until = next_sample if self._kill_at is None else min(next_sample, self._kill_at)
            sockets = [self._reader.connection, self._wakeup]
            readable, _, _ = select.select(sockets, [], [], max(0.0, until - now))
            if self._wakeup in readable:
                self._wakeup.recv(4096)
                self._status = reap().get(self._child, self._status)
            if self._reader.connection in readable:
                self._receive()

    def _receive(self) -> None:
        if not self._reader.receive():
            self._agent_lives = False
            return
        while (message := self._reader.take()) is not None:
            if message["order"] == RELEASE:
                self._agent_lives = False
            elif message["order"] == ABORT and self._status is None and self._kill_at is None:
                self._kill_at = time.monotonic() + GRACE_S
                with contextlib.suppress(ProcessLookupError):
                    os.kill(self._child, signal.SIGTERM)

    def _end_everything(self) -> str | None:
        try:
            ended = kill_descendants(os.getpid())
        except TimeoutError as error:
            log.exception("processes-stay")
            return str(error)
        if self._status is None:
            self._status = ended.get(self._child)
        return None

    def _tell(self, message: dict[str, Any]) -> None:
        with contextlib.suppress(OSError):
            self._reader.connection.sendall(pack_message(message))

    def _remove(self, action: Any) -> None:
        for attempt in range(5):
            try:
                action()
            except (DebusineError, OSError) as error:
                log.warning("removal-failed", path=str(self._directories.root), problem=str(error))
                time.sleep(0.2 * attempt)
            else:
                return
        log.error("directory-stays", path=str(self._directories.root))

    def _sample(self) -> None:
        memory = memory_bytes(descendants(os.getpid()))
        self._memory_bytes = max(self._memory_bytes, memory)
        used = self._free_at_start - self._free_bytes() if self._meter is None else None
        if self._meter is not None:
            used = self._meter.poll()
        self._disk_bytes = max(self._disk_bytes, used or 0)

    def _free_bytes(self) -> int:
        try:
            free = os.statvfs(self._directories.scratch)
        except OSError:
            return 0
        return free.f_bavail * free.f_frsize


def _tail(path: Path) -> str:
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - _TAIL_BYTES))
            return file.read().decode(errors="replace")
    except OSError:
        return ""
