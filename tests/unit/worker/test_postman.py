# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Any

import pytest
from typing_extensions import override

from debusine.domain.result import WorkRequestResults
from debusine.domain.work_request import TaskTypes, WorkRequestStatus
from debusine.testing.clock import FakeClock
from debusine.util.retry import Backoff
from debusine.wire.work_request import AssignedWorkRequest, WorkRequestCompleted
from debusine.worker.postman import Postman
from debusine.worker.report import PendingReport, ReportBox
from debusine.worker.server_api import Delivery

URL = "http://localhost/api"
REPORT = WorkRequestCompleted(result=WorkRequestResults.SUCCESS)
REQUEST = AssignedWorkRequest(
    id=7,
    url="/debusine/System/work-request/7/",
    created_at=FakeClock().now(),
    status=WorkRequestStatus.RUNNING,
    result=WorkRequestResults.NONE,
    task_type=TaskTypes.WORKER,
    task_name="noop",
    task_data={},
    priority_base=0,
    priority_adjustment=0,
    artifacts=[],
    workspace="System",
    token="t" * 64,
)


class Server:
    """Answers as it is told; the last answer again and again."""

    def __init__(self, *answers: Delivery) -> None:
        self._answers = list(answers)
        self.asked = 0
        self.was_asked = threading.Event()

    async def deliver(self, *_args: Any, **_options: Any) -> Delivery:
        self.asked += 1
        self.was_asked.set()
        return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]


class SlowBox(ReportBox):
    """A disk that is done only once the server was asked."""

    def __init__(self, directory: Path, server: Server) -> None:
        super().__init__(directory)
        self._server = server

    @override
    def keep(self, pending: PendingReport, *, for_long: bool = False) -> None:
        assert self._server.was_asked.wait(10)
        super().keep(pending, for_long=for_long)


class RememberingBox(ReportBox):
    """A disk that knows for how long it is to keep what."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.kept: list[bool] = []

    @override
    def keep(self, pending: PendingReport, *, for_long: bool = False) -> None:
        self.kept.append(for_long)
        super().keep(pending, for_long=for_long)


def postman(server: Server, box: ReportBox, *, unwanted: bool = False) -> Postman:
    api: Any = server
    return Postman(
        api, box, backoff=Backoff(first_s=0.001, max_s=0.001), is_unwanted=lambda _: unwanted
    )


@pytest.mark.parametrize(
    ("answers", "settled", "times"),
    [
        ([Delivery.ACCEPTED], True, 1),
        ([Delivery.REFUSED], False, 1),
        ([Delivery.LATER, Delivery.LATER, Delivery.ACCEPTED], True, 3),
    ],
)
def test_delivered_until_settled(
    tmp_path: Path, *, answers: list[Delivery], settled: bool, times: int
) -> None:
    server, box = Server(*answers), ReportBox(tmp_path)
    assert asyncio.run(postman(server, box).report(URL, REQUEST, REPORT)) is settled
    assert server.asked == times
    assert list(box.pending(URL)) == []


def test_what_nobody_wants_is_given_up(tmp_path: Path) -> None:
    server, box = Server(Delivery.LATER), ReportBox(tmp_path)
    assert asyncio.run(postman(server, box, unwanted=True).report(URL, REQUEST, REPORT))
    assert (server.asked, list(box.pending(URL))) == (1, [])


@pytest.mark.parametrize("delays", [0, 1, 3])
def test_only_what_takes_long_waits_for_the_disk(tmp_path: Path, delays: int) -> None:
    server = Server(*[Delivery.LATER] * delays, Delivery.ACCEPTED)
    box = RememberingBox(tmp_path)
    assert asyncio.run(postman(server, box).report(URL, REQUEST, REPORT))
    assert box.kept == [False, True][: 1 + bool(delays)]


def test_a_slow_disk_delays_no_delivery_and_keeps_nothing_delivered(tmp_path: Path) -> None:
    server = Server(Delivery.ACCEPTED)
    box = SlowBox(tmp_path, server)
    assert asyncio.run(postman(server, box).report(URL, REQUEST, REPORT))
    assert list(box.pending(URL)) == []


def test_who_is_told_to_stop_keeps_what_is_not_delivered(tmp_path: Path) -> None:
    server = Server(Delivery.LATER)
    box = SlowBox(tmp_path, server)

    async def stop_in_the_middle() -> None:
        task = asyncio.create_task(postman(server, box).report(URL, REQUEST, REPORT))
        assert await asyncio.to_thread(server.was_asked.wait, 10)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(stop_in_the_middle())
    [kept] = box.pending(URL)
    assert (kept.work_request_id, kept.report) == (7, REPORT)
    again = Server(Delivery.ACCEPTED)
    asyncio.run(postman(again, box).deliver_kept(URL))
    assert (again.asked, list(box.pending(URL))) == (1, [])
