# SPDX-License-Identifier: GPL-3.0-or-later
"""``debusine:promise``: an artifact that a step of a workflow will produce."""

from __future__ import annotations

from typing import Self

from pydantic import ConfigDict, model_validator

from debusine.artifacts.bare_data.base import BareData, BareDataKind
from debusine.domain.category import ArtifactCategory, BareDataCategory

RESERVED = "promise_"


class PromiseData(BareData):
    """
    Who will produce what; further keys describe it, and become those of the artifact's item.

    :param promise_work_request_id: the step that will produce it
    :param promise_workflow_id: the workflow that the step is part of
    :param promise_category: of the artifact
    """

    model_config = ConfigDict(extra="allow")

    promise_work_request_id: int
    promise_workflow_id: int
    promise_category: ArtifactCategory

    @model_validator(mode="after")
    def _names_are_free(self) -> Self:
        reserved = sorted(name for name in self.extra if name.startswith(RESERVED))
        if reserved:
            message = f"keys that start with {RESERVED} are reserved: {', '.join(reserved)}"
            raise ValueError(message)
        return self

    @property
    def extra(self) -> dict[str, object]:
        """The further keys."""
        return self.__pydantic_extra__ or {}


class Promise(BareDataKind[PromiseData]):
    """Gives way to the artifact, under the same name."""

    category = BareDataCategory("debusine:promise")
    title = "Promise"
