# SPDX-License-Identifier: GPL-3.0-or-later
"""The agent's end of the nursery: starts it, asks it to fork, starts it anew if it dies."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import structlog

from debusine.errors import UpstreamError
from debusine.worker.directories import TaskDirectories
from debusine.worker.nursery_protocol import CLEAN, METADATA, RUN
from debusine.worker.user import Account

_COMMAND = (sys.executable, "-P", "-m")
_NURSERY = "debusine.worker.nursery"
_STOP_S = 3
_METADATA_S = 120

log = structlog.get_logger(__name__)


class NurseryClient:
    """
    Starts a nursery and asks it for processes.

    :param modules: what it imports beside the tasks of this package
    :param program: the module that is run
    :param environment: variables for it alone; what is secret must not stand in arguments
    """

    def __init__(
        self,
        *,
        modules: Sequence[str] = (),
        log_level: str = "INFO",
        program: str = _NURSERY,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._modules = modules
        self._program = program
        self._environment = dict(environment or {})
        self._log_level = log_level
        self._process: subprocess.Popen[bytes] | None = None
        self._socket: socket.socket | None = None

    @property
    def pid(self) -> int | None:
        """Process id of the nursery, if it was started."""
        return self._process.pid if self._process is not None else None

    def start(self) -> None:
        """Start it; it takes requests at once and answers when it is warm."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            number = theirs.fileno()
            self._process = subprocess.Popen(
                [*_COMMAND, self._program, str(number), *self._modules],
                pass_fds=[number],
                stdin=subprocess.DEVNULL,
                cwd="/",
                env={
                    **os.environ,
                    "DEBUSINE_WORKER_LOG_LEVEL": self._log_level,
                    **self._environment,
                },
                start_new_session=True,
            )
        self._socket = ours

    def run(self, control: socket.socket, channel: socket.socket) -> None:
        """
        Have a supervisor made.

        :param control: its end; closed here
        :param channel: the end of the task's process; closed here
        :raises UpstreamError: if no nursery can be had
        """
        with control, channel:
            self._ask({"kind": RUN}, [control, channel])

    def clean(self, directories: TaskDirectories) -> None:
        """
        Have everything ended and removed that a dead supervisor left.

        :raises UpstreamError: if no nursery can be had
        """
        self._ask({"kind": CLEAN, "directories": directories.to_json()}, [])

    async def metadata(self, account: Account) -> dict[str, Any]:
        """
        Have this machine looked at, as the user who runs tasks.

        :raises UpstreamError: if that fails
        """
        ours, theirs = socket.socketpair()
        with theirs:
            self._ask({"kind": METADATA, "account": account.to_json()}, [theirs])
        reader, writer = await asyncio.open_connection(sock=ours)
        try:
            async with asyncio.timeout(_METADATA_S):
                metadata: dict[str, Any] = json.loads(await reader.read())
        except (TimeoutError, ValueError) as error:
            raise UpstreamError("cannot find out what this machine can do") from error
        finally:
            writer.close()
        return metadata

    def stop(self) -> None:
        """End it; supervisors go on until they are done."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        if self._process is not None:
            try:
                self._process.wait(_STOP_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None

    def _ask(self, request: dict[str, Any], sockets: Sequence[socket.socket]) -> None:
        data = json.dumps(request).encode()
        descriptors = [each.fileno() for each in sockets]
        for attempt in range(2):
            if self._socket is None:
                self.start()
            assert self._socket is not None
            try:
                socket.send_fds(self._socket, [data], descriptors)
            except OSError as error:
                log.warning("nursery-died", problem=str(error))
                with contextlib.suppress(OSError):
                    self.stop()
                if attempt:
                    raise UpstreamError("cannot start processes", details=str(error)) from error
            else:
                return
