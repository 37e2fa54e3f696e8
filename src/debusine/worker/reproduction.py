# SPDX-License-Identifier: GPL-3.0-or-later
"""
Run one task here as an agent would, and keep its results.

``python -m debusine.worker.reproduction`` reads a :class:`ReproductionOrder` from
standard input and writes the log of the task to standard output.
"""

from __future__ import annotations

import asyncio
import os
import pwd
import shutil
import signal
import sys
import tempfile
from pathlib import Path

from typing_extensions import override

from debusine.client.identity import DEFAULT_TIMEOUT
from debusine.client.local_server import SCRATCH_PREFIX
from debusine.errors import DebusineError, NotPossibleError
from debusine.util.log import configure_logging
from debusine.util.userns import remove_tree
from debusine.wire.reproduction import REPORT, Reproduction, ReproductionOrder
from debusine.wire.work_request import WorkRequestCompleted
from debusine.wire.worker import LogStream
from debusine.worker import directories
from debusine.worker.execution import Execution
from debusine.worker.job import Job
from debusine.worker.kept_here import KEPT, read_kept
from debusine.worker.log_stream import LogStreamer
from debusine.worker.nursery_client import NurseryClient
from debusine.worker.processes import die_with_parent
from debusine.worker.spool import Spool
from debusine.worker.user import Account

EXIT_ERROR = 3
EXIT_INTERRUPTED = 130
# large, and reachable for the users that sandboxes map in
_DISK = Path("/var/tmp")  # noqa: S108  a directory of our own is made in it
_LEVEL = "WARNING"


class _ShownLog(LogStreamer):
    """A log that a person reads as it is written."""

    @override
    def write(self, data: bytes, stream: LogStream) -> None:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()


def main() -> None:
    """Run the program; the exit status is 0 if there is a report."""
    die_with_parent()
    configure_logging(_LEVEL, stream=sys.stderr)
    order = ReproductionOrder.model_validate_json(sys.stdin.buffer.read())
    # forks before there are threads
    nursery = NurseryClient(log_level=_LEVEL, program="debusine.worker.kept_here")
    try:
        is_complete = _run(order, nursery)
    except (DebusineError, OSError) as error:
        why = error.explain() if isinstance(error, DebusineError) else str(error)
        sys.stderr.write(f"{why}\n")
        sys.exit(EXIT_ERROR)
    finally:
        nursery.stop()
    sys.exit(0 if is_complete else EXIT_INTERRUPTED)


def _run(order: ReproductionOrder, nursery: NurseryClient) -> bool:
    account = choose_account(order.user, is_root=os.geteuid() == 0)
    prefix = f"{SCRATCH_PREFIX}reproduce-{os.getpid()}-"
    working = Path(tempfile.mkdtemp(prefix=prefix, dir=_DISK))
    try:
        directories.make_working_directory(working)
        nursery.start()
        return asyncio.run(_execute(order, nursery, account=account, working=working))
    finally:
        remove_tree(working)


def choose_account(user: str, *, is_root: bool) -> Account:
    """
    Choose who runs the task: we ourselves unless we are root.

    :param user: who runs the tasks of this machine's agent
    :param is_root: whether we are
    :raises NotPossibleError: if we are root and there is no such user, or it is root itself
    """
    if not is_root:
        return Account.current()
    try:
        account = Account.of(pwd.getpwnam(user))
    except KeyError:
        raise NotPossibleError(
            f"root runs no task of others, and there is no user {user} here",
            resolution="Reproduce it as an ordinary user.",
        ) from None
    if account.uid == 0:
        raise NotPossibleError("tasks must not run as root: set user in the agent's config.ini")
    return account


async def _execute(
    order: ReproductionOrder, nursery: NurseryClient, *, account: Account, working: Path
) -> bool:
    """Run the task; false if it was interrupted."""
    made, lock = directories.create(
        order.request.id,
        working=working,
        scratch_base=directories.choose_scratch_base(None, working),
        account=account,
    )
    kept = made.root / KEPT
    _make_for(kept, account)
    job = Job(
        request=order.request,
        directories=made,
        account=account,
        api_url=order.api_url,
        http_timeout=DEFAULT_TIMEOUT,
        environment={},
        image_cache=_images(order, account, working),
    )
    log = _ShownLog(order.request.id, Spool(made.spool), changed=lambda: None)
    execution = Execution(job, lock, nursery, log)
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, execution.abort)
    try:
        completed = await execution.run()
        if not execution.aborted:
            _keep(kept, Path(order.output), completed)
    finally:
        await execution.release()
    return not execution.aborted


def _images(order: ReproductionOrder, account: Account, working: Path) -> Path:
    """Where images are kept: with the agent of this machine if its user runs the task."""
    own = Path(order.images) if order.images else None
    if own is not None and own.is_dir() and own.stat().st_uid == account.uid:
        return own
    images = working / "system-images"
    _make_for(images, account)
    return images


def _make_for(path: Path, account: Account) -> None:
    path.mkdir(mode=directories.PASSABLE)
    if os.geteuid() == 0:
        os.chown(path, account.uid, account.gid)


def _keep(kept: Path, output: Path, completed: WorkRequestCompleted) -> None:
    """Move what the task made to where the person wants it."""
    report = Reproduction(completed=completed, artifacts=read_kept(kept))
    for artifact in report.artifacts:
        if (kept / artifact.directory).is_dir():
            shutil.copytree(kept / artifact.directory, output / artifact.directory, symlinks=True)
    (output / REPORT).write_text(report.model_dump_json(indent=2))


if __name__ == "__main__":
    main()
