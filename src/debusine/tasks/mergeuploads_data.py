# SPDX-License-Identifier: GPL-3.0-or-later
"""What users submit for ``mergeuploads``, and what the server finds out."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator
from typing_extensions import override

from debusine.domain.lookup import LookupMultiple
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
