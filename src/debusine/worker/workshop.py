# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything that a task finds when it starts: its place, its limits, its log."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from debusine.client.local_agent import IMAGES
from debusine.domain.resources import Offer
from debusine.util.control_group import Limiter, TaskGroup
from debusine.wire.work_request import AssignedWorkRequest
from debusine.worker import directories
from debusine.worker.config import WorkerConfig
from debusine.worker.execution import Execution
from debusine.worker.job import Job
from debusine.worker.log_stream import LogLimits, LogStreamer
from debusine.worker.nursery_client import NurseryClient
from debusine.worker.offer import is_in_memory
from debusine.worker.spool import Spool
from debusine.worker.user import Account

# of the one or two directories in which those of tasks are made
_is_in_memory = lru_cache(is_in_memory)


@dataclass(frozen=True, kw_only=True, slots=True)
class Workshop:
    """
    Makes room for tasks.

    :param account: who runs them
    :param working: where their directories are made
    :param offer: what this machine has for all of them
    :param limiter: keeps each to what is reserved for it
    :param may_hold: whether environments may be kept after their tasks
    """

    config: WorkerConfig
    account: Account
    working: Path
    nursery: NurseryClient
    offer: Offer
    limiter: Limiter
    logs: LogLimits
    may_hold: bool = False

    def prepare(self, request: AssignedWorkRequest, *, log_grew: Callable[[], None]) -> Execution:
        """
        Make room for a task.

        :param log_grew: called when there is more of its log
        :raises DebusineError: if that fails, also OSError
        """
        base = directories.choose_scratch_base(self.config.scratch_directory, self.working)
        made, lock = directories.create(
            request.id, working=self.working, scratch_base=base, account=self.account
        )
        group = self._limit(request, made)
        job = Job(
            request=request,
            directories=made,
            account=self.account,
            api_url=self.config.api_url,
            http_timeout=self.config.http_timeout,
            environment=dict(self.config.environment),
            image_cache=self.working / IMAGES,
            shared=self.offer.slots > 1,
            may_hold=self.may_hold,
            control_group=None if group is None else group.path,
        )
        streamer = LogStreamer(request.id, Spool(made.spool), changed=log_grew, limits=self.logs)
        return Execution(job, lock, self.nursery, streamer, group)

    def _limit(
        self, request: AssignedWorkRequest, made: directories.TaskDirectories
    ) -> TaskGroup | None:
        """Keep a task to the memory that is reserved for it; its files may lie there, too."""
        reserved = request.reservation
        if reserved is None or not reserved.memory_mib:
            return None
        files_mib = reserved.disk_mib if _is_in_memory(made.scratch.parent) else 0
        return self.limiter.limit(
            made.root.name.removeprefix(directories.PREFIX),
            memory_bytes=(reserved.memory_mib + files_mib) * 1024**2,
        )
