# SPDX-License-Identifier: GPL-3.0-or-later
"""What users submit for ``lintian``, and what the server finds out."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator
from typing_extensions import override

from debusine.domain.lookup import LookupMultiple, LookupSingle
from debusine.domain.result import WorkRequestResults
from debusine.tasks.guide import Guide
from debusine.tasks.models import (
    BaseDynamicTaskDataWithExecutor,
    BaseTaskDataModel,
    BaseTaskDataWithExecutor,
)


def _tag(value: str) -> str:
    if not value or any(character.isspace() or character == "," for character in value):
        message = f"not the name of a tag: {value!r}"
        raise ValueError(message)
    return value


Tag = Annotated[str, AfterValidator(_tag)]

UNKNOWN = "unknown"
"""Subject where nothing is found to be checked."""


class LintianInput(BaseTaskDataModel):
    """
    What is checked: a source package, binary packages, or both.

    :param source_artifact: a ``debian:source-package``, or the source in a ``debian:upload``
    :param binary_artifacts: ``debian:binary-package`` or ``debian:upload``
    """

    source_artifact: LookupSingle | None = None
    binary_artifacts: LookupMultiple = Field(default_factory=LookupMultiple)

    @model_validator(mode="after")
    def check_given(self) -> Self:
        """
        Something must be checked.

        :raises ValueError: if nothing is given
        """
        if self.source_artifact is None and not self.binary_artifacts:
            message = "source_artifact or binary_artifacts must be given"
            raise ValueError(message)
        return self


class LintianOutput(BaseTaskDataModel):
    """
    Which reports are made.

    :param source_analysis: on the source package
    :param binary_all_analysis: on packages for all architectures
    :param binary_any_analysis: on packages for one architecture
    """

    source_analysis: bool = True
    binary_all_analysis: bool = True
    binary_any_analysis: bool = True

    def covers(self, architecture: str) -> bool:
        """Whether packages of an architecture, or ``source``, are reported on."""
        match architecture:
            case "source":
                return self.source_analysis
            case "all":
                return self.binary_all_analysis
            case _:
                return self.binary_any_analysis

    @property
    def label(self) -> str:
        """The reports in one word."""
        chosen = {
            "source": self.source_analysis,
            "binary-all": self.binary_all_analysis,
            "binary-any": self.binary_any_analysis,
        }
        return "+".join(sorted(name for name, wanted in chosen.items() if wanted))


LINTIAN_GUIDE = Guide(
    example="""
        input:
          source_artifact: 3
          binary_artifacts: [10]
        environment: debian/match:codename=trixie
        fail_on_severity: warning
        exclude_tags: [no-manual-page]
    """,
    results={
        WorkRequestResults.SUCCESS: "nothing as bad as `fail_on_severity` was found in what"
        " `output` selects",
        WorkRequestResults.FAILURE: "something was, or a stage before or after lintian failed",
        WorkRequestResults.ERROR: "lintian ended with a status other than 0 and 2, or the task"
        " could not be started",
    },
    limits="At least one of `source_artifact` and `binary_artifacts` must be given.",
)


class LintianData(BaseTaskDataWithExecutor):
    """
    What a user submits for ``lintian``.

    :param target_distribution: only noted in the reports
    :param include_tags: look for these only
    :param exclude_tags: look for all but these
    :param fail_on_severity: the task fails if something is at least as bad
    """

    input: LintianInput
    output: LintianOutput = Field(default_factory=LintianOutput)
    target_distribution: str = "debian:unstable"
    include_tags: list[Tag] = Field(default_factory=list)
    exclude_tags: list[Tag] = Field(default_factory=list)
    fail_on_severity: Literal[
        "error", "warning", "info", "pedantic", "experimental", "overridden", "none"
    ] = "error"

    @model_validator(mode="after")
    def check_tags(self) -> Self:
        """
        Something must be looked for.

        :raises ValueError: if all that is included is excluded
        """
        if self.include_tags and not self.wanted_tags:
            message = "exclude_tags names all of include_tags: there is nothing to look for"
            raise ValueError(message)
        return self

    @property
    def wanted_tags(self) -> list[str]:
        """What to look for; empty: everything but what is excluded."""
        # lintian does not exclude anything from a list of its own
        return [tag for tag in self.include_tags if tag not in self.exclude_tags]


class LintianDynamicData(BaseDynamicTaskDataWithExecutor):
    """What the server found out for ``lintian``."""

    input_source_artifact_id: int | None = None
    input_binary_artifacts_ids: list[int] = Field(default_factory=list)

    @override
    def get_source_package_name(self) -> str | None:
        return None if self.subject == UNKNOWN else self.subject

    @override
    def get_input_artifacts_ids(self) -> list[int]:
        source = self.input_source_artifact_id
        own = [*([] if source is None else [source]), *self.input_binary_artifacts_ids]
        return [*super().get_input_artifacts_ids(), *own]
