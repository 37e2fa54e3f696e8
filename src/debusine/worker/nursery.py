# SPDX-License-Identifier: GPL-3.0-or-later
"""
A warm Python that forks: starting a task costs a fork, not the import of everything.

It has one thread, so that forks are safe. It talks to the agent over a socket that it
is given (``python -m debusine.worker.nursery FD [MODULE...]``) and ends when the agent
closes it. Requests are JSON objects; sockets come along with them.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import select
import signal
import socket
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from functools import partial
from types import FrameType
from typing import Any, NoReturn

import structlog

from debusine.artifacts.base import all_kinds
from debusine.errors import DebusineError
from debusine.tasks.executors.registry import executors
from debusine.tasks.registry import load_kinds
from debusine.util.log import configure_logging
from debusine.worker.child import isolate
from debusine.worker.crew import Crew
from debusine.worker.directories import TaskDirectories
from debusine.worker.metadata import collect_metadata
from debusine.worker.nursery_protocol import CLEAN, METADATA, RUN
from debusine.worker.processes import become_subreaper, kill_descendants, reap, set_name
from debusine.worker.supervisor import supervise
from debusine.worker.trade import EXTERNAL, Trade
from debusine.worker.user import Account

MAX_REQUEST_BYTES = 64 * 1024
# imported on first use only, which may be by a user who cannot read our Python's library
_LAZY = (
    "_strptime", "bz2", "concurrent.futures.thread", "ctypes.util", "decimal",
    "encodings.ascii", "encodings.idna", "encodings.latin_1", "encodings.unicode_escape",
    "fcntl", "getpass", "grp", "gzip", "http.cookies", "locale", "lzma", "mimetypes",
    "multiprocessing.connection", "netrc", "stringprep", "tarfile", "termios", "uuid",
    "xml.etree.ElementTree", "zipfile", "zoneinfo", "zstandard",
)  # fmt: skip

log = structlog.get_logger(__name__)


def main(argv: list[str], trade: Trade = EXTERNAL) -> None:
    """
    Serve an agent.

    :param argv: number of the socket's descriptor, then modules to import
    :param trade: what kind of worker the agent is
    """
    agent = socket.socket(fileno=int(argv[0]))
    agent.set_inheritable(False)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        # the agent decides; its end of the socket says when we are done
        signal.signal(number, signal.SIG_IGN)
    set_name("task-nursery")
    configure_logging(os.environ.get("DEBUSINE_WORKER_LOG_LEVEL", "INFO"), stream=sys.stderr)
    warm_up(argv[1:])
    become_subreaper()
    gc.collect()
    gc.freeze()
    _Nursery(agent, trade).serve()


def warm_up(modules: Sequence[str]) -> None:
    """
    Import all that a task will need; later it may not be able to, and it would cost each task.

    :param modules: more of them
    """
    load_kinds()
    all_kinds()
    executors()
    for name in (*_LAZY, *modules):
        importlib.import_module(name)


def _on_child(number: int, frame: FrameType | None) -> None:
    """Nothing: the wake-up socket says it."""


class _Nursery:
    def __init__(self, agent: socket.socket, trade: Trade) -> None:
        self._agent = agent
        self._trade = trade
        self._crew = Crew()
        self._listen_for_children()

    def _listen_for_children(self) -> None:
        self._wakeup, writer = socket.socketpair()
        writer.settimeout(0)
        self._writer = writer
        signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, _on_child)

    def serve(self) -> None:
        """Fork on request until the agent has gone."""
        while True:
            pause = self._crew.dismiss(now_s=time.monotonic())
            sockets = [self._agent, self._wakeup, *self._crew.busy]
            readable, _, _ = select.select(sockets, [], [], pause)
            if self._wakeup in readable:
                self._wakeup.recv(4096)
                self._crew.forget(reap().keys())
            self._crew.take_back(readable, now_s=time.monotonic())
            if self._agent in readable:
                data, descriptors, _, _ = socket.recv_fds(self._agent, MAX_REQUEST_BYTES, 8)
                if not data:
                    break
                self._answer(json.loads(data), [socket.socket(fileno=fd) for fd in descriptors])
        self._end_strays()
        # supervisors end as our sockets close
        signal.set_wakeup_fd(-1)

    def _end_strays(self) -> None:
        """End what dead supervisors left; those that live look after their own."""
        try:
            kill_descendants(os.getpid(), keep=self._crew.pids, timeout_s=5)
        except TimeoutError:
            log.exception("strays-stay")

    def _answer(self, request: dict[str, Any], sockets: list[socket.socket]) -> None:
        if request["kind"] == RUN:
            if not self._crew.assign(sockets):
                self._add_supervisor(sockets)
        elif os.fork() == 0:
            self._become(partial(self._do, request, sockets))
        for each in sockets:
            each.close()

    def _add_supervisor(self, task: list[socket.socket]) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        pid = os.fork()
        if pid == 0:
            for each in (ours, *task):
                each.close()
            self._become(partial(self._supervise, theirs))
        theirs.close()
        self._crew.add(pid, ours, task)

    def _become(self, do: Callable[[], None]) -> NoReturn:
        """In the new process: do what was asked and end."""
        try:
            self._agent.close()
            self._wakeup.close()
            self._writer.close()
            do()
        except BaseException:  # noqa: BLE001  the end of this process, whatever it was
            traceback.print_exc()
            os._exit(1)
        os._exit(0)

    def _supervise(self, orders: socket.socket) -> None:
        self._crew.leave()
        self._listen_for_children()
        supervise(orders, self._wakeup, self._trade)

    def _do(self, request: dict[str, Any], sockets: list[socket.socket]) -> None:
        keep = self._crew.pids | {os.getpid()}
        self._crew.leave()
        signal.set_wakeup_fd(-1)
        if request["kind"] == METADATA:
            isolate(Account(**request["account"]))
            answer = json.dumps(collect_metadata(self._trade)).encode()
            sockets[0].sendall(answer)
        elif request["kind"] == CLEAN:
            _clean(TaskDirectories.from_json(request["directories"]), keep)


def _clean(directories: TaskDirectories, keep: frozenset[int]) -> None:
    """
    Do the work of a supervisor that died: its task's processes are now below the nursery.

    :param keep: processes that do not end
    """
    try:
        kill_descendants(os.getppid(), keep=keep, timeout_s=10)
        directories.remove()
    except (TimeoutError, DebusineError):
        log.exception("clean-up-failed", path=str(directories.root))


if __name__ == "__main__":
    main(sys.argv[1:])
