# SPDX-License-Identifier: GPL-3.0-or-later
"""What users submit for ``mergeuploads``, and what the server finds out."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator
from typing_extensions import override

from debusine.domain.lookup import LookupMultiple
from debusine.domain.result import WorkRequestResults
from debusine.tasks.guide import Guide
from debusine.tasks.models import (
    BaseDynamicTaskDataWithExecutor,
    BaseTaskDataModel,
    BaseTaskDataWithExecutor,
)


class MergeUploadsInput(BaseTaskDataModel):
    """
    What is to become one upload.

    :param uploads: several ``debian:upload`` of one version of one source package
    """

    uploads: LookupMultiple


MERGE_UPLOADS_GUIDE = Guide(
    example="""
        input:
          uploads: [12, 15, 16]
    """,
    results={
        WorkRequestResults.SUCCESS: "the uploads were merged",
        WorkRequestResults.FAILURE: "they contradict each other, or one does not fit its files;"
        " `execution.log` and `fetch_input.log` say which",
        WorkRequestResults.ERROR: "the task could not be started",
    },
    limits="No upload may stand twice. Signatures of the `.changes` files are lost, as they would"
    " be wrong.",
)


class MergeUploadsData(BaseTaskDataWithExecutor):
    """
    What a user submits for ``mergeuploads``.

    :param environment: not used; taken as templates of workflows give it to all tasks
    :param backend: not used either
    :param build_architecture: not used either
    """

    input: MergeUploadsInput


class MergeUploadsDynamicData(BaseDynamicTaskDataWithExecutor):
    """
    What the server found out for ``mergeuploads``.

    :param input_uploads_ids: each stands once
    """

    input_uploads_ids: list[int] = Field(default_factory=list)

    @model_validator(mode="after")
    def check_unique(self) -> Self:
        """
        Nothing is merged with itself.

        :raises ValueError: if an upload stands twice
        """
        ids = self.input_uploads_ids
        twice = sorted({str(one) for one in ids if ids.count(one) > 1})
        if twice:
            message = f"uploads are given twice: {', '.join(twice)}"
            raise ValueError(message)
        return self

    @override
    def get_source_package_name(self) -> str | None:
        return self.subject

    @override
    def get_input_artifacts_ids(self) -> list[int]:
        return [*super().get_input_artifacts_ids(), *self.input_uploads_ids]
