# SPDX-License-Identifier: GPL-3.0-or-later
"""What users submit for ``extractforsigning``, and what the server finds out."""

from __future__ import annotations

from pydantic import Field
from typing_extensions import override

from debusine.domain.lookup import LookupMultiple, LookupSingle
from debusine.domain.result import WorkRequestResults
from debusine.tasks.guide import Guide
from debusine.tasks.models import BaseDynamicTaskDataWithExecutor, BaseTaskDataModel
from debusine.tasks.signing_template_data import CodeSigningData


class ExtractForSigningInput(BaseTaskDataModel):
    """
    What says which files are to be signed, and where they are.

    :param template_artifact: a ``debian:binary-package`` with a template
    :param binary_artifacts: ``debian:binary-package``, or ``debian:upload`` for its packages
    """

    template_artifact: LookupSingle
    binary_artifacts: LookupMultiple


EXTRACT_FOR_SIGNING_GUIDE = Guide(
    example="""
        input:
          template_artifact: 7
          binary_artifacts: [5, 6]
        environment: debian/match:codename=trixie
    """,
    results={
        WorkRequestResults.SUCCESS: "all files that the template names were found",
        WorkRequestResults.FAILURE: "a package or a file is missing, the template is not valid, or"
        " a path or a symbolic link leads out of a package; `execution.log` says which",
        WorkRequestResults.ERROR: "the task could not be started",
    },
    limits="Of several packages with the name that the template gives, the one for the"
    " architecture of the template is taken; if that leaves a choice, it is refused.",
)


class ExtractForSigningData(CodeSigningData):
    """What a user submits for ``extractforsigning``."""

    input: ExtractForSigningInput


class ExtractForSigningDynamicData(BaseDynamicTaskDataWithExecutor):
    """
    What the server found out for ``extractforsigning``.

    :param input_template_artifact_id: the template
    :param input_binary_artifacts_ids: binary packages, uploads no more among them
    """

    input_template_artifact_id: int
    input_binary_artifacts_ids: list[int] = Field(default_factory=list)

    @override
    def get_input_artifacts_ids(self) -> list[int]:
        own = [self.input_template_artifact_id, *self.input_binary_artifacts_ids]
        return [*super().get_input_artifacts_ids(), *own]
