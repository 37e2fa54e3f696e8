# SPDX-License-Identifier: GPL-3.0-or-later
"""Watch one process of a task: end it when the task is aborted, leave no stragglers."""

from __future__ import annotations

import os
import select
import signal
import subprocess
from dataclasses import dataclass
from typing import IO

from debusine.tasks.abort import AbortSwitch
from debusine.tasks.logs import LogSender
from debusine.tasks.pump import PumpedPipe, pumping
from debusine.util.command import kill_group

# what a command has to clean up, when its task is aborted: the worker ends all that is there
# within two seconds, and the task is to clean up by itself before
TERMINATION_GRACE_S = 0.4
REAP_S = 0.3
LISTENER_S = 0.2


@dataclass(frozen=True, kw_only=True, slots=True)
class Ended:
    """
    How a process ended.

    :param returncode: minus the signal that ended it; ``None`` if it cannot be reaped
    :param aborted: whether we ended it
    """

    returncode: int | None
    aborted: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Outputs:
    """
    Where the output of a process goes.

    :param log: gets standard error, and standard output unless it is captured
    :param capture: gets standard output
    :param stream_capture: whether what is captured goes live, too
    :param sender: gets all that goes live
    """

    log: IO[bytes]
    capture: IO[bytes] | None = None
    stream_capture: bool = True
    sender: LogSender | None = None


def supervise(process: subprocess.Popen[bytes], *, abort: AbortSwitch, outputs: Outputs) -> Ended:
    """
    Pass the output of a process on until it ended or the switch is pulled.

    Its process group is killed in any case.

    :param process: leads a process group of its own; its outputs are pipes, its
        standard error is joined with its output unless that is captured
    :raises OSError: if output could not be written
    """
    with pumping(_pipes(process, outputs), outputs.sender) as pump:
        try:
            aborted = _wait(process, abort)
            if aborted:
                _terminate(process)
        finally:
            # before reaping, so that the number cannot belong to somebody else yet
            kill_group(process.pid)
            returncode = _reap(process)
        pump.finish(limit_s=LISTENER_S if aborted else None)
    return Ended(returncode=returncode, aborted=aborted)


def _pipes(process: subprocess.Popen[bytes], outputs: Outputs) -> list[PumpedPipe]:
    assert process.stdout is not None, "standard output must be a pipe"
    log, capture = outputs.log, outputs.capture
    stream = "stdout" if capture is None or outputs.stream_capture else None
    pipes = [PumpedPipe(pipe=process.stdout, file=capture or log, stream=stream)]
    if process.stderr is not None:
        pipes.append(PumpedPipe(pipe=process.stderr, file=log, stream="stderr"))
    return pipes


def _wait(process: subprocess.Popen[bytes], abort: AbortSwitch) -> bool:
    """Wait for the end of a process, without reaping it, or for the switch, which wins."""
    pidfd = os.pidfd_open(process.pid)
    try:
        poll = select.poll()
        poll.register(pidfd, select.POLLIN)
        poll.register(abort.fileno(), select.POLLIN)
        poll.poll()
    finally:
        os.close(pidfd)
    return abort.pulled


def _terminate(process: subprocess.Popen[bytes]) -> None:
    """Ask a process to end, and give it a moment to; it is not reaped."""
    pidfd = os.pidfd_open(process.pid)
    try:
        os.kill(process.pid, signal.SIGTERM)
        poll = select.poll()
        poll.register(pidfd, select.POLLIN)
        poll.poll(TERMINATION_GRACE_S * 1000)
    finally:
        os.close(pidfd)


def _reap(process: subprocess.Popen[bytes]) -> int | None:
    try:
        return process.wait(timeout=REAP_S)
    except subprocess.TimeoutExpired:
        process.kill()
    try:
        return process.wait(timeout=REAP_S)
    except subprocess.TimeoutExpired:
        # stuck in the kernel
        return None
