# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest

from debusine.domain.waiting import Obstacles, explain_waiting


def lacking(*tags: str) -> Obstacles:
    return Obstacles(lacking=frozenset(tags))


def test_without_workers() -> None:
    assert explain_waiting({}, connected=True) == "no worker is connected"
    assert explain_waiting({}, connected=False) == "no worker is registered"


def test_one_that_could_is_enough() -> None:
    assert explain_waiting({"w1": lacking("x"), "w2": Obstacles()}, connected=True) is None


@pytest.mark.parametrize(
    ("tag", "words"),
    [
        ("worker:build-arch:riscv64", "builds for riscv64"),
        ("worker:executor:qemu", "has the executor qemu"),
        ("worker:cap:sbuild", "has the capability sbuild"),
        ("worker:class:fast", "belongs to the class fast"),
        ("worker:type:signing", "belongs to the type signing"),
        ("worker:task:worker:sbuild:version:2", "runs version 2 of the task sbuild"),
        ("anything", "provides what is required"),
    ],
)
def test_what_nobody_has_in_words(tag: str, words: str) -> None:
    assert explain_waiting({"w1": lacking(tag)}, connected=False) == f"no worker {words} ({tag})"


def test_what_all_lack_comes_first() -> None:
    workers = {"w1": lacking("worker:cap:a", "worker:cap:b"), "w2": lacking("worker:cap:b")}
    assert explain_waiting(workers, connected=True) == (
        "no worker that is connected has the capability b (worker:cap:b)"
    )


def test_else_the_closest_is_named() -> None:
    workers = {
        "far": lacking("worker:cap:a", "worker:cap:b"),
        "near": lacking("worker:build-arch:s390x"),
    }
    assert explain_waiting(workers, connected=False) == (
        "no worker fits; the closest, near, does not build for s390x (worker:build-arch:s390x)"
    )


def test_lists_demands_and_refusals_are_told_apart() -> None:
    version = frozenset({"worker:task:worker:noop:version:1"})
    listed = Obstacles(lacking=version, withheld=version)
    assert explain_waiting({"w1": listed}, connected=False) == (
        "no worker fits; the closest, w1, may not run version 1 of the task noop "
        "(worker:task:worker:noop:version:1): its lists of tasks say so"
    )
    picky = Obstacles(demanded=frozenset({"task:scope:debian"}))
    assert explain_waiting({"w1": picky}, connected=False) == (
        "no worker fits; the closest, w1, takes only requests with task:scope:debian"
    )
    assert explain_waiting({"w1": Obstacles(is_refused=True)}, connected=False) == (
        "no worker fits; the closest, w1, was refused by the task for what it reports of itself"
    )
