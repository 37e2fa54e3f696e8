# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest

from debusine.cli.follow import POLL_S, watch
from debusine.cli.progress import Screen
from debusine.client.websocket import LogChunk
from debusine.domain.result import WorkRequestResults
from debusine.domain.why import WaitingCode
from debusine.domain.work_request import TaskTypes, WorkRequestStatus
from debusine.errors import NotPossibleError
from debusine.wire.work_request import Waiting, WaitingCause, WorkRequest

LACKING = "no worker provides worker:cap:sbuild"
BLANK = WorkRequest(
    id=7, url="", created_at=datetime(2026, 1, 1, tzinfo=UTC), status=WorkRequestStatus.PENDING,
    result=WorkRequestResults.NONE, task_type=TaskTypes.WORKER, task_name="sbuild", task_data={},
    priority_base=0, priority_adjustment=0, artifacts=[], workspace="w",
)  # fmt: skip


@dataclass
class WaitingServer:
    """
    A request that waits for a while, then ends.

    :param reasons: why no worker takes it, by second
    :param waiting: what else is said of it
    """

    starts_after_s: float
    reasons: dict[int, str | None]
    chunks: tuple[LogChunk, ...] = ()
    now_s: float = 0.0
    waiting: Waiting = field(default_factory=Waiting)
    aborted: list[int] = field(default_factory=list)

    def sleep(self, seconds: float) -> None:
        self.now_s += seconds

    def work_request_get(self, work_request_id: int) -> WorkRequest:
        done = {"status": WorkRequestStatus.COMPLETED, "result": WorkRequestResults.SUCCESS}
        is_waiting = self.now_s < self.starts_after_s
        return BLANK.model_copy(update={"id": work_request_id} | ({} if is_waiting else done))

    def work_request_abort(self, work_request_id: int) -> WorkRequest:
        self.aborted.append(work_request_id)
        return self.work_request_get(work_request_id)

    def work_request_waiting(self, work_request_id: int) -> Waiting:
        assert work_request_id == 7
        reason = [reason for second, reason in self.reasons.items() if second <= self.now_s][-1]
        return self.waiting.model_copy(update={"reason": reason})

    def log_follow(self, work_request_id: int, offset: int = 0) -> Iterator[LogChunk]:
        yield from self.chunks


def follow(server: WaitingServer, **options: float) -> str:
    stream = io.StringIO()
    watch(server, 7, Screen(stream), sleep=server.sleep, **options)
    return stream.getvalue()


def test_a_request_that_no_worker_can_take_is_given_up() -> None:
    server = WaitingServer(starts_after_s=1e6, reasons={0: LACKING})
    with pytest.raises(NotPossibleError, match=LACKING) as caught:
        follow(server, give_up_s=20)
    assert "debusine doctor" in str(caught.value.resolution)
    assert server.aborted == [7]
    assert server.now_s == pytest.approx(20, abs=2 * POLL_S)


def test_a_worker_that_comes_in_time_is_waited_for() -> None:
    server = WaitingServer(
        starts_after_s=100, reasons={0: "no worker is connected", 16: None, 40: LACKING, 50: None}
    )
    shown = follow(server, give_up_s=20)
    assert server.aborted == []
    assert shown.count("waits") == 4


def test_busy_workers_are_waited_for_without_end() -> None:
    server = WaitingServer(starts_after_s=86_400, reasons={0: None})
    assert follow(server, give_up_s=20).count("waits: for a worker that is free") == 1


def test_who_only_follows_gives_nothing_up() -> None:
    server = WaitingServer(starts_after_s=3600, reasons={0: LACKING})
    assert follow(server).count(LACKING) == 1
    assert server.aborted == []


def test_another_attempt_is_announced() -> None:
    chunks = (
        LogChunk(offset=0, data=b"half a li", stream="stdout", attempt=1),
        LogChunk(offset=0, data=b"whole\n", stream="stdout", attempt=2),
    )
    shown = follow(WaitingServer(starts_after_s=0, reasons={0: None}, chunks=chunks))
    assert shown.index("half a li") < shown.index("attempt 1 was lost") < shown.index("whole")


@pytest.mark.parametrize(("after_s", "lasts_s"), [(0, 0.1), (10, 10.1)])
def test_what_no_worker_ever_offered_is_a_warning_said_once(after_s: float, lasts_s: float) -> None:
    warned = Waiting(warning="no worker ever offered worker:cap:sbuild")
    screen = Screen(io.StringIO())
    server = WaitingServer(starts_after_s=lasts_s, reasons={0: None}, waiting=warned)
    watch(server, 7, screen, warn_after_s=after_s, sleep=server.sleep)
    assert screen.warnings == ["work request 7: no worker ever offered worker:cap:sbuild"]
    server = WaitingServer(starts_after_s=after_s, reasons={0: None}, waiting=warned)
    screen = Screen(io.StringIO())
    watch(server, 7, screen, warn_after_s=after_s + 1, sleep=server.sleep)
    assert screen.warnings == []


@pytest.mark.parametrize("code", [WaitingCode.DELAY, WaitingCode.DEPENDENCY])
def test_delays_and_dependencies_are_named(code: WaitingCode) -> None:
    cause = WaitingCause(code=code, text="it is not tried before noon")
    server = WaitingServer(starts_after_s=60, reasons={0: None}, waiting=Waiting(causes=[cause]))
    assert follow(server, give_up_s=20).count("waits: it is not tried before noon") == 1
