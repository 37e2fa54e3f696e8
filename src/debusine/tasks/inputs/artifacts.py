# SPDX-License-Identifier: GPL-3.0-or-later
"""Inputs that are artifacts."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any, Generic, TypeVar

from typing_extensions import override

from debusine.domain.category import ArtifactCategory, CollectionCategory
from debusine.domain.lookup import LookupMultiple, LookupSingle
from debusine.tasks.checks import ensure_artifact_categories
from debusine.tasks.inputs.base import DataInput
from debusine.tasks.inputs.resolver import Resolver
from debusine.tasks.inputs.task_data import LOOKUP_MULTIPLE, LOOKUP_SINGLE
from debusine.tasks.inputs.values import (
    BaseTaskInputArtifact,
    InputArtifactMultiple,
    InputArtifactSingle,
)

V = TypeVar("V")


class ArtifactsInput(DataInput[V], Generic[V]):
    """
    Base of inputs that are artifacts.

    :param categories: ``None`` is any
    :param default_category: of the collection in the first segment of lookups
    """

    def __init__(
        self,
        *,
        categories: Collection[ArtifactCategory] | None = None,
        default_category: CollectionCategory | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.categories = categories
        self.default_category = default_category

    def check(self, artifact: BaseTaskInputArtifact, *, label: str) -> None:
        """
        Check the category of an artifact.

        :raises TaskConfigError: if the input does not take it
        """
        if self.categories is not None:
            ensure_artifact_categories(
                configuration_key=label,
                category=artifact.category or "",
                expected=self.categories,
            )

    def find_single(
        self, resolver: Resolver, lookup: LookupSingle, *, label: str
    ) -> InputArtifactSingle:
        """Look one artifact up and check it."""
        found = resolver.find_artifact(lookup, default_category=self.default_category, label=label)
        self.check(found, label=label)
        return found

    def find_multiple(
        self, resolver: Resolver, lookup: LookupMultiple, *, label: str
    ) -> InputArtifactMultiple:
        """Look several artifacts up and check each."""
        found = resolver.lookup_multiple_artifacts(
            lookup, default_category=self.default_category, label=label
        )
        for index, artifact in enumerate(found.artifacts):
            self.check(artifact, label=f"{label}[{index}]")
        return found


class SingleInput(ArtifactsInput[InputArtifactSingle]):
    """One artifact."""

    value_type = LOOKUP_SINGLE

    @override
    def resolve(self, resolver: Resolver) -> InputArtifactSingle:
        lookup = self.value_type.check(resolver.get_field(self), label=self.field)
        return self.find_single(resolver, lookup, label=self.field)

    @override
    def serialize(self, value: InputArtifactSingle) -> Any:
        return value.model_dump(mode="json")

    @override
    def deserialize(self, raw: Any) -> InputArtifactSingle:
        return InputArtifactSingle.model_validate(raw)

    @override
    def get_artifact_ids(self, value: InputArtifactSingle) -> list[int]:
        return value.resolved_ids()


class OptionalSingleInput(ArtifactsInput[InputArtifactSingle | None]):
    """One artifact or none."""

    value_type = LOOKUP_SINGLE

    @override
    def resolve(self, resolver: Resolver) -> InputArtifactSingle | None:
        lookup = resolver.get_field(self)
        return None if lookup is None else self.find_single(resolver, lookup, label=self.field)

    @override
    def serialize(self, value: InputArtifactSingle | None) -> Any:
        return None if value is None else value.model_dump(mode="json")

    @override
    def deserialize(self, raw: Any) -> InputArtifactSingle | None:
        return None if raw is None else InputArtifactSingle.model_validate(raw)

    @override
    def get_artifact_ids(self, value: InputArtifactSingle | None) -> list[int]:
        return [] if value is None else value.resolved_ids()


class MultiInput(ArtifactsInput[InputArtifactMultiple]):
    """Several artifacts from one lookup."""

    value_type = LOOKUP_MULTIPLE

    @override
    def resolve(self, resolver: Resolver) -> InputArtifactMultiple:
        lookup = self.value_type.check(resolver.get_field(self), label=self.field)
        return self.find_multiple(resolver, lookup, label=self.field)

    @override
    def serialize(self, value: InputArtifactMultiple) -> Any:
        return value.model_dump(mode="json")

    @override
    def deserialize(self, raw: Any) -> InputArtifactMultiple:
        return InputArtifactMultiple.model_validate(raw)

    @override
    def get_artifact_ids(self, value: InputArtifactMultiple) -> list[int]:
        return value.resolved_ids()


class SingleInputList(ArtifactsInput[list[InputArtifactSingle]]):
    """One artifact for each lookup of a list."""

    value_type = LOOKUP_SINGLE

    @override
    def resolve(self, resolver: Resolver) -> list[InputArtifactSingle]:
        return [
            self.find_single(resolver, lookup, label=f"{self.field}[{index}]")
            for index, lookup in enumerate(resolver.get_field_collection(self))
        ]

    @override
    def serialize(self, value: list[InputArtifactSingle]) -> Any:
        return [item.model_dump(mode="json") for item in value]

    @override
    def deserialize(self, raw: Any) -> list[InputArtifactSingle]:
        return [InputArtifactSingle.model_validate(item) for item in listed(raw)]

    @override
    def get_artifact_ids(self, value: list[InputArtifactSingle]) -> list[int]:
        return ids_of(value)


class MultiInputList(ArtifactsInput[list[InputArtifactMultiple]]):
    """Several artifacts for each lookup of a list."""

    value_type = LOOKUP_MULTIPLE

    @override
    def resolve(self, resolver: Resolver) -> list[InputArtifactMultiple]:
        return [
            self.find_multiple(resolver, lookup, label=f"{self.field}[{index}]")
            for index, lookup in enumerate(resolver.get_field_collection(self))
        ]

    @override
    def serialize(self, value: list[InputArtifactMultiple]) -> Any:
        return [item.model_dump(mode="json") for item in value]

    @override
    def deserialize(self, raw: Any) -> list[InputArtifactMultiple]:
        return [InputArtifactMultiple.model_validate(item) for item in listed(raw)]

    @override
    def get_artifact_ids(self, value: list[InputArtifactMultiple]) -> list[int]:
        return [artifact for item in value for artifact in item.resolved_ids()]


def listed(raw: Any) -> list[Any]:
    """
    Check that stored JSON is a list.

    :raises ValueError: if it is not
    """
    if not isinstance(raw, list):
        message = f"expected a list, got {raw!r}"
        raise ValueError(message)  # noqa: TRY004  what readers of stored values expect
    return raw


def ids_of(artifacts: Iterable[BaseTaskInputArtifact]) -> list[int]:
    """Ids of artifacts, in their order."""
    return [item for artifact in artifacts for item in artifact.resolved_ids()]
