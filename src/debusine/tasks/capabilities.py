# SPDX-License-Identifier: GPL-3.0-or-later
"""Which capabilities of workers, said as tags, are which keys of metadata."""

from __future__ import annotations

from debusine.tasks.base import BaseExternalTask


def capability_keys() -> dict[str, set[str]]:
    """
    Keys of metadata by the capability that means the same to some task.

    :returns: as :mod:`debusine.domain.worker_metadata` takes it

    >>> capability_keys()["mmdebstrap"]
    {'mmdebstrap:available'}
    """
    keys: dict[str, set[str]] = {}
    for task in BaseExternalTask.registry.all():
        for text, capability in task.CAPABILITIES.items():
            keys.setdefault(capability, set()).add(task.prefix_with_task_name(text))
    return keys
