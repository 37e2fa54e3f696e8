# SPDX-License-Identifier: GPL-3.0-or-later
"""
The Celery application, for threads of the server and for ``celery -A debusine.server.celery``.

There is no store of results: what became of a job stands in the rows it changed. Jobs
are acknowledged when they are done, and each is safe to run twice.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import django
from celery import Celery, bootsteps
from django.conf import settings
from django.db import connections
from typing_extensions import override

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "debusine.site.settings")
django.setup(set_prefix=False)

# everything below needs the settings
from debusine.server import job_queue, job_registry  # noqa: E402
from debusine.server.job_queue import Queue  # noqa: E402
from debusine.server.jobs_process import JobsProcess  # noqa: E402

# without a broker of its own, messages reach the threads of this process
MEMORY = "memory://localhost/"
# 12 ms until a message is seen, for 1 % of a core
_POLLING_S = 0.02
# a broker that does not answer must not hold up who tells it something
_BROKER_PATIENCE_S = 2.0
_REDIS = {
    "socket_connect_timeout": _BROKER_PATIENCE_S,
    # who waits for messages asks again every second, so this is for who tells
    "socket_timeout": 10 * _BROKER_PATIENCE_S,
    "socket_keepalive": True,
    "max_retries": 1,
    "interval_start": 0,
    "interval_step": 0,
    "global_keyprefix": "debusine-jobs:",
}


def make_app() -> Celery:
    """Make an application that knows all jobs; threads with queues of their own need their own."""
    redis_url = settings.DEBUSINE.redis_url
    app = Celery("debusine", fixups=[], set_as_current=False)
    app.conf.update(
        broker_url=redis_url or MEMORY,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        broker_connection_timeout=_BROKER_PATIENCE_S,
        broker_transport_options=_REDIS if redis_url else {"polling_interval": _POLLING_S},
        task_queues={
            queue.value: {"exchange": queue.value, "routing_key": queue.value} for queue in Queue
        },
        task_default_queue=Queue.BOOKKEEPING.value,
        task_default_routing_key=Queue.BOOKKEEPING.value,
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        task_ignore_result=True,
        task_publish_retry=False,
        worker_prefetch_multiplier=1,
        worker_pool="threads",
        worker_hijack_root_logger=False,
        worker_redirect_stdouts=False,
        worker_cancel_long_running_tasks_on_connection_loss=False,
        worker_enable_remote_control=False,
    )
    job_registry.register(app)
    app.steps["worker"].add(Life)
    return app


class Life(bootsteps.StartStopStep):  # type: ignore[misc]  # Celery has no types
    """What a process needs beside Celery, however its worker was started."""

    requires = ("celery.worker.components:Pool",)

    @override
    def start(self, parent: Any) -> None:
        """Begin, once the pool is there."""
        queues = {Queue(name) for name in parent.app.amqp.queues.consume_from}
        parent.debusine_process = JobsProcess(queues, threads=parent.concurrency)
        parent.debusine_process.begin()
        # this thread does nothing with rows from now on
        connections.close_all()

    @override
    def stop(self, parent: Any) -> None:
        """End, before the pool does."""
        parent.debusine_process.end()


def send(job: str, ids: Sequence[int], queue: Queue) -> None:
    """
    Give a message to the broker.

    :raises OperationalError: of kombu, if the broker does not take it
    """
    app.send_task(job, args=list(ids), queue=queue.value)


app = make_app()
# threads that do the jobs of any application look for them here
app.set_default()
job_queue.connect(send)
