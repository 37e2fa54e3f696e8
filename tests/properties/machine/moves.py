# SPDX-License-Identifier: GPL-3.0-or-later
"""What may happen next: each move is one thing that people, agents, time or accidents do."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeAlias

from tests.properties.machine.world import Agent, World, rows

from debusine.db.models import WorkRequest
from debusine.errors import DebusineError
from debusine.server.actions.abort_work_request import abort_work_request
from debusine.server.actions.change_priority import change_priority
from debusine.server.actions.claim_work_request import claim_work_request
from debusine.server.actions.complete_work_request import complete_work_request
from debusine.server.actions.create_work_request import create_work_request
from debusine.server.actions.drain_worker import drain_worker
from debusine.server.actions.enable_worker import enable_worker
from debusine.server.actions.hand_back_work_request import hand_back_work_request
from debusine.server.actions.renew_lease import greet_worker, renew_lease
from debusine.server.actions.retry_work_request import retry_work_request
from debusine.server.actor import ANONYMOUS, Actor, actor_for_key, hash_key
from debusine.server.jobs.sweep import Sweeper
from debusine.server.jobs.timers import ring_timers
from debusine.server.wake import worker_group
from debusine.wire.work_request import OutputData, OutputError, WorkRequestCompleted

RESULTS = ("success", "success", "success", "failure", "temporary failure", "error", "skipped")
CODES = ("build-failed", "network-failed", "out-of-disk-space", "out-of-memory", "worker-failed")


@dataclass(frozen=True, kw_only=True)
class Report:
    """A result on its way to the server; the agent goes on until it has an answer."""

    agent: Agent
    key: str
    work_request_id: int
    content: WorkRequestCompleted


@dataclass(frozen=True, kw_only=True)
class Heartbeat:
    """What an agent ran when it sent this."""

    agent: Agent
    running: list[int]


@dataclass(frozen=True, kw_only=True)
class Abort:
    """The server wants an agent to stop something."""

    agent: Agent
    work_request_id: int


Message: TypeAlias = Report | Heartbeat | Abort


def create(world: World) -> None:
    """Ask for work, at once or in a burst, or for later: when other requests have ended."""
    for _ in range(world.random.choice((1, 1, 1, 3))):
        before = [_any_request(world) for _ in range(2)] if world.chance(0.3) else []
        dependencies = [one for one in before if one is not None]
        create_work_request(
            world.person(),
            workspace=world.random.choice(world.workspaces),
            task_name="noop",
            data={},
            dependencies=dependencies,
            now=world.clock.now(),
        )
        if dependencies:
            world.note(f"  after {[one.pk for one in dependencies]}")


def claim(world: World, agent: Agent | None = None) -> None:
    """An agent asks what to do; the answer may get lost."""
    agent = agent or world.random.choice(world.agents)
    if len(agent.held) >= agent.slots:
        return
    actor = world.as_worker(agent)
    got = claim_work_request(actor, now=world.clock.now())
    if got is None:
        return
    assert actor.worker is not None
    assert actor.worker.drained_at is None
    request_id = got.work_request.pk
    world.keys.append((got.key, request_id))
    if world.chance(0.1):
        world.note(f"  answer with {request_id} is lost")
        return
    world.note(f"  {agent.worker_id} runs {request_id}")
    agent.held[request_id] = got.key


def finish(world: World, agent: Agent | None = None) -> None:
    """A task ends; its report sets out."""
    agent = agent or world.random.choice(world.agents)
    if not agent.held:
        return
    request_id = world.random.choice(sorted(agent.held))
    key = agent.held.pop(request_id)
    agent.reporting.add(request_id)
    result = world.random.choice(RESULTS)
    errors = None
    if result not in {"success", "skipped"} and world.chance(0.6):
        code = world.random.choice(CODES)
        errors = [OutputError(message=f"it went wrong: {code}", code=code)]
        result = "temporary failure" if code == "network-failed" else result
    world.note(f"  {request_id} ends in {result} {errors or ''}")
    content = WorkRequestCompleted(
        result=result, output_data=None if errors is None else OutputData(errors=errors)
    )
    world.wire.append(Report(agent=agent, key=key, work_request_id=request_id, content=content))


def beat(world: World) -> None:
    """An agent says what it runs; that may get lost, or be late."""
    agent = world.random.choice(world.agents)
    if "heartbeat" in agent.features and not world.chance(0.2):
        world.wire.append(Heartbeat(agent=agent, running=agent.running))


def deliver(world: World, index: int | None = None) -> None:
    """One message arrives, any of those that are on their way; maybe it comes again later."""
    if not world.wire:
        return
    index = world.random.randrange(len(world.wire)) if index is None else index
    message: Message = world.wire[index]
    again = world.chance(0.2)
    match message:
        case Report():
            # unless the server answers, the agent goes on
            _take_report(world, message)
            message.agent.reporting.discard(message.work_request_id)
        case Heartbeat():
            actor = world.as_worker(message.agent)
            foreign = renew_lease(actor, running=message.running, now=world.clock.now())
            world.wire += [Abort(agent=message.agent, work_request_id=one) for one in foreign]
        case Abort():
            message.agent.held.pop(message.work_request_id, None)
    if not again and message in world.wire:
        world.wire.remove(message)


def hear(world: World) -> None:
    """What the server told the sockets of agents sets out to them."""
    for hint in world.hints:
        for agent in world.agents:
            if hint["type"] == "work.aborted" and hint["group"] == worker_group(agent.worker_id):
                world.wire.append(Abort(agent=agent, work_request_id=hint["work_request_id"]))
    world.hints.clear()


def _take_report(world: World, message: Report) -> None:
    """As the endpoint does; whatever it answers, the agent is content."""
    now = world.clock.now()
    try:
        actor = actor_for_key(message.key, now=now)
    except DebusineError:
        actor = ANONYMOUS
    with contextlib.suppress(DebusineError):
        complete_work_request(
            actor,
            token_hash=hash_key(message.key),
            work_request_id=message.work_request_id,
            report=message.content,
            now=now,
        )


def forge(world: World) -> None:
    """Somebody reports with a key that belongs to another request, or to nothing."""
    if not world.keys:
        return
    key, _ = world.random.choice(world.keys)
    _, request_id = world.random.choice(world.keys)
    if (key, request_id) in world.keys:
        key = "0" * 64
    content = WorkRequestCompleted(result="success")
    agent = world.agents[0]
    before = WorkRequest.objects.values_list("status", "result").get(pk=request_id)
    _take_report(world, Report(agent=agent, key=key, work_request_id=request_id, content=content))
    assert WorkRequest.objects.values_list("status", "result").get(pk=request_id) == before


def restart_agent(world: World, agent: Agent | None = None) -> None:
    """An agent is killed and comes back, or only introduces itself again."""
    agent = agent or world.random.choice(world.agents)
    if world.chance(0.7):
        agent.forget()
    if agent.features:
        foreign = greet_worker(
            world.as_worker(agent),
            features=list(agent.features),
            running=agent.running,
            now=world.clock.now(),
        )
        for one in foreign:
            agent.held.pop(one, None)


def stop_agent(world: World) -> None:
    """An agent is stopped politely: it gives back what it runs, and comes again later."""
    agent = world.random.choice(world.agents)
    for request_id, key in sorted(agent.held.items()):
        actor = actor_for_key(key, now=world.clock.now())
        if actor.attempt is not None:
            hand_back_work_request(
                world.as_worker(agent),
                attempt=actor.attempt,
                reason="the worker was stopped",
                now=world.clock.now(),
            )
        world.note(f"  {agent.worker_id} gives {request_id} back")
        # a server that dies here was not heard: the agent is gone all the same
        agent.held.pop(request_id, None)
    agent.forget()


def drain(world: World) -> None:
    """An administrator has an agent get nothing new, or lets it work again."""
    worker = world.worker(world.random.choice(world.agents))
    if worker.drained_at is None:
        actor = Actor(user=world.users[0])
        drain_worker(actor, worker=worker, reason="for a test", now=world.clock.now())
    else:
        enable_worker(Actor(user=world.users[0]), worker=worker)


def wait(world: World) -> None:
    """Time passes, and the server looks after what it has to."""
    world.clock.advance(world.random.choice((1, 20, 61, 120, 700, 4000)))
    # the job that looks at timers may be down
    if world.chance(0.6):
        ring_timers(world.clock.now())
    world.sweeper.sweep()


def jump(world: World) -> None:
    """Somebody sets the clock."""
    world.clock.jump(timedelta(seconds=world.random.choice((-7200, -30, 30, 7200, 90000))))


def restart_server(world: World) -> None:
    world.sweeper = Sweeper(world.clock)


def _any_request(world: World) -> WorkRequest | None:
    ids = sorted(pk for (pk,) in rows("SELECT id FROM db_workrequest"))
    known = WorkRequest.objects.select_related("workspace__scope", "created_by")
    return known.get(pk=world.random.choice(ids)) if ids else None


def abort(world: World) -> None:
    request = _any_request(world)
    if request is not None:
        world.note(f"  abort {request.pk}")
        abort_work_request(world.person(), request=request, now=world.clock.now())


def retry(world: World) -> None:
    request = _any_request(world)
    if request is not None:
        world.note(f"  retry {request.pk}")
        retry_work_request(world.person(), request=request, now=world.clock.now())


def prioritise(world: World) -> None:
    request = _any_request(world)
    if request is not None:
        adjustment = world.random.randint(-3, 3)
        change_priority(world.person(), request=request, adjustment=adjustment)


Move = Callable[[World], None]
MOVES: dict[Move, int] = {
    create: 5,
    claim: 10,
    finish: 10,
    deliver: 12,
    beat: 2,
    forge: 1,
    restart_agent: 1,
    stop_agent: 1,
    drain: 1,
    wait: 3,
    jump: 1,
    restart_server: 1,
    abort: 1,
    retry: 1,
    prioritise: 1,
}
