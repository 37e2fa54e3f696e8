# SPDX-License-Identifier: GPL-3.0-or-later
"""The supervisors of a nursery: those that look after a task, and those that wait for one."""

from __future__ import annotations

import socket
from collections.abc import Collection
from dataclasses import dataclass
from enum import Enum, auto

# one that waits holds some MiB
IDLE_S = 30.0


class _State(Enum):
    BUSY = auto()
    IDLE = auto()
    LEAVING = auto()


@dataclass(kw_only=True, slots=True, eq=False)
class _Member:
    """
    One supervisor.

    :param orders: over which it gets the sockets of its tasks
    """

    pid: int
    orders: socket.socket
    state: _State = _State.BUSY
    since_s: float = 0.0


class Crew:
    """
    Who is busy and who is idle; forking is the work of others.

    A supervisor that is idle again says so by a byte. It ends when its socket is closed.
    """

    def __init__(self) -> None:
        self._members: dict[int, _Member] = {}

    @property
    def pids(self) -> frozenset[int]:
        """Process ids of all."""
        return frozenset(self._members)

    @property
    def busy(self) -> list[socket.socket]:
        """Sockets of those who look after a task; readable when one comes back."""
        return [one.orders for one in self._members.values() if one.state is _State.BUSY]

    def add(self, pid: int, orders: socket.socket, task: Collection[socket.socket]) -> None:
        """
        Take in somebody new, with a first task.

        :param task: its sockets
        """
        self._members[pid] = member = _Member(pid=pid, orders=orders)
        _send(member, task)

    def assign(self, task: Collection[socket.socket]) -> bool:
        """
        Give a task to who became idle last, as its memory is the warmest.

        :param task: its sockets
        :returns: False if nobody is idle
        """
        while idle := self._idle():
            if _send(idle[-1], task):
                return True
        return False

    def take_back(self, readable: Collection[object], *, now_s: float) -> None:
        """
        Note who is idle from now on.

        :param readable: sockets, among others of :attr:`busy`
        :param now_s: on a clock that never goes back
        """
        for member in self._members.values():
            if member.state is _State.BUSY and member.orders in readable:
                member.state = _State.IDLE if _says_idle(member) else _State.LEAVING
                member.since_s = now_s

    def dismiss(self, *, now_s: float) -> float | None:
        """
        Let those end that have been idle for long.

        :returns: seconds until this is to be done again; None if nobody is idle
        """
        for member in self._idle():
            if now_s - member.since_s < IDLE_S:
                return IDLE_S - (now_s - member.since_s)
            member.state = _State.LEAVING
            member.orders.close()
        return None

    def forget(self, pids: Collection[int]) -> None:
        """Forget processes that have ended."""
        for pid in self._members.keys() & pids:
            self._members.pop(pid).orders.close()

    def leave(self) -> None:
        """Let go of all sockets, in a process that was forked: those that it keeps never close."""
        for member in self._members.values():
            member.orders.close()

    def _idle(self) -> list[_Member]:
        """Who is idle, longest first."""
        found = [one for one in self._members.values() if one.state is _State.IDLE]
        return sorted(found, key=lambda member: member.since_s)


def _send(member: _Member, task: Collection[socket.socket]) -> bool:
    """Give somebody a task; false if it has died, which its parent will hear."""
    try:
        socket.send_fds(member.orders, [b"t"], [each.fileno() for each in task])
    except OSError:
        member.state = _State.LEAVING
        return False
    member.state = _State.BUSY
    return True


def _says_idle(member: _Member) -> bool:
    try:
        return bool(member.orders.recv(1))
    except OSError:
        return False
