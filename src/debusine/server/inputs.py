# SPDX-License-Identifier: GPL-3.0-or-later
"""Kinds of inputs for what the server does by itself, looked up as those of tasks are."""

from __future__ import annotations

from typing import Any, Generic, TypeVar

from typing_extensions import override

from debusine.domain.category import CollectionCategory
from debusine.tasks.checks import ensure_collection_category
from debusine.tasks.errors import TaskConfigError
from debusine.tasks.inputs.artifacts import SingleInput
from debusine.tasks.inputs.base import DataInput
from debusine.tasks.inputs.resolver import Resolver
from debusine.tasks.inputs.stage import Stage
from debusine.tasks.inputs.task_data import LOOKUP_SINGLE
from debusine.tasks.inputs.values import InputCollectionSingle
from debusine.tasks.models import DEFAULT_TASK_CONFIGURATION

TASK_CONFIGURATION = CollectionCategory("debusine:task-configuration")

V = TypeVar("V")


class ArtifactInput(SingleInput):
    """One artifact that the server itself works on."""


class CollectionsInput(DataInput[V], Generic[V]):
    """
    Base of inputs that are a collection.

    :param category: ``None`` is any
    :param default_category: of a collection that is named without one; default: ``category``
    """

    value_type = LOOKUP_SINGLE

    def __init__(
        self,
        *,
        category: CollectionCategory | None = None,
        default_category: CollectionCategory | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.category = category
        self.default_category = default_category or category

    def find(self, resolver: Resolver) -> InputCollectionSingle | None:
        """
        Look the collection up; ``None`` if the task data names none.

        :raises TaskConfigError: if it is not one that the input takes
        """
        lookup = resolver.get_field(self)
        if lookup is None:
            return None
        found = resolver.find_collection(
            lookup, default_category=self.default_category, label=self.field
        )
        if self.category is not None:
            ensure_collection_category(
                configuration_key=self.field, category=found.category, expected=self.category
            )
        return found


class CollectionInput(CollectionsInput[InputCollectionSingle]):
    """One collection."""

    @override
    def resolve(self, resolver: Resolver) -> InputCollectionSingle:
        found = self.find(resolver)
        if found is None:
            raise TaskConfigError(f"{self.field} names no collection")
        return found

    @override
    def serialize(self, value: InputCollectionSingle) -> Any:
        return value.model_dump(mode="json")

    @override
    def deserialize(self, raw: Any) -> InputCollectionSingle:
        return InputCollectionSingle.model_validate(raw)


class OptionalCollectionInput(CollectionsInput[InputCollectionSingle | None]):
    """One collection or none."""

    @override
    def resolve(self, resolver: Resolver) -> InputCollectionSingle | None:
        return self.find(resolver)

    @override
    def serialize(self, value: InputCollectionSingle | None) -> Any:
        return None if value is None else value.model_dump(mode="json")

    @override
    def deserialize(self, raw: Any) -> InputCollectionSingle | None:
        return None if raw is None else InputCollectionSingle.model_validate(raw)


class CollectionInSameWorkspace(CollectionInput):
    """One collection of the workspace that the task is in; it may be changed by the task."""

    @override
    def find(self, resolver: Resolver) -> InputCollectionSingle | None:
        return _own(super().find(resolver), resolver, label=self.field)


class OptionalCollectionInSameWorkspace(OptionalCollectionInput):
    """One collection of the workspace that the task is in, or none."""

    @override
    def find(self, resolver: Resolver) -> InputCollectionSingle | None:
        return _own(super().find(resolver), resolver, label=self.field)


class TaskConfigurationCollection(OptionalCollectionInput):
    """
    Where the configuration of a task stands.

    What the user names must be there; what is looked up by default need not.
    """

    def __init__(self, *, stage: Stage = Stage.PENDING, internal: bool = True) -> None:
        super().__init__(
            category=TASK_CONFIGURATION,
            field="task_configuration",
            stage=stage,
            internal=internal,
        )

    @override
    def resolve(self, resolver: Resolver) -> InputCollectionSingle | None:
        try:
            return super().resolve(resolver)
        except LookupError as error:
            lookup = resolver.get_field(self)
            if lookup == DEFAULT_TASK_CONFIGURATION:
                return None
            raise TaskConfigError(
                f"{self.field} names no collection: {lookup!r}", original_exception=error
            ) from error


def _own(
    found: InputCollectionSingle | None, resolver: Resolver, *, label: str
) -> InputCollectionSingle | None:
    """
    Check that a collection is where the task is.

    :raises TaskConfigError: if it is in another workspace
    """
    own = resolver.get_workspace()
    if found is not None and (found.scope_name, found.workspace_name) != own:
        raise TaskConfigError(
            f"{label}: collection {found.name!r} is in workspace"
            f" {found.scope_name}/{found.workspace_name} instead of {'/'.join(own)}"
        )
    return found
