# SPDX-License-Identifier: GPL-3.0-or-later
"""Port: look up what the inputs of a task need. The server answers from its database."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

from debusine.artifacts.relation import RelationType
from debusine.domain.category import ArtifactCategory, CollectionCategory
from debusine.domain.executor import BackendType
from debusine.domain.lookup import LookupMultiple, LookupSingle
from debusine.tasks.inputs.environment import environment_lookups
from debusine.tasks.inputs.stage import Stage
from debusine.tasks.inputs.task_data import expect_list, get_field
from debusine.tasks.inputs.values import (
    InputArtifactMultiple,
    InputArtifactSingle,
    InputCollectionSingle,
)
from debusine.tasks.models import BaseTaskData

ENVIRONMENTS = CollectionCategory("debian:environments")
SUITE = CollectionCategory("debian:suite")


class ResolvingTask(Protocol):
    """What a resolver asks the task that it resolves inputs for."""

    name: ClassVar[str]

    @property
    def data(self) -> BaseTaskData:
        """Validated task data."""
        ...


class ResolvableField(Protocol):
    """An input, as a resolver sees it."""

    name: str

    def resolve(self, resolver: Resolver) -> Any:
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


@dataclass(frozen=True, kw_only=True, slots=True)
class HostedSuite:
    """
    A suite that the server publishes, as APT needs it.

    :param url: of the archive that the suite is part of
    :param components: those that the suite says it has, if it says so
    :param signing_key: armoured
    """

    url: str
    suite: str
    components: list[str] | None
    signing_key: str | None


class Resolver(ABC):
    """
    Looks up what the inputs of one task need.

    Lookups raise :class:`KeyError` if nothing matches, and :class:`LookupError` if
    they are malformed or find something of another type.

    :param task: whose data names what to look up
    """

    def __init__(self, task: ResolvingTask) -> None:
        self.task = task

    @abstractmethod
    def find_artifact(
        self,
        lookup: LookupSingle,
        *,
        default_category: CollectionCategory | None = None,
        label: str,
    ) -> InputArtifactSingle:
        """Look one artifact up; the answer carries ``lookup`` and ``label``."""

    @abstractmethod
    def lookup_multiple_artifacts(
        self,
        lookup: LookupMultiple,
        *,
        default_category: CollectionCategory | None = None,
        label: str,
    ) -> InputArtifactMultiple:
        """Look several artifacts up, in the order of the lookup."""

    @abstractmethod
    def find_related_artifacts(
        self,
        ids: Sequence[int],
        *,
        target_category: ArtifactCategory,
        relation_type: RelationType = RelationType.RELATES_TO,
        label: str,
    ) -> InputArtifactMultiple:
        """Artifacts of a category that relations from any of ``ids`` point to, ordered by id."""

    @abstractmethod
    def find_suite_archive(
        self, lookup: LookupSingle, *, label: str
    ) -> tuple[InputCollectionSingle, InputCollectionSingle | None]:
        """Look a suite up, and the archive of its workspace if there is one."""

    @abstractmethod
    def find_hosted_suite(self, lookup: LookupSingle, *, label: str) -> HostedSuite | None:
        """Look a suite of the server up; ``None`` if it is not published."""

    @abstractmethod
    def get_server_setting(self, name: str) -> str:
        """
        A setting of the server, such as ``DEBUSINE_FQDN``.

        :raises KeyError: if there is none of that name
        """

    def get_fallback_architecture(self) -> str:
        """Architecture of tasks that name none."""
        return self.get_server_setting("DEBUSINE_FALLBACK_ARCHITECTURE")

    def lookup_single_artifact(
        self,
        lookup: LookupSingle | None,
        *,
        default_category: CollectionCategory | None = None,
        label: str,
    ) -> InputArtifactSingle | None:
        """Look one artifact up; ``None`` finds ``None``."""
        if lookup is None:
            return None
        return self.find_artifact(lookup, default_category=default_category, label=label)

    def lookup_environment(  # noqa: PLR0913  each is a fact of its own
        self,
        lookup: LookupSingle,
        *,
        architecture: str | None,
        backend: BackendType | None,
        default_category: CollectionCategory = ENVIRONMENTS,
        image_category: ArtifactCategory | None = None,
        try_variant: bool = True,
        label: str,
    ) -> InputArtifactSingle:
        """
        Look an environment up, completed by what the task says.

        :param try_variant: prefer the variant named like the task
        :raises KeyError: if nothing matches
        """
        candidates = environment_lookups(
            lookup,
            architecture=architecture,
            backend=backend,
            image_category=image_category,
            variant=self.task.name if try_variant else None,
        )
        for candidate in candidates[:-1]:
            try:
                return self.find_artifact(candidate, default_category=default_category, label=label)
            except KeyError:
                continue
        return self.find_artifact(candidates[-1], default_category=default_category, label=label)

    def task_architecture(self) -> str | None:
        """
        Architecture of the task, if it has one.

        :raises TaskConfigError: if it is not resolved yet
        """
        found: str | None = getattr(self.task, "build_architecture", None)
        return found

    def task_backend(self) -> BackendType | None:
        """Technology that the task runs on, if it runs in an environment."""
        found: BackendType | None = getattr(self.task, "backend", None)
        return found

    def get_field(self, field: str) -> Any:
        """
        The value at a dotted path in the task data.

        :raises TaskConfigError: if there is no such attribute
        """
        return get_field(self.task.data, field)

    def get_field_collection(self, field: str) -> list[Any]:
        """
        The list at a dotted path in the task data; ``None`` is an empty one.

        :raises TaskConfigError: if there is no such attribute, or it is no list
        """
        return expect_list(self.get_field(field), label=field)

    def resolve_inputs(self, container: FieldContainer, stage: Stage | None = None) -> None:
        """
        Look up every input needed up to a stage and keep the values in the container.

        Errors are those of the inputs, with a note that names the input.
        """
        for owner, field in container.iter_all_fields(stage):
            try:
                value = field.resolve(self)
            except Exception as error:
                error.add_note(f"while resolving input {field.name} of task {self.task.name}")
                raise
            owner.set_field_value(field.name, value)
