# SPDX-License-Identifier: GPL-3.0-or-later
"""Inputs that are artifacts."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any, Generic, TypeVar

from typing_extensions import override

from debusine.artifacts.kinds.binary_package import BinaryPackage
from debusine.artifacts.kinds.upload import Upload
from debusine.artifacts.relation import RelationType
from debusine.domain.category import ArtifactCategory, CollectionCategory
from debusine.tasks.checks import ensure_artifact_categories
from debusine.tasks.inputs.base import DataInput
from debusine.tasks.inputs.resolver import Resolver
from debusine.tasks.inputs.task_data import (
    expect_lookup,
    expect_lookup_multiple,
)
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

    def find_single(self, resolver: Resolver, value: object, *, label: str) -> InputArtifactSingle:
        """Look one artifact up and check it."""
        lookup = expect_lookup(value, label=label)
        found = resolver.find_artifact(lookup, default_category=self.default_category, label=label)
        self.check(found, label=label)
        return found

    def find_multiple(
        self, resolver: Resolver, value: object, *, label: str
    ) -> InputArtifactMultiple:
        """Look several artifacts up and check each."""
        lookup = expect_lookup_multiple(value, label=label)
        found = resolver.lookup_multiple_artifacts(
            lookup, default_category=self.default_category, label=label
        )
        for index, artifact in enumerate(found.artifacts):
            self.check(artifact, label=f"{label}[{index}]")
        return found


class SingleInput(ArtifactsInput[InputArtifactSingle]):
    """One artifact."""

    @override
    def resolve(self, resolver: Resolver) -> InputArtifactSingle:
        return self.find_single(resolver, resolver.get_field(self.field), label=self.field)

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

    @override
    def resolve(self, resolver: Resolver) -> InputArtifactSingle | None:
        value = resolver.get_field(self.field)
        return None if value is None else self.find_single(resolver, value, label=self.field)

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

    @override
    def resolve(self, resolver: Resolver) -> InputArtifactMultiple:
        return self.find_multiple(resolver, resolver.get_field(self.field), label=self.field)

    @override
    def serialize(self, value: InputArtifactMultiple) -> Any:
        return value.model_dump(mode="json")

    @override
    def deserialize(self, raw: Any) -> InputArtifactMultiple:
        return InputArtifactMultiple.model_validate(raw)

    @override
    def get_artifact_ids(self, value: InputArtifactMultiple) -> list[int]:
        return value.resolved_ids()


class UploadArtifactsInput(MultiInput):
    """
    Several artifacts, where an upload stands for the binary packages it extends.

    :param categories: uploads are taken in any case
    """

    def __init__(
        self, *, categories: Collection[ArtifactCategory] | None = None, **kwargs: Any
    ) -> None:
        taken = None if categories is None else [*categories, Upload.category]
        super().__init__(categories=taken, **kwargs)

    @override
    def resolve(self, resolver: Resolver) -> InputArtifactMultiple:
        found = super().resolve(resolver)
        uploads = [item for item in found.artifacts if item.category == Upload.category]
        if not uploads:
            return found
        packages = resolver.find_related_artifacts(
            _ids(uploads),
            target_category=BinaryPackage.category,
            relation_type=RelationType.EXTENDS,
            label=self.field,
        )
        others = [item for item in found.artifacts if item.category != Upload.category]
        return found.model_copy(update={"artifacts": [*others, *packages.artifacts]})


class SingleInputList(ArtifactsInput[list[InputArtifactSingle]]):
    """One artifact for each lookup of a list."""

    @override
    def resolve(self, resolver: Resolver) -> list[InputArtifactSingle]:
        return [
            self.find_single(resolver, value, label=f"{self.field}[{index}]")
            for index, value in enumerate(resolver.get_field_collection(self.field))
        ]

    @override
    def serialize(self, value: list[InputArtifactSingle]) -> Any:
        return [item.model_dump(mode="json") for item in value]

    @override
    def deserialize(self, raw: Any) -> list[InputArtifactSingle]:
        return [InputArtifactSingle.model_validate(item) for item in listed(raw)]

    @override
    def get_artifact_ids(self, value: list[InputArtifactSingle]) -> list[int]:
        return _ids(value)


class MultiInputList(ArtifactsInput[list[InputArtifactMultiple]]):
    """Several artifacts for each lookup of a list."""

    @override
    def resolve(self, resolver: Resolver) -> list[InputArtifactMultiple]:
        return [
            self.find_multiple(resolver, value, label=f"{self.field}[{index}]")
            for index, value in enumerate(resolver.get_field_collection(self.field))
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


def _ids(artifacts: Iterable[BaseTaskInputArtifact]) -> list[int]:
    return [item for artifact in artifacts for item in artifact.resolved_ids()]
