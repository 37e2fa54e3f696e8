# SPDX-License-Identifier: GPL-3.0-or-later
"""What a signing worker does: tasks of type Signing, which get the key store."""

from __future__ import annotations

from typing import Any

from debusine.domain.work_request import TaskTypes
from debusine.signing.config import KeySettings
from debusine.signing.database import open_database
from debusine.signing.keystores.software import SoftwareKeyStore
from debusine.signing.records import Records
from debusine.signing.service_key import ServiceKeys
from debusine.tasks import BaseExternalTask
from debusine.tasks.signing.base import SigningTask
from debusine.worker.trade import Trade


def open_records(settings: KeySettings) -> Records:
    """
    Open the database of keys.

    :raises DebusineError: if that is not possible
    """
    return Records(open_database(settings.database_url, path=settings.database))


def signing_trade(settings: KeySettings) -> Trade:
    """
    Compose the trade of a worker that holds keys.

    :param settings: where they are; opened in the process of each task
    """

    def equip(task: BaseExternalTask[Any, Any]) -> None:
        if isinstance(task, SigningTask):
            task.configure_key_store(
                SoftwareKeyStore(
                    records=open_records(settings),
                    service_keys=ServiceKeys.read(settings.service_keys),
                    trusted_certs=settings.trusted_certs,
                )
            )

    return Trade(worker_type="signing", task_type=TaskTypes.SIGNING, equip=equip)
