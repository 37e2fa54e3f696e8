# SPDX-License-Identifier: GPL-3.0-or-later
"""One run of the queue: some moves, and then everything has to come to its end."""

from __future__ import annotations

import contextlib
import traceback

from django.db import transaction
from tests.properties.machine import moves
from tests.properties.machine.invariants import Invariants
from tests.properties.machine.world import Place, World, recorded_hints

from debusine.db.models import Worker, WorkRequest
from debusine.errors import DebusineError
from debusine.server import scheduler
from debusine.server.jobs.timers import ring_timers

REPLAY = ".venv/bin/python bench/queue_properties.py --first {number} --runs 1"
SETTLED_AFTER = 60


class BrokenError(AssertionError):
    """An invariant does not hold."""


def run(number: int, place: Place) -> int:
    """
    Run what belongs to a number, and leave nothing behind.

    :returns: how many moves there were
    :raises BrokenError: with the history and how to see it again
    """
    scheduler.forget()
    with transaction.atomic():
        world = World(number, place)
        with recorded_hints(world.hints):
            try:
                _play(world)
            except Exception as error:
                history = "\n".join(world.history)
                replay = REPLAY.format(number=number)
                where = traceback.format_exc(limit=-2)
                raise BrokenError(f"run {number}:\n{history}\n{where}\n{replay}") from error
            finally:
                transaction.set_rollback(True)
    return len(world.history)


def _play(world: World) -> None:
    invariants = Invariants(world)
    weights = list(moves.MOVES.values())
    length = world.random.choice((4, 8, 12, 24))
    for move in world.random.choices(list(moves.MOVES), weights, k=length):
        world.note(move.__name__)
        world.clock.advance(0.01)
        with contextlib.suppress(DebusineError), _accident(world, move):
            move(world)
        world.send_hints()
        moves.hear(world)
        invariants.check()
    if world.chance(0.2):
        _settle(world, invariants)


def _accident(world: World, move: moves.Move) -> contextlib.AbstractContextManager[None]:
    """What goes wrong while something is done: nothing, as a rule."""
    statement = world.random.randint(1, 12)
    if world.chance(0.08):
        world.note(f"  the server dies at statement {statement}")
        return world.server_dies_at(statement)
    # a forgery looks whether anything changed
    if world.chance(0.25) and move is not moves.forge:
        # above all those who want the same get into each other's way
        other = world.random.choice((move, move, moves.abort, moves.wait, moves.claim))
        world.note(f"  from statement {statement} on, at the same time: {other.__name__}")
        return world.meanwhile(statement, other)
    return contextlib.nullcontext()


def _settle(world: World, invariants: Invariants) -> None:
    """4, 10: once accidents are over, everything ends."""
    world.note("settle")
    Worker.objects.update(drained_at=None)
    for _ in range(SETTLED_AFTER):
        if not WorkRequest.objects.filter(status__in=["pending", "running", "blocked"]).exists():
            return
        world.clock.advance(700)
        ring_timers(world.clock.now())
        world.sweeper.sweep()
        for agent in world.agents:
            with contextlib.suppress(DebusineError):
                moves.claim(world, agent)
            moves.finish(world, agent)
        for _ in range(2 * len(world.wire)):
            with contextlib.suppress(DebusineError):
                moves.deliver(world)
        world.send_hints()
        invariants.check()
    waiting = WorkRequest.objects.exclude(status__in=["completed", "aborted"])
    raise AssertionError(f"these never end: {list(waiting.values_list('pk', 'status'))}")
