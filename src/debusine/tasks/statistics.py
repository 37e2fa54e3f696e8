# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run of a task takes, measured while it runs."""

from __future__ import annotations

import resource
import threading
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self

from debusine.errors import DebusineError
from debusine.tasks.executors.base import ExecutorStatistics
from debusine.util.clock import Clock, SystemClock
from debusine.wire.work_request import RuntimeStatistics

if TYPE_CHECKING:
    from debusine.tasks.executors.base import Executor, Instance

POLL_INTERVAL_S = 10.0

# what a run uses: the highest value counts; what the machine has: the first one
_USED = ("disk_space", "memory", "network_received", "network_sent")
_AVAILABLE = ("available_disk_space", "available_memory", "cpu_count")


class MeasuredTask(Protocol):
    """What measuring asks of a task."""

    executor: Executor | None
    executor_instance: Instance | None
    duration_setup: float
    duration_run: float
    duration_teardown: float


class TaskStatistics:
    """
    Measures a task while the block runs, from a thread of its own.

    ::

        with TaskStatistics(task) as statistics:
            task.execute_logging_exceptions()
        report = statistics.result()

    The process must run nothing else, as its CPU time counts.
    """

    def __init__(
        self,
        task: MeasuredTask,
        *,
        clock: Clock | None = None,
        interval_s: float = POLL_INTERVAL_S,
    ) -> None:
        self._task = task
        self._clock = clock or SystemClock()
        self._interval_s = interval_s
        self._values: dict[str, int] = {}
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._poll, name="statistics", daemon=True)
        self._began = 0.0
        self._cpu_began = 0.0
        self._duration = 0.0
        self._cpu = 0.0

    def __enter__(self) -> Self:
        self._began, self._cpu_began = self._clock.monotonic(), _cpu_seconds()
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._done.set()
        self._thread.join()
        self._duration = self._clock.monotonic() - self._began
        self._cpu = _cpu_seconds() - self._cpu_began

    def sample(self) -> None:
        """Ask the executor once; before there is one, nothing is known."""
        executor = self._task.executor
        if executor is not None:
            self.record(executor.get_statistics(self._task.executor_instance))

    def record(self, sample: ExecutorStatistics) -> None:
        """Take a measurement into account."""
        for name in _USED:
            value = getattr(sample, name)
            if value is not None:
                self._values[name] = max(value, self._values.get(name, 0))
        for name in _AVAILABLE:
            value = getattr(sample, name)
            if value is not None:
                self._values.setdefault(name, value)

    def result(self) -> RuntimeStatistics:
        """What was measured; complete after the block."""
        return RuntimeStatistics(
            duration=round(self._duration),
            duration_setup=round(self._task.duration_setup),
            duration_run=round(self._task.duration_run),
            duration_teardown=round(self._task.duration_teardown),
            cpu_time=round(self._cpu),
            **self._values,
        )

    def _poll(self) -> None:
        while not self._done.wait(self._interval_s):
            # a sandbox that is being stopped cannot be measured; the next time may go well
            with suppress(OSError, DebusineError):
                self.sample()


def _cpu_seconds() -> float:
    """CPU time of this process and of those it has waited for."""
    usage = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in usage)
