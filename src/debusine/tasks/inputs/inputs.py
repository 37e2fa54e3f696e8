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
    UploadArtifactsInput,
    listed,
)
from debusine.tasks.inputs.base import DataInput, Stage, TaskInput
from debusine.tasks.inputs.environments import EnvironmentInput, OptionalEnvironmentInput
from debusine.tasks.inputs.repositories import external_repositories
from debusine.tasks.inputs.resolver import Resolver
from debusine.tasks.inputs.task_data import expect
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
    "TaskInput",
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
        value = resolver.get_field(self.field)
        if value is None:
            return resolver.get_fallback_architecture()
        return expect(value, str, label=self.field)

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

    @override
    def resolve(self, resolver: Resolver) -> list[ExtraExternalRepository] | None:
        if resolver.get_field(self.field) is None:
            return None
        items = resolver.get_field_collection(self.field)
        return external_repositories(resolver, items, label=self.field)

    @override
    def serialize(self, value: list[ExtraExternalRepository] | None) -> Any:
        return None if value is None else [item.model_dump(mode="json") for item in value]

    @override
    def deserialize(self, raw: Any) -> list[ExtraExternalRepository] | None:
        if raw is None:
            return None
        return [ExtraExternalRepository.model_validate(item) for item in listed(raw)]
