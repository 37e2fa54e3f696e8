# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from debusine.domain.resources import NOTHING, Offer, Resources
from debusine.domain.waiting import Obstacles
from debusine.domain.why import Blocked, Candidate, Delayed, Dependency, Queued, QueuePlace
from debusine.domain.worker_state import WorkerState

FITS = Obstacles()
LACKS = Obstacles(lacking=frozenset({"worker:cap:sbuild"}))


def worker(name: str, state: str = "idle", **more: Any) -> Candidate:
    arguments: dict[str, Any] = {"obstacles": FITS, "offer": Offer(), **more}
    return Candidate(name=name, state=WorkerState(state), **arguments)


def said(*workers: Candidate, **more: Any) -> list[tuple[str, str]]:
    arguments: dict[str, Any] = {"need": NOTHING, "place": QueuePlace(), **more}
    return [(one.code, one.text) for one in Queued(workers=workers, **arguments).causes()]


def test_dependencies_are_named_as_far_as_they_may_be_seen() -> None:
    blocked = Blocked(
        dependencies=[Dependency(work_request=7, task="sbuild", status="running")], more=2
    )
    assert [one.text for one in blocked.causes()] == [
        "work request 7 (sbuild), which is running, has to end first",
        "2 others have to end first",
    ]
    assert [one.text for one in Blocked(more=1).causes()] == ["one other has to end first"]
    assert [one.code for one in Blocked().causes()] == ["blocked"]


def test_delays_say_until_when_and_why() -> None:
    until = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    (cause,) = Delayed(until=until, reason="attempt 1 ended: no mirror").causes()
    assert cause.text == (
        "it is not tried before 2026-01-02 03:04:05 UTC, as attempt 1 ended: no mirror"
    )
    (cause,) = Delayed(until=until).causes()
    assert cause.text == "it is not tried before 2026-01-02 03:04:05 UTC"


def test_a_tag_that_nobody_has_names_the_nearest_worker() -> None:
    far = worker("far", obstacles=Obstacles(lacking=frozenset({"worker:cap:a", "worker:cap:b"})))
    near = worker("near", obstacles=LACKS)
    ((code, text),) = said(far, near)
    assert code == "tags"
    assert "the closest, near, does not have the capability sbuild" in text
    assert said() == [("tags", "no worker is registered")]


def test_a_free_slot_is_not_enough() -> None:
    offer = Offer(slots=4, memory_mib=8192, disk_mib=16384)
    taken = Resources(memory_mib=6144, disk_mib=8192)
    full = worker("full", offer=offer, taken=taken)
    need = Resources(memory_mib=4096, disk_mib=1024)
    assert said(full, need=need) == [
        (
            "resources",
            (
                "it needs 4096 MiB of memory and 1024 MiB of disk, but of the workers that fit"
                " full has 2048 MiB of memory and 8192 MiB of disk free"
            ),
        )
    ]
    # an equal share of it is there for what has no history
    assert said(full) == [("soon", "it is the turn of full to ask")]
    assert said(full, worker("w", offer=offer), need=need) == [
        ("soon", "it is the turn of w to ask")
    ]


def test_what_was_never_offered_comes_first() -> None:
    codes = [code for code, _ in said(worker("w", obstacles=LACKS), is_never_offered=True)]
    assert codes == ["never-offered", "tags"]


def test_what_is_too_big_names_what_there_is() -> None:
    small = worker("small", offer=Offer(memory_mib=2048))
    other = worker("other", obstacles=LACKS)
    ((code, text),) = said(small, other, need=Resources(memory_mib=4096))
    assert code == "resources"
    assert text == (
        "it needs 4096 MiB of memory, more than any worker that fits has:"
        " small offers 2048 MiB of memory"
    )


@pytest.mark.parametrize(
    ("state", "remark", "text"),
    [
        ("drained", "new disk", "w fits, but is drained: new disk"),
        ("disconnected", "", "w fits, but is disconnected"),
        ("disabled", "", "w fits, but is disabled"),
    ],
)
def test_workers_that_are_not_there(state: str, remark: str, text: str) -> None:
    assert said(worker("w", state, remark=remark)) == [("worker-not-there", text)]


def test_of_many_that_are_not_there_some_are_named() -> None:
    found = said(*(worker(f"w{number}", "disconnected") for number in range(8)))
    assert len(found) == 6
    assert found[-1][1] == "3 other workers fit, but are not there"


def test_busy_workers_and_the_place_in_the_queue() -> None:
    place = QueuePlace(ahead=1)
    assert said(worker("w", "busy"), worker("gone", "disconnected"), place=place) == [
        ("busy", "the one worker that fits, w, is busy"),
        ("queue", "1 request is before it"),
    ]
    place = QueuePlace(ahead=1000, is_bounded=True)
    assert said(worker("a", "busy"), worker("b", "busy"), place=place) == [
        ("busy", "all 2 workers that fit are busy: a, b"),
        ("queue", "more than 1000 requests are before it"),
    ]


def test_one_that_is_idle_is_about_to_take_it() -> None:
    assert said(worker("a", "busy"), worker("b")) == [("soon", "it is the turn of a, b to ask")]


def test_shares_that_were_used_are_said() -> None:
    found = said(worker("w", "busy"), place=QueuePlace(late=timedelta(seconds=35)))
    assert found[-1][0] == "share"
    assert "35 s later" in found[-1][1]
    assert len(said(worker("w", "busy"), place=QueuePlace(late=timedelta(seconds=-35)))) == 1
