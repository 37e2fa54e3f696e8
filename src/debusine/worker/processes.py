# SPDX-License-Identifier: GPL-3.0-or-later
"""Processes below one of ours: find them, end them, whatever they do to get away."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import time
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_PR_SET_DUMPABLE = 4
_PR_SET_NAME = 15
_PR_SET_CHILD_SUBREAPER = 36
_FREEZE_PASSES = 30
# as much as half of the memory would add
_OOM_SCORE = 500

_libc = ctypes.CDLL(None, use_errno=True)


def _prctl(option: int, value: int) -> None:
    if _libc.prctl(option, ctypes.c_ulong(value), 0, 0, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def become_subreaper() -> None:
    """Be the new parent of every descendant that loses its own."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def die_with_parent() -> None:
    """Be killed when the parent dies; forgotten by the kernel whenever ids change."""
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def hide_memory() -> None:
    """Let no other process of the same user look into our memory, where a token is."""
    _prctl(_PR_SET_DUMPABLE, 0)


def offer_to_oom_killer() -> None:
    """
    Be ended before others when memory runs out, with all that we start.

    :source: proc_pid_oom_score_adj(5)
    """
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(str(_OOM_SCORE))


def set_name(name: str) -> None:
    """Set what ``ps`` and ``top`` call us, at most 15 bytes."""
    _libc.prctl(_PR_SET_NAME, name.encode()[:15], 0, 0, 0)


def _parents() -> dict[int, int]:
    """The parent of every living process; zombies are left out."""
    parents = {}
    for entry in os.listdir("/proc"):  # noqa: PTH208  names are enough, and faster
        if not entry.isdecimal():
            continue
        with contextlib.suppress(OSError):
            fields = Path("/proc", entry, "stat").read_bytes().rpartition(b")")[2].split()
            if fields[0] not in (b"Z", b"X"):
                parents[int(entry)] = int(fields[1])
    return parents


def descendants(root: int, *, keep: frozenset[int] = frozenset()) -> set[int]:
    """
    Every living process below one; those of inner PID namespaces too.

    :param keep: processes to leave out, with all that is below them
    """
    children: dict[int, list[int]] = {}
    for pid, parent in _parents().items():
        children.setdefault(parent, []).append(pid)
    found: set[int] = set()
    waiting = [root]
    while waiting:
        for pid in children.get(waiting.pop(), []):
            if pid not in found and pid not in keep:
                found.add(pid)
                waiting.append(pid)
    return found


def reap() -> dict[int, int]:
    """
    Collect the children that have ended.

    :returns: wait status by process id
    """
    ended: dict[int, int] = {}
    with contextlib.suppress(ChildProcessError):
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                break
            ended[pid] = status
    return ended


def kill_descendants(
    root: int, *, timeout_s: float = 30, keep: frozenset[int] = frozenset()
) -> dict[int, int]:
    """
    End every process below one.

    All are stopped first, so that none can start another while the rest is killed.
    To be called by ``root``, which must be a subreaper, or by one of ``keep``.

    :param keep: processes that stay, with all that is below them
    :returns: wait status by process id of the children that ended
    :raises TimeoutError: if some are still there
    """
    ended = reap()
    if root == os.getpid() and not _has_children():
        # who adopts every orphan and has no child has no descendants
        return ended
    give_up_at = time.monotonic() + timeout_s
    stopped: set[int] = set()
    passes = 0
    while found := descendants(root, keep=keep):
        if time.monotonic() > give_up_at:
            message = f"processes do not end: {sorted(found)}"
            raise TimeoutError(message)
        fresh = found - stopped
        if fresh and passes < _FREEZE_PASSES:
            passes += 1
            stopped |= fresh
            _signal_all(fresh, signal.SIGSTOP)
            continue
        _signal_all(found, signal.SIGKILL)
        time.sleep(0.003)
        ended |= reap()
    return ended | reap()


def _has_children() -> bool:
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True


def _signal_all(pids: set[int], number: signal.Signals) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)


def memory_bytes(pids: set[int]) -> int:
    """Resident memory of processes; what they share is counted for each."""
    page = os.sysconf("SC_PAGE_SIZE")
    total = 0
    for pid in pids:
        with contextlib.suppress(OSError, ValueError, IndexError):
            total += int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * page
    return total
