# SPDX-License-Identifier: GPL-3.0-or-later
"""What users submit for ``makesourcepackageupload``, and what the server finds out."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator
from typing_extensions import override

from debusine.artifacts.deb822 import VERSION
from debusine.domain.lookup import LookupSingle
from debusine.domain.result import WorkRequestResults
from debusine.tasks.guide import Guide
from debusine.tasks.models import (
    BaseDynamicTaskDataWithExecutor,
    BaseTaskDataModel,
    BaseTaskDataWithExecutor,
)


def _version(value: str) -> str:
    if not VERSION.fullmatch(value):
        message = f"not the version of a package: {value!r}"
        raise ValueError(message)
    return value


def _distribution(value: str) -> str:
    # it becomes a field of a control file, and the argument of an option
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9+.~:/_-]*", value):
        message = f"not the name of a distribution: {value!r}"
        raise ValueError(message)
    return value


SourceVersion = Annotated[str, AfterValidator(_version)]
Distribution = Annotated[str, AfterValidator(_distribution)]


class MakeSourcePackageUploadInput(BaseTaskDataModel):
    """
    What is to be uploaded.

    :param source_artifact: a ``debian:source-package``
    """

    source_artifact: LookupSingle


MAKE_SOURCE_PACKAGE_UPLOAD_GUIDE = Guide(
    example="""
        input:
          source_artifact: 3
        environment: debian/match:codename=trixie
        since_version: 1.0-1
        target_distribution: trixie-backports
    """,
    results={
        WorkRequestResults.SUCCESS: "the `.changes` was made",
        WorkRequestResults.FAILURE: "the source package is not what its `.dsc` says, `dpkg-source`"
        " or `dpkg-genchanges` refused it, or the `.changes` does not fit it",
        WorkRequestResults.ERROR: "the task could not be started",
    },
    limits="Neither the files nor the changelog of the source package are changed:"
    " `target_distribution` only stands in the `.changes`, which is not signed.",
)


class MakeSourcePackageUploadData(BaseTaskDataWithExecutor):
    """
    What a user submits for ``makesourcepackageupload``.

    :param environment: what it is made in
    :param since_version: changelog entries of later versions are included; default: only the
        newest entry
    :param target_distribution: where it goes; default: what the changelog says
    """

    input: MakeSourcePackageUploadInput
    environment: LookupSingle
    since_version: SourceVersion | None = None
    target_distribution: Distribution | None = None


class MakeSourcePackageUploadDynamicData(BaseDynamicTaskDataWithExecutor):
    """
    What the server found out for ``makesourcepackageupload``.

    :param input_source_artifact_id: the source package
    """

    input_source_artifact_id: int

    @override
    def get_source_package_name(self) -> str | None:
        return self.subject

    @override
    def get_input_artifacts_ids(self) -> list[int]:
        return [*super().get_input_artifacts_ids(), self.input_source_artifact_id]
