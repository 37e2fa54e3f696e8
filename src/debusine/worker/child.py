# SPDX-License-Identifier: GPL-3.0-or-later
"""The task's own process: nothing of the agent's, then the task, then its result."""

from __future__ import annotations

import logging
import os
import resource
import signal
import socket
import sys
import traceback
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

from debusine.client.debusine import Debusine
from debusine.domain.action_key import Network
from debusine.domain.result import WorkRequestResults
from debusine.errors import DebusineError
from debusine.tasks import BaseExternalTask
from debusine.tasks.logs import LogSender
from debusine.tasks.statistics import TaskStatistics
from debusine.util.control_group import enter
from debusine.wire.work_request import (
    OutputData,
    OutputError,
    WorkRequestCompleted,
)
from debusine.worker.apt import lend_apt
from debusine.worker.architectures import is_emulated
from debusine.worker.channel import FrameReader, TaskChannel
from debusine.worker.job import Job
from debusine.worker.keeper import Keeper
from debusine.worker.processes import (
    die_with_parent,
    hide_memory,
    offer_to_oom_killer,
    set_name,
)
from debusine.worker.trade import EXTERNAL, Trade
from debusine.worker.user import Account

# a server that is started anew must not cost a task that has run for hours
PATIENCE_S = 900

AnyTask = BaseExternalTask[Any, Any]


class _StageError(Exception):
    """The task could not be brought to run."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def run_child(channel: socket.socket, trade: Trade = EXTERNAL) -> NoReturn:
    """
    Become the process of a task, run it and end.

    :param channel: where the job comes from, and log and result go
    :param trade: what kind of worker runs it
    """
    try:
        # what we read as root is not worth outliving who looks after us
        die_with_parent()
        message = FrameReader(channel).read()
        if message is None:
            os._exit(1)
        job = Job.from_json(message["job"])
        lent = _lend(job)
        if job.control_group is not None:
            enter(job.control_group)
        isolate(job.account, output=job.directories.output)
        os.environ.clear()
        os.environ.update(job.variables())
        os.chdir(job.directories.work)
        set_name(f"task-{job.request.task_name}")
        logging.basicConfig(level=logging.INFO, force=True, stream=sys.stderr)
        sender = TaskChannel(channel)
        keeper = Keeper(channel, sender) if job.may_hold else None
        report = run_task(job, sender, lent, trade=trade, keeper=keeper)
        sender.send_result(report.model_dump(mode="json", exclude_unset=True))
        if keeper is not None:
            keeper.run()
    except BaseException:  # noqa: BLE001  the supervisor reads it from the output
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(1)
    os._exit(0)


def isolate(account: Account, *, output: Path | None = None) -> None:
    """
    Leave everything of the agent behind: session, files, signals, privileges.

    :param output: file for what this process prints; None leaves both outputs alone
    """
    os.setsid()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    if output is not None:
        file = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(file, 1)
        os.dup2(file, 2)
        os.close(file)
    os.close(null)
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    # where nothing limits its memory, the kernel is to end the task, not agent or server
    offer_to_oom_killer()
    if os.geteuid() == 0:
        os.initgroups(account.name, account.gid)
        os.setgid(account.gid)
        os.setuid(account.uid)
    os.umask(0o022)
    hide_memory()
    parent = os.getppid()
    die_with_parent()
    if os.getppid() != parent:
        os._exit(1)


def run_task(
    job: Job,
    sender: TaskChannel,
    lent: Path | _StageError | None = None,
    *,
    trade: Trade = EXTERNAL,
    keeper: Keeper | None = None,
) -> WorkRequestCompleted:
    """
    Run the task of a job; whatever goes wrong becomes a result.

    :param lent: what APT needs to reach mirrors, or why it cannot be had
    :param trade: what kind of worker runs it
    :param keeper: gets what is left of its sandbox
    """
    try:
        task = _make_task(job, trade)
        if keeper is not None:
            keeper.watch(task)
        if isinstance(lent, _StageError):
            raise lent
        task.apt_access_directory = lent
        _equip(task, job, sender, trade)
        _obey_abort(task)
        emulated = says_emulated(task, sender)
        with TaskStatistics(task) as statistics:
            result = _execute(task)
    except _StageError as error:
        sender.send(f"{error}\n".encode(errors="replace"), "internal")
        return WorkRequestCompleted(
            result=WorkRequestResults.ERROR,
            output_data=OutputData(errors=[OutputError(message=str(error), code=error.code)]),
        )
    output = OutputData(runtime_statistics=statistics.result())
    if task.reported_errors and result is not WorkRequestResults.SUCCESS:
        output = output.model_copy(update={"errors": task.reported_errors})
    if task.apt_indexes:
        output = output.model_copy(update={"apt_indexes": task.apt_indexes})
    if emulated:
        output = output.model_copy(update={"emulated": True})
    if had_network(task):
        output = output.model_copy(update={"network": True})
    return WorkRequestCompleted(result=result, output_data=output)


def had_network(task: AnyTask) -> bool:
    """Whether the work itself, after its preparation, could reach the worker's network."""
    instance = task.executor_instance
    return task.NETWORK is Network.UNKNOWN or (instance is not None and instance.has_network)


def _lend(job: Job) -> Path | _StageError | None:
    try:
        return lend_apt(job)
    except (DebusineError, OSError) as error:
        why = error.explain() if isinstance(error, DebusineError) else str(error)
        return _StageError("setup-failed", f"cannot lend this machine's way to mirrors: {why}")


def _make_task(job: Job, trade: Trade) -> AnyTask:
    request = job.request
    if request.task_type is not trade.task_type:
        message = f"this worker does not run tasks of type {request.task_type}"
        raise _StageError("wrong-task-type", message)
    try:
        kind = BaseExternalTask.class_from_name(request.task_type, request.task_name)
    except ValueError as error:
        raise _StageError("setup-failed", str(error)) from error
    try:
        return kind(request.task_data, request.dynamic_task_data)
    except Exception as error:
        raise _StageError("configure-failed", str(error)) from error


def _equip(task: AnyTask, job: Job, sender: TaskChannel, trade: Trade) -> None:
    request = job.request
    task.work_request_id = request.id
    task.workspace_name = request.workspace
    task.http_timeout = job.http_timeout
    task.log_sender = sender
    task.scratch_directory = job.directories.scratch
    task.set_working_directory(job.directories.work)
    task.set_worker_environment_variables(job.task_environment())
    task.image_cache_directory = job.image_cache
    task.configure_server_access(
        Debusine(
            job.api_url,
            request.token,
            scope=request.scope or None,
            http_timeout=job.http_timeout,
            patience_s=PATIENCE_S,
        )
    )
    try:
        trade.equip(task)
    except DebusineError as error:
        raise _StageError("setup-failed", error.explain()) from error


def says_emulated(task: AnyTask, sender: LogSender) -> bool:
    """Find out whether the programs of a task run through qemu-user; if so, its log says so."""
    if not task.field_is_resolved("build_architecture"):
        return False
    architecture = str(vars(task)["build_architecture"])
    if not is_emulated(architecture):
        return False
    text = f"emulated: programs of {architecture} run through qemu-user\n"
    sender.send(text.encode(), "internal")
    return True


def _obey_abort(task: AnyTask) -> None:
    def abort(number: int, frame: FrameType | None) -> None:
        del number, frame
        task.abort()

    signal.signal(signal.SIGTERM, abort)


def _execute(task: AnyTask) -> WorkRequestResults:
    try:
        return task.execute_logging_exceptions()
    except Exception as error:
        message = f"{type(error).__name__}: {error}"
        raise _StageError("execute-failed", message) from error
