# SPDX-License-Identifier: GPL-3.0-or-later
"""
Whether something is tried again, when and where; and why, in words.

Each attempt that did not do what it should belongs to a class. Classes are bounded one by one, so
that a package that is hard on workers cannot go round for ever as its failures change.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum

from debusine.domain.result import Blame, Cause, WorkRequestResults, blame_for


class RetryClass(StrEnum):
    """Why an attempt came to nothing, as far as it matters for the next one."""

    LOST_WORKER = "lost-worker"
    INFRASTRUCTURE = "infrastructure"
    NETWORK = "network"
    OUT_OF_SPACE = "out-of-space"
    OUT_OF_MEMORY = "out-of-memory"
    DEPENDENCY = "dependency"
    FLAKY = "flaky"
    SUBJECT = "subject"

    @property
    def label(self) -> str:
        """
        The same for people, to go on after "because of".

        >>> RetryClass.OUT_OF_SPACE.label
        'a full disk'
        """
        return _LABELS[self]


_LABELS = {
    RetryClass.LOST_WORKER: "a lost worker",
    RetryClass.INFRASTRUCTURE: "a broken worker",
    RetryClass.NETWORK: "the network",
    RetryClass.OUT_OF_SPACE: "a full disk",
    RetryClass.OUT_OF_MEMORY: "too little memory",
    RetryClass.DEPENDENCY: "a missing dependency",
    RetryClass.FLAKY: "a failure that may pass",
    RetryClass.SUBJECT: "the task's own failure",
}
_BY_CAUSE = {
    Cause.NETWORK_FAILED: RetryClass.NETWORK,
    Cause.OUT_OF_DISK_SPACE: RetryClass.OUT_OF_SPACE,
    Cause.OUT_OF_MEMORY: RetryClass.OUT_OF_MEMORY,
    Cause.WORKER_FAILED: RetryClass.INFRASTRUCTURE,
    Cause.DEPENDENCIES_UNMET: RetryClass.DEPENDENCY,
}
# another worker may do what this one could not
_ELSEWHERE = frozenset(
    {RetryClass.INFRASTRUCTURE, RetryClass.OUT_OF_SPACE, RetryClass.OUT_OF_MEMORY}
)
# a lost attempt says nothing against trying again at once
_AT_ONCE = frozenset({RetryClass.LOST_WORKER})


def classify(result: WorkRequestResults, codes: Iterable[str] = ()) -> RetryClass | None:
    """
    Find the class of a report.

    :param codes: of its errors; the first one that is known decides
    :returns: None for what is never tried again and nobody's fault but ours, and for what is
        no failure

    >>> classify(WorkRequestResults.FAILURE, ["other", "network-failed"])
    <RetryClass.NETWORK: 'network'>
    >>> classify(WorkRequestResults.FAILURE)
    <RetryClass.SUBJECT: 'subject'>
    """
    known = [Cause(code) for code in codes if code in set(Cause)]
    blame = blame_for(result, known)
    if blame is None or blame is Blame.PLATFORM:
        return None
    if known:
        return _BY_CAUSE.get(known[0], RetryClass.SUBJECT)
    return RetryClass.FLAKY if blame is Blame.ENVIRONMENT else RetryClass.SUBJECT


@dataclass(frozen=True, kw_only=True, slots=True)
class RetryPolicy:
    """
    How often and how late; nothing is ever tried again for the class "subject".

    :param limits: how often each class is tried again; 0 unless it is there
    :param delay: before the first retry that has to wait; doubled for each further one
    :param longest: what no delay exceeds
    """

    limits: Mapping[RetryClass, int]
    delay: timedelta = timedelta(seconds=30)
    longest: timedelta = timedelta(hours=1)

    def limit(self, kind: RetryClass) -> int:
        """How often a class is tried again."""
        return 0 if kind is RetryClass.SUBJECT else self.limits.get(kind, 0)


@dataclass(frozen=True, kw_only=True, slots=True)
class Decision:
    """
    What comes after an attempt.

    :param kind: its class
    :param is_final: whether nothing comes
    :param retry: number of the retry, from 1, and ``limit``, how many there are of its class
    :param delay: zero: at once
    :param is_elsewhere: whether its worker is not to get it again
    """

    kind: RetryClass
    is_final: bool = False
    retry: int = 0
    limit: int = 0
    delay: timedelta = field(default_factory=timedelta)
    is_elsewhere: bool = False

    @property
    def words(self) -> str:
        """
        What comes next, for people.

        >>> Decision(kind=RetryClass.NETWORK, retry=1, limit=3, delay=timedelta(seconds=35)).words
        'tried again in 35 seconds because of the network: retry 1 of 3'
        """
        if self.is_final:
            if self.limit:
                return f"given up: tried again {self.limit} times because of {self.kind.label}"
            return f"not tried again because of {self.kind.label}"
        when = f"in {round(self.delay.total_seconds())} seconds" if self.delay else "at once"
        where = " on another worker" if self.is_elsewhere else ""
        order = f"retry {self.retry} of {self.limit}"
        return f"tried again {when}{where} because of {self.kind.label}: {order}"


def decide(
    kind: RetryClass,
    *,
    earlier: int,
    policy: RetryPolicy,
    jitter: float = 0.5,
    can_elsewhere: bool = False,
) -> Decision:
    """
    Say what comes after an attempt.

    :param earlier: how many attempts of the same request were tried again for this class
    :param jitter: chance, from 0 up to 1: what broke together is not to come back together
    :param can_elsewhere: whether some other worker could run it

    >>> policy = RetryPolicy(limits={RetryClass.NETWORK: 3})
    >>> [decide(RetryClass.NETWORK, earlier=n, policy=policy).delay.seconds for n in range(3)]
    [30, 60, 120]
    >>> decide(RetryClass.NETWORK, earlier=3, policy=policy).is_final
    True
    """
    limit = policy.limit(kind)
    if earlier >= limit:
        return Decision(kind=kind, is_final=True, limit=limit)
    is_elsewhere = can_elsewhere and kind in _ELSEWHERE
    delay = timedelta()
    if not is_elsewhere and kind not in _AT_ONCE:
        # no worker lives long enough for more doublings to matter
        doubled = policy.delay * 2 ** min(earlier, 20)
        delay = min(doubled * (0.5 + jitter), policy.longest)
    return Decision(
        kind=kind, retry=earlier + 1, limit=limit, delay=delay, is_elsewhere=is_elsewhere
    )


def jitter_of(work_request_id: int, number: int) -> float:
    """
    Chance that belongs to an attempt: the same each time, another for each.

    >>> 0 <= jitter_of(1, 1) < 1 and jitter_of(1, 1) != jitter_of(2, 1)
    True
    """
    return zlib.crc32(f"{work_request_id}/{number}".encode()) / 2**32
