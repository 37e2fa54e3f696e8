# SPDX-License-Identifier: GPL-3.0-or-later
"""Who runs the tasks when the agent is root: an account with sub-ids, made when absent."""

from __future__ import annotations

import os
import pwd
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

import structlog

from debusine.client.local_server import WORKER_COMMENT
from debusine.errors import NotPossibleError
from debusine.util.command import Command, CommandError, run
from debusine.util.file_lock import wait_lock
from debusine.util.subids import NEEDED_IDS, free_range, subids_for

COMMENT = WORKER_COMMENT
HOME_BASE = Path("/var/lib")
_SUBIDS = (Path("/etc/subuid"), Path("/etc/subgid"))
_LOCK = Path("/run/debusine-account.lock")
_PATIENCE_S = 120.0

log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Account:
    """Who runs tasks."""

    name: str
    uid: int
    gid: int
    home: str

    @classmethod
    def of(cls, entry: pwd.struct_passwd) -> Self:
        """Take what matters from the password database."""
        return cls(name=entry.pw_name, uid=entry.pw_uid, gid=entry.pw_gid, home=entry.pw_dir)

    @classmethod
    def current(cls) -> Self:
        """Who we are."""
        uid = os.getuid()
        try:
            return cls.of(pwd.getpwuid(uid))
        except KeyError:
            home = os.environ.get("HOME", "/")
            return cls(name=str(uid), uid=uid, gid=os.getgid(), home=home)

    def to_json(self) -> dict[str, Any]:
        """The same as a JSON object."""
        return asdict(self)


def account_for(name: str) -> Account:
    """
    Who runs the tasks of this agent: the agent itself unless it is root.

    :param name: account to use when the agent is root; made if it is absent
    :raises NotPossibleError: if it cannot be made, or is root itself
    """
    if os.geteuid() != 0:
        return Account.current()
    account = ensure_account(name)
    if account.uid == 0:
        raise NotPossibleError("tasks must not run as root: set user in the agent's config.ini")
    return account


def ensure_account(name: str, *, comment: str = COMMENT) -> Account:
    """
    Find an account, or make it; see that it has sub-ids.

    :param comment: of one that is made
    :raises NotPossibleError: if that fails
    """
    if not _is_ready(name):
        try:
            # agents may start at the same time; useradd would make the account twice
            with wait_lock(_LOCK, timeout_s=_PATIENCE_S):
                _make(name, comment)
        except TimeoutError as error:
            raise NotPossibleError(f"cannot make the account that runs tasks: {error}") from error
    return Account.of(pwd.getpwnam(name))


def _exists(name: str) -> bool:
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True


def _is_ready(name: str) -> bool:
    return _exists(name) and not any(_lacks(name, file) for file in _SUBIDS)


def _lacks(name: str, file: Path) -> bool:
    return not any(entry.count >= NEEDED_IDS for entry in subids_for(name, file))


def _make(name: str, comment: str) -> None:
    if not _exists(name):
        home = HOME_BASE / name
        log.warning("account-created", user=name, home=str(home), why="runs tasks")
        _administrate(
            "useradd", "--create-home", "--home-dir", str(home),
            "--shell", "/usr/sbin/nologin", "--comment", comment,
            "--key", "HOME_MODE=0711", name,
        )  # fmt: skip
    for file in _SUBIDS:
        if _lacks(name, file):
            first = free_range(file)
            last = first + NEEDED_IDS - 1
            log.warning("sub-ids-added", user=name, file=str(file), first=first, last=last)
            _administrate("usermod", f"--add-{file.name}s", f"{first}-{last}", name)


def _administrate(*argv: str) -> None:
    try:
        run(Command(list(argv), timeout_s=60))
    except CommandError as error:
        raise NotPossibleError(
            f"cannot make the account that runs tasks: {error.brief}", details=error.details
        ) from error
