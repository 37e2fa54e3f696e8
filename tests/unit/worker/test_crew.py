# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import socket
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from debusine.worker.crew import IDLE_S, Crew


@dataclass
class Supervisor:
    """What a supervisor does with its end of the socket."""

    pid: int
    ours: socket.socket
    theirs: socket.socket

    def take(self) -> int:
        """How many sockets came; -1 if it is to end."""
        data, descriptors, _, _ = socket.recv_fds(self.theirs, 1, 4)
        for descriptor in descriptors:
            socket.socket(fileno=descriptor).close()
        return len(descriptors) if data else -1

    def come_back(self) -> None:
        self.theirs.send(b"i")


@dataclass
class Stage:
    crew: Crew = field(default_factory=Crew)
    task: tuple[socket.socket, socket.socket] = field(default_factory=socket.socketpair)
    made: list[Supervisor] = field(default_factory=list)

    def add(self) -> Supervisor:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        theirs.settimeout(0)
        self.made.append(Supervisor(len(self.made) + 1, ours, theirs))
        self.crew.add(self.made[-1].pid, ours, self.task)
        return self.made[-1]

    def come_back(self, one: Supervisor, now_s: float = 0) -> None:
        one.come_back()
        self.crew.take_back([one.ours], now_s=now_s)


@pytest.fixture
def stage() -> Iterator[Stage]:
    made = Stage()
    yield made
    for each in (*made.task, *(end for one in made.made for end in (one.ours, one.theirs))):
        each.close()


def test_who_is_new_has_a_task(stage: Stage) -> None:
    one = stage.add()
    assert one.take() == 2
    assert stage.crew.busy == [one.ours]
    assert stage.crew.pids == {one.pid}
    assert not stage.crew.assign(stage.task)


def test_who_came_back_last_gets_the_next_task(stage: Stage) -> None:
    made = [stage.add() for _ in range(3)]
    for one in made:
        one.take()
    for now_s, one in enumerate((made[0], made[2], made[1])):
        stage.come_back(one, now_s)
    assert stage.crew.busy == []
    assert stage.crew.assign(stage.task)
    assert made[1].take() == 2
    assert stage.crew.busy == [made[1].ours]


def test_who_died_gets_none(stage: Stage) -> None:
    first, second = stage.add(), stage.add()
    second.take()
    stage.come_back(second, 1)
    stage.come_back(first, 2)
    first.theirs.close()
    assert stage.crew.assign(stage.task)
    assert second.take() == 2
    # its parent has not heard of it yet
    assert stage.crew.pids == {first.pid, second.pid}
    stage.crew.forget([first.pid, 99])
    assert stage.crew.pids == {second.pid}


def test_who_died_busy_is_not_listened_to_any_more(stage: Stage) -> None:
    one = stage.add()
    one.theirs.close()
    stage.crew.take_back([one.ours], now_s=0)
    assert stage.crew.busy == []
    assert not stage.crew.assign(stage.task)


def test_who_is_idle_for_long_ends(stage: Stage) -> None:
    first, second, busy = stage.add(), stage.add(), stage.add()
    for one in (first, second, busy):
        one.take()
    stage.come_back(first, 1)
    stage.come_back(second, 3)
    assert stage.crew.dismiss(now_s=2) == IDLE_S - 1
    assert stage.crew.dismiss(now_s=1 + IDLE_S) == 2
    assert first.take() == -1
    assert stage.crew.dismiss(now_s=3 + IDLE_S) is None
    assert second.take() == -1
    assert not stage.crew.assign(stage.task)
    assert stage.crew.busy == [busy.ours]


def test_a_fork_lets_go_of_all(stage: Stage) -> None:
    one = stage.add()
    one.take()
    stage.crew.leave()
    assert one.take() == -1
