# SPDX-License-Identifier: GPL-3.0-or-later
"""The process that owns the sandbox of a shell, and what it says to its parent."""

from __future__ import annotations

import json
import os
import pwd
import shlex
import signal
import socket
import subprocess
import threading
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, NoReturn

from debusine.cli.building.shell_inside import ShellPlan, prepare, shell_command
from debusine.errors import DebusineError
from debusine.tasks.executors.base import ExecutorOptions, TreeStrategy
from debusine.tasks.executors.images import ImageEntry
from debusine.tasks.executors.unshare import UnshareInstance

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
MAX_MESSAGE_BYTES = 64 * 1024


@dataclass(frozen=True, kw_only=True, slots=True)
class Message:
    """What the child says: that the shell runs, has ended or cannot, or something to know."""

    READY: ClassVar = "ready"
    ENDED: ClassVar = "ended"
    FAILED: ClassVar = "failed"
    SAID: ClassVar = "said"

    kind: str
    text: str = ""

    def send(self, channel: socket.socket) -> None:
        """Send it as one line."""
        text = self.text[-MAX_MESSAGE_BYTES // 8 :]
        channel.sendall(json.dumps({"kind": self.kind, "text": text}).encode() + b"\n")


def read_message(channel: socket.socket) -> Message:
    """Read a message; the end of the child is a failure."""
    line = b""
    while not line.endswith(b"\n") and len(line) < MAX_MESSAGE_BYTES:
        piece = channel.recv(1)
        if not piece:
            return Message(kind=Message.FAILED, text="the process that should open it ended")
        line += piece
    return Message(**json.loads(line))


@dataclass(frozen=True, kw_only=True, slots=True)
class Ends:
    """
    The child's ends of what connects it.

    :param terminal: of the shell
    :param log: takes what commands print
    :param channel: takes messages; the child ends when the other end is closed
    """

    terminal: int
    log: int
    channel: socket.socket

    def close(self) -> None:
        """Close all of them."""
        os.close(self.terminal)
        os.close(self.log)
        self.channel.close()


def run_child(
    plan: ShellPlan, image: Path, account: pwd.struct_passwd | None, ends: Ends
) -> NoReturn:
    """
    Be the child: run the shell, take everything down, end.

    :param image: in a directory that the account may write to
    :param account: whom to become; None: nobody else
    """
    status = 1
    try:
        _leave(account, image.parent)
        threading.Thread(target=_end_with, args=(ends.channel,), daemon=True).start()
        _run(plan, image, ends)
        Message(kind=Message.ENDED).send(ends.channel)
        status = 0
    except DebusineError as error:
        Message(kind=Message.FAILED, text=error.explain()).send(ends.channel)
    except subprocess.CalledProcessError as error:
        text = f"exit status {error.returncode}: {shlex.join(error.cmd)}"
        Message(kind=Message.FAILED, text=text).send(ends.channel)
    except BaseException:  # noqa: BLE001  the parent shows it
        Message(kind=Message.FAILED, text=traceback.format_exc()).send(ends.channel)
    finally:
        # nothing of the parent's is ours to clean up
        os._exit(status)


def _leave(account: pwd.struct_passwd | None, home: Path) -> None:
    """Leave terminal, signals, environment and rights of the parent behind."""
    os.setsid()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGWINCH):
        signal.signal(number, signal.SIG_DFL)
    os.environ.clear()
    os.environ.update(PATH=PATH, HOME=str(home), LC_ALL="C.UTF-8", TMPDIR=str(home))
    os.umask(0o022)
    if account is not None:
        os.initgroups(account.pw_name, account.pw_gid)
        os.setgid(account.pw_gid)
        os.setuid(account.pw_uid)
    os.chdir(home)


def _end_with(channel: socket.socket) -> None:
    channel.recv(1)
    # the sandbox ends with this process
    os._exit(1)


def _run(plan: ShellPlan, image: Path, ends: Ends) -> None:
    options = ExecutorOptions(strategy=TreeStrategy.UNPACK)
    entry = ImageEntry(image.parent, image.name)
    instance = UnshareInstance(entry, image.parent, options)

    def say(text: str) -> None:
        Message(kind=Message.SAID, text=text).send(ends.channel)

    instance.start()
    try:
        with os.fdopen(ends.log, "ab", buffering=0) as log:
            prepare(instance, plan, log=log, say=say)
        shell = instance.popen(
            shell_command(instance, plan),
            cwd=plan.scene.directory,
            run_as_root=True,
            stdin=ends.terminal,
            stdout=ends.terminal,
            stderr=ends.terminal,
        )
        os.close(ends.terminal)
        Message(kind=Message.READY).send(ends.channel)
        shell.wait()
    finally:
        instance.stop()
