# SPDX-License-Identifier: GPL-3.0-or-later
"""Why no worker takes a request, in words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

_WORDS = {
    "build-arch": ("build", "for"),
    "cap": ("have", "the capability"),
    "class": ("belong", "to the class"),
    "executor": ("have", "the executor"),
    "type": ("belong", "to the type"),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Obstacles:
    """
    What stands between a request and a worker.

    :param lacking: tags that the request requires and the worker does not provide
    :param withheld: those of them that the worker's lists of tasks take from it
    :param demanded: tags that the worker requires and the request does not provide
    :param is_refused: whether the task has looked at the worker's metadata and refused
    :param is_avoided: whether it is to go to another worker, as it failed on this one
    """

    lacking: frozenset[str] = field(default_factory=frozenset)
    withheld: frozenset[str] = field(default_factory=frozenset)
    demanded: frozenset[str] = field(default_factory=frozenset)
    is_refused: bool = False
    is_avoided: bool = False

    @property
    def number(self) -> int:
        """How many there are; with none the worker can run the request."""
        return len(self.lacking | self.demanded) + self.is_refused + self.is_avoided


def explain_waiting(workers: Mapping[str, Obstacles], *, connected: bool) -> str | None:
    """
    Say why a request waits.

    :param workers: what stands between it and each worker, by name
    :param connected: whether these are only the workers that are connected
    :returns: None if some worker could run it; else words that go on after "because"

    >>> explain_waiting({"w1": Obstacles(lacking=frozenset({"worker:cap:x"}))}, connected=False)
    'no worker has the capability x (worker:cap:x)'
    """
    if not workers:
        return f"no worker is {'connected' if connected else 'registered'}"
    if not all(one.number for one in workers.values()):
        return None
    who = "no worker that is connected" if connected else "no worker"
    common = frozenset.intersection(*(one.lacking - one.withheld for one in workers.values()))
    if common:
        return f"{who} {_join(map(_claim, sorted(common)))}"
    name, closest = min(workers.items(), key=lambda item: (item[1].number, item[0]))
    return f"{who} fits; the closest, {name}, {_join(_complaints(closest))}"


def _complaints(obstacles: Obstacles) -> list[str]:
    """What is wrong between a request and one worker."""
    found = [
        f"does not {_phrase_of(tag)}" for tag in sorted(obstacles.lacking - obstacles.withheld)
    ]
    found += [
        f"may not {_phrase_of(tag)}: its lists of tasks say so"
        for tag in sorted(obstacles.withheld)
    ]
    if obstacles.demanded:
        found.append(f"takes only requests with {_join(sorted(obstacles.demanded))}")
    if obstacles.is_avoided:
        found.append("could not do it before, so that others come first")
    if obstacles.is_refused and not found:
        found.append("was refused by the task for what it reports of itself")
    return found


def _claim(tag: str) -> str:
    """A tag as what somebody does: third person."""
    verb, rest = _phrase(tag)
    return f"{'has' if verb == 'have' else verb + 's'} {rest} ({tag})"


def _phrase_of(tag: str) -> str:
    """A tag as what somebody does: infinitive."""
    return f"{' '.join(_phrase(tag))} ({tag})"


def _phrase(tag: str) -> tuple[str, str]:
    """A verb and what follows it."""
    match tag.split(":"):
        case ["worker", "task", _, name, "version", version]:
            return "run", f"version {version} of the task {name}"
        case ["worker", kind, name] if kind in _WORDS:
            verb, rest = _WORDS[kind]
            return verb, f"{rest} {name}"
        case _:
            return "provide", "what is required"


def _join(parts: Iterable[str]) -> str:
    return ", ".join(parts)
