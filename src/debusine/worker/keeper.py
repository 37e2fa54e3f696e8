# SPDX-License-Identifier: GPL-3.0-or-later
"""
What the process of a task does once the task has ended, if people want its environment.

If the agent asks, it says what there is, and the agent decides. From then on it passes bytes
between the agent and terminals in the environment, until it is told to stop or the agent is
gone.
"""

from __future__ import annotations

import select
import signal
import socket
import subprocess
import time
from typing import Any

from debusine.domain.hold import MAX_TERMINALS
from debusine.errors import DebusineError
from debusine.tasks.kept_environment import KeptEnvironment
from debusine.tasks.with_executor import BaseTaskWithExecutor
from debusine.wire.base import WireModel
from debusine.wire.terminal import TerminalExit, TerminalOpen, parse_frame
from debusine.worker.channel import HELD, FrameReader, TaskChannel
from debusine.worker.nursery_protocol import KEEP, OFFER, STOP
from debusine.worker.terminal import Terminal

TICK_S = 0.25
_MEASURE_S = 15.0
_NOTHING = "the task has no sandbox that can be kept"


class Keeper:
    """
    Keeps the environment of one task.

    :param connection: to the agent
    :param channel: the same, for frames
    """

    def __init__(self, connection: socket.socket, channel: TaskChannel) -> None:
        self._reader = FrameReader(connection)
        self._channel = channel
        self._task: BaseTaskWithExecutor[Any, Any] | None = None
        self._terminals: dict[int, Terminal] = {}
        self._max_bytes = 0
        self._is_kept = False
        self._stops = False

    def watch(self, task: object) -> None:
        """Have a task leave its environment to us."""
        if isinstance(task, BaseTaskWithExecutor):
            task.keeps_environment = True
            self._task = task

    def run(self) -> None:
        """Offer what is left, if the agent wants to hear of it, and keep it as long as it wants."""
        # the task has ended: there is nothing that could be interrupted in good order
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        order = self._reader.read()
        if order is None or order["order"] != OFFER:
            self._drop()
            return
        try:
            environment = self._find()
        except (DebusineError, OSError, subprocess.SubprocessError) as error:
            why = error.explain() if isinstance(error, DebusineError) else str(error)
            self._say({"reason": f"its environment cannot be kept: {why}"[:400]})
            return
        try:
            if environment is None:
                self._say({"reason": _NOTHING})
                return
            instance = environment.instance
            size = instance.used_bytes()
            self._say({"network": instance.has_network, "size_bytes": size})
            self._serve(environment)
        finally:
            self._end(environment)
            self._drop()

    def _find(self) -> KeptEnvironment | None:
        if self._task is None or self._task.aborted:
            return None
        environment = self._task.kept_environment()
        if environment is not None:
            environment.end_processes()
        return environment

    def _serve(self, environment: KeptEnvironment) -> None:
        measure_at = time.monotonic() + _MEASURE_S
        while not self._stops:
            now = time.monotonic()
            self._exchange()
            for terminal in list(self._terminals.values()):
                terminal.tick(now=now)
                if terminal.is_closed:
                    self._forget(terminal, environment)
            self._take_orders(environment)
            if self._is_kept and now >= measure_at:
                measure_at = now + _MEASURE_S
                if (size := environment.instance.used_bytes()) > self._max_bytes:
                    mib = size >> 20
                    self._say({"reason": f"its files took {mib} MiB, more than the worker allows"})
                    return

    def _exchange(self) -> None:
        """Wait until something can be read or written, and do that."""
        terminals = list(self._terminals.values())
        reads = [one.master for one in terminals if one.wants_output]
        writes = [one.master for one in terminals if one.wants_to_write]
        pause_s = TICK_S if terminals else _MEASURE_S
        agent = self._reader.connection.fileno()
        readable, writable, _ = select.select([agent, *reads], writes, [], pause_s)
        if agent in readable and not self._reader.receive():
            self._stops = True
        for terminal in terminals:
            if terminal.master in readable:
                terminal.read(now=time.monotonic())
            if terminal.master in writable:
                terminal.write()

    def _take_orders(self, environment: KeptEnvironment) -> None:
        while (message := self._reader.take()) is not None:
            order = message.get("order")
            if order == KEEP:
                self._is_kept = True
                self._max_bytes = message["max_bytes"]
            elif order == STOP:
                self._stops = True
            else:
                self._take_frame(message, environment)

    def _take_frame(self, message: dict[str, Any], environment: KeptEnvironment) -> None:
        """Pass on what the server sends for a terminal; the agent has looked at its form."""
        frame, now = parse_frame(message), time.monotonic()
        terminal = self._terminals.get(frame.terminal)
        if terminal is not None:
            terminal.take(frame, now=now)
        elif isinstance(frame, TerminalOpen):
            try:
                self._open(frame, environment, now=now)
            except (DebusineError, OSError, subprocess.SubprocessError) as error:
                why = error.explain() if isinstance(error, DebusineError) else str(error)
                reason = f"it cannot be opened: {why}"[:400]
                self._pass(TerminalExit(terminal=frame.terminal, reason=reason))

    def _open(self, frame: TerminalOpen, environment: KeptEnvironment, *, now: float) -> None:
        if len(self._terminals) >= MAX_TERMINALS:
            reason = f"there are {MAX_TERMINALS} terminals in it already"
            self._pass(TerminalExit(terminal=frame.terminal, reason=reason))
            return
        self._terminals[frame.terminal] = Terminal(environment, frame, self._pass, now=now)

    def _forget(self, terminal: Terminal, environment: KeptEnvironment) -> None:
        del self._terminals[terminal.number]
        if not self._terminals:
            # what got away from its terminal
            environment.end_processes()

    def _drop(self) -> None:
        """Do what the clean-up of the task left to us."""
        if self._task is not None:
            self._task.stop_instance()

    def _end(self, environment: KeptEnvironment | None) -> None:
        for terminal in self._terminals.values():
            terminal.close()
        if environment is not None and environment.instance.is_started():
            environment.instance.stop()

    def _pass(self, frame: WireModel) -> None:
        self._channel.send_message(frame.model_dump(mode="json"))

    def _say(self, offer: dict[str, Any]) -> None:
        self._channel.send_message(offer, kind=HELD)
