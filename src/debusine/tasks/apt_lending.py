# SPDX-License-Identifier: GPL-3.0-or-later
"""Reach mirrors the way this machine does: what a task is lent, and lends to its sandbox."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from debusine.domain.executor import BackendType
from debusine.tasks.base import BaseExternalTask
from debusine.tasks.executors.base import Instance
from debusine.tasks.with_executor import BaseTaskWithExecutor
from debusine.util.apt_access import AptAccess, access_of
from debusine.util.apt_cache import through_cache
from debusine.util.apt_config import read_machine
from debusine.util.apt_hooks import (
    CHROOT_CONF,
    CHROOT_DIRECTORY,
    for_one_install,
    sbuild_arguments,
)

Step = Callable[[list[str]], None]
"""Runs a command in the sandbox as root, logged, and raises if it fails."""

_APT = ["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "--quiet"]


def access_for(task: BaseExternalTask[Any, Any], mirrors: Iterable[str] = ()) -> AptAccess:
    """
    What a task needs to reach mirrors.

    :param mirrors: those that the task names, beside the machine's own
    :returns: what the worker lends; if it lends nothing, what this user can read here
    :raises DebusineError: if APT's configuration cannot be understood
    """
    if task.apt_access_directory is None:
        return access_of(read_machine(), mirrors)
    access = AptAccess.read(task.apt_access_directory).with_mirrors(mirrors)
    return through_cache(access, reachable=_shares_loopback(task))


def _shares_loopback(task: BaseExternalTask[Any, Any]) -> bool:
    """Whether APT of the task's sandbox has the network of this machine."""
    has_own = isinstance(task, BaseTaskWithExecutor) and task.backend is not BackendType.UNSHARE
    return not has_own


def options_for_sbuild(
    task: BaseExternalTask[Any, Any], extra: Sequence[str], directory: Path
) -> tuple[str, ...]:
    """
    How sbuild reaches mirrors.

    :param extra: repositories that do not belong to the environment
    :param directory: for what is lent; made if need be
    :raises DebusineError: if APT's configuration cannot be understood
    """
    return sbuild_arguments(access_for(task, extra), directory, strangers=bool(extra))


def install(instance: Instance, packages: Sequence[str], *, access: AptAccess, step: Step) -> None:
    """
    Install packages; what APT was lent for that is gone before their own scripts run.

    :raises subprocess.CalledProcessError: if that fails
    """
    with lent(instance, for_one_install(access) if access.is_needed else access):
        step([*_APT, "update"])
        # the sandbox does not outlive a crash of the machine anyway
        fast = "--option=Dpkg::Options::=--force-unsafe-io"
        step([*_APT, "--yes", "--no-install-recommends", fast, "install", *packages])


@contextmanager
def lent(instance: Instance, access: AptAccess) -> Iterator[None]:
    """Let APT in a sandbox reach the mirrors as the machine's APT does."""
    if not access.is_needed:
        yield
        return
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name, "apt-access")
        conf = access.write(directory, seen_at=CHROOT_DIRECTORY)
        instance.mkdir(Path(CHROOT_DIRECTORY), mode=0o711, parents=True)
        for path in sorted(directory.iterdir()):
            # APT's methods run as _apt and read certificates themselves
            owner = "_apt" if path.suffix == ".pem" else "root"
            instance.file_push(path, Path(CHROOT_DIRECTORY, path.name), user=owner, mode=0o600)
        with contextlib.suppress(FileExistsError):
            instance.mkdir(Path(CHROOT_CONF).parent, parents=True)
        instance.file_push(conf, Path(CHROOT_CONF), mode=0o600)
    try:
        yield
    finally:
        instance.run(["rm", "-rf", CHROOT_DIRECTORY, CHROOT_CONF], run_as_root=True, check=True)
