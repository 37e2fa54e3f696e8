# SPDX-License-Identifier: GPL-3.0-or-later
"""What inputs resolve to: frozen records that survive the way to the worker as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, SerializeAsAny, model_validator

from debusine.artifacts.base import ArtifactData, NameVersion, kind_for, parse_data
from debusine.domain.category import ArtifactCategory, CollectionCategory
from debusine.domain.lookup import LookupMultiple, LookupSingle
from debusine.errors import UserError


class InputValue(BaseModel):
    """Base of what inputs resolve to."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class BaseTaskInputArtifact(InputValue):
    """
    An artifact that was found.

    :param artifact_id: names it in :meth:`BaseExternalTask.fetch_artifact`
    :param category: such as ``debian:source-package``; None only if just the id is known
    :param data: of the data model of the category's kind, such as its ``name``
    """

    artifact_id: int | None = None
    category: ArtifactCategory | None = None
    data: SerializeAsAny[ArtifactData] | None = None

    @model_validator(mode="before")
    @classmethod
    def read_data(cls, values: Any) -> Any:
        """
        Turn data from JSON into the model that its category has.

        :raises ValueError: if the category is unknown, missing for data, or does not fit it
        """
        if not isinstance(values, Mapping):
            return values
        category, data = values.get("category"), values.get("data")
        try:
            if category is not None:
                kind_for(category)
            if isinstance(data, Mapping) and category is not None:
                return {**values, "data": parse_data(category, data)}
        except UserError as error:
            raise ValueError(error.explain()) from error
        return values

    @model_validator(mode="after")
    def check_data(self) -> Self:
        """
        Data needs a category, and is of its model.

        :raises ValueError: if it is not
        """
        if self.data is None:
            return self
        if self.category is None:
            message = "data needs a category"
            raise ValueError(message)
        if not isinstance(self.data, kind_for(self.category).data_type):
            message = f"data is not that of {self.category}"
            raise ValueError(message)  # noqa: TRY004  the error pydantic wants
        return self

    def resolved_ids(self) -> list[int]:
        """The id, or nothing if there is none."""
        return [] if self.artifact_id is None else [self.artifact_id]

    def source_package(self) -> NameVersion | None:
        """Source package that it belongs to; None if there is not exactly one."""
        if self.category is None or self.data is None:
            return None
        return kind_for(self.category).source(self.data)


class InputArtifactSingle(BaseTaskInputArtifact):
    """
    The one artifact that a lookup found.

    :param label: path in the task data where the lookup stands
    :param lookup: as it was looked up; those of environments completed
    """

    label: str
    lookup: LookupSingle


class InputArtifactMultiple(InputValue):
    """
    The artifacts that a lookup found, in its order.

    :param label: path in the task data where the lookup stands
    :param lookup: as it stands in the task data
    :param artifacts: one that was found twice stands twice; may be empty
    """

    label: str
    lookup: LookupMultiple
    artifacts: Annotated[list[BaseTaskInputArtifact], Field(default_factory=list)]

    def resolved_ids(self) -> list[int]:
        """Ids of all artifacts."""
        return [item for artifact in self.artifacts for item in artifact.resolved_ids()]

    @classmethod
    def from_ids(cls, ids: Iterable[int], *, label: str) -> Self:
        """A value of artifacts of which only the ids are known."""
        listed = list(ids)
        return cls(
            label=label,
            lookup=LookupMultiple.parse(listed),
            artifacts=[BaseTaskInputArtifact(artifact_id=item) for item in listed],
        )


class InputCollectionSingle(InputValue):
    """
    The one collection that a lookup found.

    :param label: path in the task data where the lookup stands
    :param lookup: as it stands in the task data
    :param collection_id: number of the collection
    :param scope_name: scope of its workspace
    :param workspace_name: workspace that it is in
    :param category: such as ``debian:suite``
    :param name: unique in workspace and category
    :param data: of the collection, such as the ``components`` of a suite
    """

    label: str
    lookup: LookupSingle
    collection_id: int
    scope_name: str
    workspace_name: str
    category: CollectionCategory
    name: str
    data: Annotated[dict[str, Any], Field(default_factory=dict)]
