# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from datetime import timedelta

import pytest

from debusine.domain.result import Cause, WorkRequestResults
from debusine.domain.retry import RetryClass, RetryPolicy, classify, decide

POLICY = RetryPolicy(
    limits=dict.fromkeys(RetryClass, 2),
    delay=timedelta(seconds=10),
    longest=timedelta(seconds=25),
)
FAILURE = WorkRequestResults.FAILURE


@pytest.mark.parametrize(
    ("result", "codes", "expected"),
    [
        ("success", [], None),
        ("success", ["network-failed"], None),
        ("skipped", [], None),
        ("failure", [], RetryClass.SUBJECT),
        ("failure", ["build-failed", "network-failed"], RetryClass.SUBJECT),
        ("failure", ["of-another-program", "network-failed"], RetryClass.NETWORK),
        ("error", ["network-failed"], RetryClass.NETWORK),
        ("failure", ["out-of-disk-space"], RetryClass.OUT_OF_SPACE),
        ("failure", ["out-of-memory"], RetryClass.OUT_OF_MEMORY),
        ("failure", ["worker-failed"], RetryClass.INFRASTRUCTURE),
        ("failure", ["dependencies-unmet"], RetryClass.DEPENDENCY),
        ("temporary failure", [], RetryClass.FLAKY),
        # our own fault: somebody should look
        ("error", [], None),
        ("failure", ["output-missing"], None),
    ],
)
def test_class_of_a_report(result: str, codes: list[str], expected: RetryClass | None) -> None:
    assert classify(WorkRequestResults(result), codes) == expected


@pytest.mark.parametrize("cause", Cause)
def test_what_the_subject_is_to_blame_for_is_never_network_or_worker(cause: Cause) -> None:
    kind = classify(FAILURE, [cause])
    is_environment = kind in {
        RetryClass.NETWORK,
        RetryClass.OUT_OF_SPACE,
        RetryClass.OUT_OF_MEMORY,
        RetryClass.INFRASTRUCTURE,
    }
    assert is_environment == (cause.blame.value == "environment")


@pytest.mark.parametrize("kind", RetryClass)
def test_each_class_is_bounded_and_the_subject_is_not_tried_again_at_all(kind: RetryClass) -> None:
    ends = [decide(kind, earlier=n, policy=POLICY).is_final for n in range(4)]
    assert ends == ([True] * 4 if kind is RetryClass.SUBJECT else [False, False, True, True])


def test_delays_double_up_to_a_limit_and_vary_by_half() -> None:
    def delay(earlier: int, jitter: float) -> float:
        chosen = decide(RetryClass.NETWORK, earlier=earlier, policy=POLICY, jitter=jitter)
        return chosen.delay.total_seconds()

    assert [delay(0, jitter) for jitter in (0, 0.5, 0.75)] == [5, 10, 12.5]
    assert [delay(1, jitter) for jitter in (0, 0.5, 0.75)] == [10, 20, 25]


def test_a_lost_attempt_is_made_good_at_once() -> None:
    chosen = decide(RetryClass.LOST_WORKER, earlier=0, policy=POLICY, can_elsewhere=True)
    assert (chosen.delay, chosen.is_elsewhere) == (timedelta(), False)
    assert chosen.words == "tried again at once because of a lost worker: retry 1 of 2"


def test_another_worker_need_not_wait() -> None:
    elsewhere = decide(RetryClass.OUT_OF_SPACE, earlier=0, policy=POLICY, can_elsewhere=True)
    assert (elsewhere.delay, elsewhere.is_elsewhere) == (timedelta(), True)
    here = decide(RetryClass.OUT_OF_SPACE, earlier=0, policy=POLICY)
    assert (here.delay, here.is_elsewhere) == (timedelta(seconds=10), False)
    # a mirror is as far from everywhere
    network = decide(RetryClass.NETWORK, earlier=0, policy=POLICY, can_elsewhere=True)
    assert not network.is_elsewhere


def test_words_say_why_it_ends() -> None:
    assert decide(RetryClass.SUBJECT, earlier=0, policy=POLICY).words == (
        "not tried again because of the task's own failure"
    )
    assert decide(RetryClass.OUT_OF_MEMORY, earlier=2, policy=POLICY).words == (
        "given up: tried again 2 times because of too little memory"
    )
    none = RetryPolicy(limits={})
    assert decide(RetryClass.FLAKY, earlier=0, policy=none).words == (
        "not tried again because of a failure that may pass"
    )
