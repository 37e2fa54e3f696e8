# SPDX-License-Identifier: GPL-3.0-or-later
"""``debian:qa-result``: how a check of a package went."""

from __future__ import annotations

from typing_extensions import override

from debusine.artifacts.bare_data.base import BareData, BareDataKind
from debusine.domain.category import BareDataCategory
from debusine.domain.result import WorkRequestResults


class QAResultData(BareData):
    """
    One check.

    :param task_name: of the check, e.g. ``autopkgtest``
    :param package: source package
    :param version: version of the source package
    :param architecture: checked, ``source`` for checks of the source
    :param timestamp: age of what the package was checked with, in seconds since 1970
    :param work_request_id: of the check
    :param result: of the check
    """

    task_name: str
    package: str
    version: str
    architecture: str
    timestamp: int
    work_request_id: int
    result: WorkRequestResults


class QAResult(BareDataKind[QAResultData]):
    """One item per check."""

    category = BareDataCategory("debian:qa-result")
    title = "QA result"

    @classmethod
    @override
    def item_name(cls, data: QAResultData) -> str:
        parts = (data.task_name, data.package, data.version, data.architecture)
        return "_".join((*parts, str(data.work_request_id)))
