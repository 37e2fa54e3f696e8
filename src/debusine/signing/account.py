# SPDX-License-Identifier: GPL-3.0-or-later
"""Whose keys are: never root's, who may start the service but touches no key."""

from __future__ import annotations

import os
import traceback
from pathlib import Path

from debusine.client.local_server import SIGNING_COMMENT
from debusine.errors import ConflictError, DebusineError, NotPossibleError
from debusine.signing.config import KeySettings
from debusine.signing.database import load_driver
from debusine.signing.records import Records
from debusine.signing.service_key import SUFFIX, ServiceKeys, make_service_key
from debusine.signing.trade import open_records
from debusine.worker.user import Account, ensure_account

FIRST_KEY = f"0001{SUFFIX}"
_PRIVATE = 0o700
_REPORT_BYTES = 64 * 1024


def keeper(user: str) -> Account:
    """
    Find the account that keys belong to: ours, unless we are root.

    :param user: name of the account if we are root; made if it is absent
    :raises NotPossibleError: if it cannot be made, or is root itself
    """
    if os.geteuid() != 0:
        return Account.current()
    account = ensure_account(user, comment=SIGNING_COMMENT)
    if account.uid == 0:
        raise NotPossibleError("keys are not for root: set user in config.ini to somebody else")
    return account


def make_data_directory(data: Path, account: Account) -> None:
    """
    Make the directory of keys, or see that it is for their account alone.

    :raises DebusineError: if it belongs to another, or cannot be made
    """
    try:
        data.mkdir(mode=_PRIVATE, parents=True, exist_ok=True)
        if data.stat().st_uid != account.uid:
            if os.geteuid() != 0 or data.stat().st_uid != 0 or any(data.iterdir()):
                raise ConflictError(f"{data} does not belong to {account.name}")
            os.chown(data, account.uid, account.gid)
        if data.stat().st_mode & 0o077:
            data.chmod(_PRIVATE)
    except OSError as error:
        raise NotPossibleError(
            f"cannot use {data} for the signing service: {error.strerror}",
            resolution="Name another data-directory in [Signing] of its config.ini.",
        ) from error


def open_keys(settings: KeySettings) -> Records:
    """
    See that keys can be used; the first time, make what they are sealed with.

    Only for processes that are the account of the keys.

    :raises DebusineError: if that is not possible
    """
    os.umask(0o077)
    try:
        if not settings.service_keys.exists():
            settings.service_keys.mkdir(mode=_PRIVATE, parents=True)
            make_service_key(settings.service_keys / FIRST_KEY)
    except OSError as error:
        raise NotPossibleError(f"cannot make {settings.service_keys}: {error.strerror}") from error
    ServiceKeys.read(settings.service_keys)
    return open_records(settings)


def become(account: Account, settings: KeySettings) -> None:
    """Be that account from now on, if we are root; what opens its keys is loaded before."""
    if settings.database_url is not None:
        load_driver()
    if os.geteuid() == 0:
        os.initgroups(account.name, account.gid)
        os.setgid(account.gid)
        os.setuid(account.uid)
    os.chdir("/")


def check_keys(settings: KeySettings, account: Account) -> None:
    """
    Do what :func:`open_keys` does in a process of that account, then forget it.

    Call it while there is one thread.

    :raises NotPossibleError: if that fails
    """
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reader)
        try:
            become(account, settings)
            open_keys(settings)
        except DebusineError as error:
            os.write(writer, error.explain().encode()[:_REPORT_BYTES])
        except BaseException:  # noqa: BLE001  the end of this process, whatever it was
            os.write(writer, traceback.format_exc().encode()[-_REPORT_BYTES:])
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as answer:
        problem = answer.read().decode(errors="replace")
    os.waitpid(pid, 0)
    if problem:
        raise NotPossibleError(problem)
