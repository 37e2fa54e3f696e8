# SPDX-License-Identifier: GPL-3.0-or-later
"""The kinds of inputs that a task may declare."""

from __future__ import annotations

from typing import Any

from typing_extensions import override

from debusine.tasks.inputs.artifacts import (
    MultiInput,
    MultiInputList,
    OptionalSingleInput,
    SingleInput,
    SingleInputList,
    listed,
)
from debusine.tasks.inputs.base import DataInput, Stage, TaskInput
from debusine.tasks.inputs.environments import EnvironmentInput, OptionalEnvironmentInput
from debusine.tasks.inputs.related import UnsignedMultiInput, UploadArtifactsInput
from debusine.tasks.inputs.resolver import Resolver
from debusine.tasks.inputs.suites import SuiteArchiveInput
from debusine.tasks.inputs.task_data import REPOSITORY
from debusine.tasks.models import ExtraExternalRepository

__all__ = [
    "BuildArchitectureInput",
    "DebusineFQDNInput",
    "EnvironmentInput",
    "ExtraRepositoriesInput",
    "MultiInput",
    "MultiInputList",
    "OptionalEnvironmentInput",
    "OptionalSingleInput",
    "SingleInput",
    "SingleInputList",
    "Stage",
    "SuiteArchiveInput",
    "TaskInput",
    "UnsignedMultiInput",
    "UploadArtifactsInput",
]


def _text(raw: Any) -> str:
    if not isinstance(raw, str):
        message = f"expected a text, got {raw!r}"
        raise ValueError(message)  # noqa: TRY004  what readers of stored values expect
    return raw


class BuildArchitectureInput(DataInput[str]):
    """Architecture that the task is for; the server's fallback if the task names none."""

    @override
    def resolve(self, resolver: Resolver) -> str:
        value: str | None = resolver.get_field(self)
        return resolver.get_fallback_architecture() if value is None else value

    @override
    def serialize(self, value: str) -> Any:
        return value

    @override
    def deserialize(self, raw: Any) -> str:
        return _text(raw)


class DebusineFQDNInput(TaskInput[str]):
    """Name of the server."""

    @override
    def resolve(self, resolver: Resolver) -> str:
        return resolver.get_server_setting("DEBUSINE_FQDN")

    @override
    def serialize(self, value: str) -> Any:
        return value

    @override
    def deserialize(self, raw: Any) -> str:
        return _text(raw)


class ExtraRepositoriesInput(DataInput[list[ExtraExternalRepository] | None]):
    """APT repositories; suites that the server publishes become external ones."""

    value_type = REPOSITORY

    @override
    def resolve(self, resolver: Resolver) -> list[ExtraExternalRepository] | None:
        return resolver.resolve_extrarepositoriesinput(self)

    @override
    def serialize(self, value: list[ExtraExternalRepository] | None) -> Any:
        return None if value is None else [item.model_dump(mode="json") for item in value]

    @override
    def deserialize(self, raw: Any) -> list[ExtraExternalRepository] | None:
        if raw is None:
            return None
        return [ExtraExternalRepository.model_validate(item) for item in listed(raw)]
