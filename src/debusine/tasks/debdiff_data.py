# SPDX-License-Identifier: GPL-3.0-or-later
"""What users submit for ``debdiff``, and what the server finds out."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator
from typing_extensions import override

from debusine.domain.lookup import LookupMultiple, LookupSingle
from debusine.domain.result import WorkRequestResults
from debusine.tasks.guide import Guide
from debusine.tasks.models import (
    BaseDynamicTaskDataWithExecutor,
    BaseTaskDataModel,
    BaseTaskDataWithExecutor,
)

SOURCE_PREFIX = "source:"
BINARY_PREFIX = "binary:"

DEBDIFF_GUIDE = Guide(
    example="""
        input:
          source_artifacts: [3, 4]
        environment: debian/match:codename=trixie
        build_architecture: amd64
        extra_flags: [--diffstat]
    """,
    results={
        WorkRequestResults.SUCCESS: "the packages were compared: they are the same (exit status 0)"
        " or differ (1)",
        WorkRequestResults.FAILURE: "debdiff could not compare them (any other exit status), an"
        " artifact holds neither a `.changes` nor exactly one package, or a stage before or after"
        " it failed",
        WorkRequestResults.ERROR: "the task could not be started",
    },
    limits="Exactly one of `source_artifacts` and `binary_artifacts` must be given. All binary"
    " packages are of one category: one `debian:upload` on each side, or any number of"
    " `debian:binary-package`. Options other than those named are not taken.",
)

_Pair = Field(min_length=2, max_length=2)


class DebdiffInput(BaseTaskDataModel):
    """
    What is compared: two source packages, or two sets of binary packages.

    :param source_artifacts: the old and the new ``debian:source-package``
    :param binary_artifacts: the old and the new packages, as lookups each: one
        ``debian:upload``, or ``debian:binary-package``
    """

    source_artifacts: Annotated[list[LookupSingle], _Pair] | None = None
    binary_artifacts: Annotated[list[LookupMultiple], _Pair] | None = None

    @model_validator(mode="after")
    def check_given(self) -> Self:
        """
        One thing is compared.

        :raises ValueError: if there are both, or neither
        """
        if (self.source_artifacts is None) == (self.binary_artifacts is None):
            message = "exactly one of source_artifacts and binary_artifacts must be given"
            raise ValueError(message)
        return self


class DebdiffData(BaseTaskDataWithExecutor):
    """
    What a user submits for ``debdiff``.

    :param extra_flags: options of debdiff
    :param environment: where debdiff runs
    :param build_architecture: of the worker and the environment
    """

    input: DebdiffInput
    extra_flags: list[
        Literal[
            "--dirs",
            "--nocontrol",
            "--wdiff-source-control",
            "--show-moved",
            "--diffstat",
            "--apply-patches",
            "--ignore-space",
        ]
    ] = Field(default_factory=list)
    environment: LookupSingle
    build_architecture: str


class DebdiffDynamicData(BaseDynamicTaskDataWithExecutor):
    """What the server found out for ``debdiff``: the old side comes first."""

    input_source_artifacts_ids: Annotated[list[int], _Pair] | None = None
    input_binary_artifacts_ids: Annotated[list[list[int]], _Pair] | None = None

    @model_validator(mode="after")
    def check_given(self) -> Self:
        """
        One thing is compared.

        :raises ValueError: if there are both
        """
        both = (self.input_source_artifacts_ids, self.input_binary_artifacts_ids)
        if None not in both:
            message = "source and binary packages are not compared at once"
            raise ValueError(message)
        return self

    @property
    def sides(self) -> list[list[int]]:
        """Artifacts to compare: the old ones, then the new ones."""
        if self.input_source_artifacts_ids is not None:
            return [[number] for number in self.input_source_artifacts_ids]
        return self.input_binary_artifacts_ids or [[], []]

    @override
    def get_source_package_name(self) -> str | None:
        if self.subject is None or not self.subject.startswith(SOURCE_PREFIX):
            return None
        return self.subject.removeprefix(SOURCE_PREFIX)

    @override
    def get_input_artifacts_ids(self) -> list[int]:
        own = [number for side in self.sides for number in side]
        return [*super().get_input_artifacts_ids(), *own]
