# SPDX-License-Identifier: GPL-3.0-or-later
"""
A queue, its agents, and the wire between them on which everything may go wrong.

The server is the real one: its actions, on a real database. The agents are small models of
ours: they know what they hold, and forget it when they are killed. All time and
all chance come from here, so that a run is the same each time it gets the same number.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from random import Random
from typing import Any

from channels.layers import channel_layers
from django.db import connection

from debusine.db.models import User, Worker, Workspace
from debusine.errors import DebusineError
from debusine.server.actor import Actor, actor_for_key
from debusine.server.jobs.sweep import Sweeper
from debusine.testing import factories
from debusine.testing.clock import FakeClock


class KilledError(BaseException):
    """The server died in the middle of something; nobody catches that."""


@dataclass(kw_only=True)
class Agent:
    """
    A worker as it sees itself.

    ``held`` are keys by work request; ``reporting`` those whose report is on its way.
    """

    worker_id: int
    key: str
    slots: int
    features: tuple[str, ...]
    held: dict[int, str] = field(default_factory=dict)
    reporting: set[int] = field(default_factory=set)

    @property
    def running(self) -> list[int]:
        return sorted({*self.held, *self.reporting})

    def forget(self) -> None:
        """It is killed; what it wanted to report lies on its disk."""
        self.held = {}


@dataclass(kw_only=True)
class Place:
    """Rows that all runs start from."""

    users: list[User]
    workspaces: list[Workspace]
    agents: list[Agent]

    @classmethod
    def make(cls) -> Place:
        scope = factories.make_scope()
        kinds = [(1, ("heartbeat", "abort")), (2, ("heartbeat", "abort")), (1, ())]
        agents = []
        for slots, features in kinds:
            made = factories.make_worker(concurrency=slots, features=features)
            agents.append(
                Agent(worker_id=made.worker.pk, key=made.key, slots=slots, features=features)
            )
        return cls(
            users=[factories.make_user(superuser=True), factories.make_user(superuser=True)],
            workspaces=[
                factories.make_workspace(),
                factories.make_workspace("other", scope=scope),
            ],
            agents=agents,
        )


class World:
    """
    One run.

    :param number: by which it can be repeated
    """

    def __init__(self, number: int, place: Place) -> None:
        self.random = Random(number)
        self.clock = FakeClock()
        self.users = place.users
        self.workspaces = place.workspaces
        self.agents = [
            Agent(worker_id=one.worker_id, key=one.key, slots=one.slots, features=one.features)
            for one in place.agents
        ]
        self.wire: list[Any] = []
        # every key that was ever given away, with its work request
        self.keys: list[tuple[str, int]] = []
        self.hints: list[dict[str, Any]] = []
        self.history: list[str] = []
        self.sweeper = Sweeper(self.clock)
        self._outer = len(connection.run_on_commit)
        self._depth = len(connection.savepoint_ids)

    def chance(self, probability: float) -> bool:
        return self.random.random() < probability

    def note(self, text: str) -> None:
        self.history.append(text)

    def person(self) -> Actor:
        return Actor(user=self.random.choice(self.users))

    def as_worker(self, agent: Agent) -> Actor:
        """The agent as the server sees it now."""
        return actor_for_key(agent.key, now=self.clock.now())

    def worker(self, agent: Agent) -> Worker:
        return Worker.objects.get(pk=agent.worker_id)

    def send_hints(self) -> None:
        """
        Do some of what was put off until the commit; messages end up in ``hints``.

        The transactions of actions are nested in that of the run, so none is really committed.
        """
        put_off: list[Any] = connection.run_on_commit[self._outer :]
        del connection.run_on_commit[self._outer :]
        for _, function, _ in put_off:
            # hints get lost
            if self.chance(0.2):
                function()

    @contextlib.contextmanager
    def server_dies_at(self, statement: int) -> Iterator[None]:
        """Kill the server at a statement that it sends to the database; all it holds is gone."""
        left = statement

        def wrapper(execute: Any, *arguments: Any) -> Any:
            nonlocal left
            left -= 1
            if left == 0:
                raise KilledError
            return execute(*arguments)

        mark = len(connection.run_on_commit)
        with contextlib.suppress(KilledError), connection.execute_wrapper(wrapper):
            yield
        if left <= 0:
            # hints of transactions that were committed before are lost, too
            del connection.run_on_commit[mark:]
            self.sweeper = Sweeper(self.clock)

    @contextlib.contextmanager
    def meanwhile(self, statement: int, other: Callable[[World], None]) -> Iterator[None]:
        """
        Have another server do something between two transactions of what is done here.

        :param statement: number of the first statement before which it may happen
        """
        left = statement

        def wrapper(execute: Any, *arguments: Any) -> Any:
            nonlocal left
            left -= 1
            if left <= 0 and len(connection.savepoint_ids) == self._depth:
                left = sys.maxsize
                with contextlib.suppress(DebusineError):
                    other(self)
            return execute(*arguments)

        with connection.execute_wrapper(wrapper):
            yield


class HintRecorder:
    """A channel layer that remembers what it was given."""

    def __init__(self, hints: list[dict[str, Any]]) -> None:
        self._hints = hints

    async def group_send(self, group: str, message: dict[str, Any]) -> None:
        self._hints.append({**message, "group": group})


@contextlib.contextmanager
def recorded_hints(hints: list[dict[str, Any]]) -> Iterator[None]:
    """Have what the server tells its sockets end up in a list."""
    before = channel_layers.set("default", HintRecorder(hints))
    try:
        yield
    finally:
        channel_layers.set("default", before)


def rows(statement: str) -> list[tuple[Any, ...]]:
    """What a statement finds; the ORM would take most of the time of a run."""
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return [tuple(row) for row in cursor.fetchall()]
