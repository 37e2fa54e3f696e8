# SPDX-License-Identifier: GPL-3.0-or-later
"""``debian:package-build-log`` without files: a build that has not run yet."""

from __future__ import annotations

from typing_extensions import override

from debusine.artifacts.bare_data.base import BareData, BareDataKind
from debusine.domain.category import BareDataCategory


class PackageBuildLogData(BareData):
    """
    Which build it is; a finished one has the same keys, with the log as its artifact.

    :param work_request_id: of the build
    :param vendor: that the package is built for, e.g. ``debian``
    :param codename: that the package is built for, e.g. ``trixie``
    :param architecture: that the package is built for
    :param srcpkg_name: source package
    :param srcpkg_version: version of the source package
    :param worker: name of the worker that runs it, once one does
    """

    work_request_id: int
    vendor: str
    codename: str
    architecture: str
    srcpkg_name: str
    srcpkg_version: str
    worker: str | None = None


class PackageBuildLog(BareDataKind[PackageBuildLogData]):
    """Holds the place of the log of a build."""

    category = BareDataCategory("debian:package-build-log")
    title = "Scheduled build"

    @classmethod
    @override
    def item_name(cls, data: PackageBuildLogData) -> str:
        return "_".join(
            (
                data.vendor,
                data.codename,
                data.architecture,
                data.srcpkg_name,
                data.srcpkg_version,
                str(data.work_request_id),
            )
        )
