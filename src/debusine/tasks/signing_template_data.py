# SPDX-License-Identifier: GPL-3.0-or-later
"""What tasks about code signing have in common in their data."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator

from debusine.domain.executor import BackendType
from debusine.domain.lookup import LookupSingle
from debusine.tasks.models import BaseTaskDataWithExecutor


def _only_auto(value: BackendType) -> BackendType:
    if value is not BackendType.AUTO:
        message = f"the only accepted value is {BackendType.AUTO.value!r}"
        raise ValueError(message)
    return value


class CodeSigningData(BaseTaskDataWithExecutor):
    """
    Base of what users submit for tasks about code signing.

    :param environment: what packages are unpacked in
    :param backend: only ``auto`` is accepted
    """

    environment: LookupSingle
    backend: Annotated[BackendType, AfterValidator(_only_auto)] = BackendType.AUTO
