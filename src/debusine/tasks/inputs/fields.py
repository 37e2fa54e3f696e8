# SPDX-License-Identifier: GPL-3.0-or-later
"""What a resolver asks of tasks, of their inputs, and of what has inputs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar, Protocol

from debusine.domain.category import ArtifactCategory, CollectionCategory
from debusine.tasks.inputs.stage import Stage
from debusine.tasks.inputs.task_data import ValueType
from debusine.tasks.inputs.values import BaseTaskInputArtifact
from debusine.tasks.models import BaseTaskData

ENVIRONMENTS = CollectionCategory("debian:environments")
SUITE = CollectionCategory("debian:suite")
ARCHIVE = CollectionCategory("debian:archive")


class ResolvingTask(Protocol):
    """What a resolver asks the task that it resolves inputs for."""

    name: ClassVar[str]

    @property
    def data(self) -> BaseTaskData:
        """Validated task data."""
        ...


class DataField(Protocol):
    """An input that follows from a value in the task data, as a resolver sees it."""

    value_type: ClassVar[ValueType]

    @property
    def field(self) -> str:
        """Dotted path in the task data."""
        ...


class EnvironmentField(DataField, Protocol):
    """An input that is an environment, as a resolver sees it."""

    default_category: CollectionCategory | None
    image_category: ArtifactCategory | None
    set_backend: bool
    try_variant: bool

    def check(self, artifact: BaseTaskInputArtifact, *, label: str) -> None:
        """Check the category of an artifact."""
        ...


class ResolvableField(Protocol):
    """An input, as :meth:`Resolver.resolve_inputs` sees it."""

    name: str
    stage: Stage

    def resolve(self, resolver: Any) -> Any:
        """Look the value up."""
        ...


class FieldContainer(Protocol):
    """What has inputs, as a resolver sees it."""

    def set_field_value(self, name: str, value: Any) -> None:
        """Keep the value of an input."""
        ...

    def iter_all_fields(
        self, stage: Stage | None = None
    ) -> Iterator[tuple[FieldContainer, ResolvableField]]:
        """Inputs needed up to a stage."""
        ...
