# SPDX-License-Identifier: GPL-3.0-or-later
"""
Lend a task what this machine's APT knows about its mirrors.

Credentials and keys may be readable for root alone, so they are read before the process
of the task becomes that of its user.
"""

from __future__ import annotations

import os
from pathlib import Path

import structlog

from debusine.tasks import BaseExternalTask
from debusine.util.apt_access import access_of
from debusine.util.apt_cache import with_cache
from debusine.util.apt_config import read_machine
from debusine.wire.work_request import AssignedWorkRequest
from debusine.worker.job import Job

PACKAGE_CACHE = "DEBUSINE_WORKER_PACKAGE_CACHE"
"""Tells the processes of tasks the URL of a cache while they are still the agent's."""

log = structlog.get_logger(__name__)


def lend_apt(job: Job) -> Path | None:
    """
    Write APT's configuration to a directory of the task's user that nobody else can read.

    ``APT_CONFIG`` and the proxies in our environment count as for APT itself.

    :returns: the directory; None if the task is not of a kind that uses APT
    :raises DebusineError: if APT's configuration cannot be understood
    """
    if not _uses_apt(job.request):
        return None
    machine = read_machine()
    for path in machine.unreadable:
        log.warning("apt-credentials-unreadable", path=str(path))
    directory = job.directories.apt_access
    access = access_of(machine)
    if (cache := os.environ.get(PACKAGE_CACHE)) is not None:
        access = with_cache(access, cache)
    access.write(directory, alone=True)
    if os.geteuid() == 0:
        for path in (*directory.iterdir(), directory):
            os.chown(path, job.account.uid, job.account.gid)
    return directory


def _uses_apt(request: AssignedWorkRequest) -> bool:
    try:
        kind = BaseExternalTask.class_from_name(request.task_type, request.task_name)
    except ValueError:
        # who runs it says so in better words
        return False
    return kind.USES_APT
