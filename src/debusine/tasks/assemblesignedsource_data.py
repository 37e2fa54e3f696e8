# SPDX-License-Identifier: GPL-3.0-or-later
"""What users submit for ``assemblesignedsource``, and what the server finds out."""

from __future__ import annotations

from pydantic import Field
from typing_extensions import override

from debusine.domain.lookup import LookupMultiple, LookupSingle
from debusine.domain.result import WorkRequestResults
from debusine.tasks.guide import Guide
from debusine.tasks.models import BaseDynamicTaskDataWithExecutor
from debusine.tasks.signing_template_data import CodeSigningData

ASSEMBLE_SIGNED_SOURCE_GUIDE = Guide(
    example="""
        template: 7
        signed: [21, 22]
        environment: debian/match:codename=trixie
    """,
    results={
        WorkRequestResults.SUCCESS: "the source package was built",
        WorkRequestResults.FAILURE: "a signature is missing, the template is refused, or"
        " `dpkg-source` failed; `execution.log` says which, `build.log` what the tools said",
        WorkRequestResults.ERROR: "the task could not be started",
    },
    limits="Signatures of the type `efi` are known. The source must be of the format"
    " `3.0 (native)`, without `debian/source/options` and `debian/source/local-options`, and hold"
    " nothing but files, directories, and symbolic links that stay inside of it.",
)


class AssembleSignedSourceData(CodeSigningData):
    """
    What a user submits for ``assemblesignedsource``.

    :param template: a ``debian:binary-package`` with a template
    :param signed: ``debusine:signing-output`` for all packages that the template names
    """

    template: LookupSingle
    signed: LookupMultiple


class AssembleSignedSourceDynamicData(BaseDynamicTaskDataWithExecutor):
    """
    What the server found out for ``assemblesignedsource``.

    :param template_id: the template
    :param signed_ids: the signatures
    :param unsigned_ids: signing inputs that they were made of, and the packages of these
    """

    template_id: int
    signed_ids: list[int] = Field(default_factory=list)
    unsigned_ids: list[int] = Field(default_factory=list)

    @override
    def get_input_artifacts_ids(self) -> list[int]:
        own = [self.template_id, *self.signed_ids, *self.unsigned_ids]
        return [*super().get_input_artifacts_ids(), *own]
