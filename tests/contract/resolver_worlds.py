# SPDX-License-Identifier: GPL-3.0-or-later
"""What there is to find, for resolvers of every kind."""

from __future__ import annotations

from abc import ABC, abstractmethod
from itertools import count
from typing import Any

from tests.integration.lookup.conftest import add_bare, make_artifact, make_collection
from typing_extensions import override

from debusine.artifacts.relation import RelationType
from debusine.db.models import (
    Artifact,
    ArtifactRelation,
    Collection,
    CollectionItem,
    ItemType,
)
from debusine.domain.category import ArtifactCategory, CollectionCategory
from debusine.server.collections.base import kind_of
from debusine.server.resolver import RELEASE_INDEX, SIGNING_KEY, DatabaseResolver
from debusine.tasks.inputs.resolver import Resolver
from debusine.testing import factories
from debusine.testing.inputs import task_with_inputs
from debusine.testing.resolver import MemoryResolver

DEFAULT = "System"


class World(ABC):
    """Artifacts and collections; ids are given out in order."""

    @abstractmethod
    def artifact(self, category: ArtifactCategory, data: dict[str, Any]) -> int:
        """Make an artifact."""

    @abstractmethod
    def collection(
        self,
        category: CollectionCategory,
        name: str,
        *,
        data: dict[str, Any] | None = None,
        workspace: str = DEFAULT,
    ) -> int:
        """Make a collection."""

    @abstractmethod
    def item(self, collection: int, name: str, artifact: int, **data: Any) -> None:
        """Put an artifact into a collection."""

    @abstractmethod
    def relate(self, artifact: int, kind: RelationType, target: int) -> None:
        """Relate two artifacts."""

    @abstractmethod
    def publish(self, suite: int) -> None:
        """Let APT read a suite."""

    @abstractmethod
    def sign(self, collection: int, key: str) -> None:
        """Give a suite or an archive a signing key."""

    @abstractmethod
    def setting(self, name: str, value: str) -> None:
        """Change a setting of the server."""

    @abstractmethod
    def resolver(self, task: Any) -> Resolver:
        """A resolver for a task in the default workspace."""


class MemoryWorld(World):
    """What a resolver in memory is told."""

    def __init__(self) -> None:
        self._numbers = count(1)
        self._known = MemoryResolver(task_with_inputs({}))

    @override
    def artifact(self, category: ArtifactCategory, data: dict[str, Any]) -> int:
        number = next(self._numbers)
        self._known.add_artifact(number, category, data)
        return number

    @override
    def collection(
        self,
        category: CollectionCategory,
        name: str,
        *,
        data: dict[str, Any] | None = None,
        workspace: str = DEFAULT,
    ) -> int:
        number = next(self._numbers)
        self._known.add_collection(number, category, name, data=data, workspace=workspace)
        return number

    @override
    def item(self, collection: int, name: str, artifact: int, **data: Any) -> None:
        self._known.add_item(collection, name, artifact, **data)

    @override
    def relate(self, artifact: int, kind: RelationType, target: int) -> None:
        self._known.add_relation(artifact, kind, target)

    @override
    def publish(self, suite: int) -> None:
        self._known.collections[suite].is_published = True

    @override
    def sign(self, collection: int, key: str) -> None:
        self._known.collections[collection].signing_keys = key

    @override
    def setting(self, name: str, value: str) -> None:
        self._known.settings[name] = value

    @override
    def resolver(self, task: Any) -> Resolver:
        return self._known.for_task(task)


class DatabaseWorld(World):
    """
    Rows in a database.

    :param settings: those of Django, put back after the test
    """

    def __init__(self, settings: Any) -> None:
        self._settings = settings
        self._request = factories.make_work_request(
            workspace=factories.make_workspace(DEFAULT),
            created_by=factories.make_user(superuser=True),
        )

    @override
    def artifact(self, category: ArtifactCategory, data: dict[str, Any]) -> int:
        return make_artifact(category, data=data).pk

    @override
    def collection(
        self,
        category: CollectionCategory,
        name: str,
        *,
        data: dict[str, Any] | None = None,
        workspace: str = DEFAULT,
    ) -> int:
        place = factories.make_workspace(workspace)
        return make_collection(name, category, workspace=place, data=data or {}).pk

    @override
    def item(self, collection: int, name: str, artifact: int, **data: Any) -> None:
        found = Artifact.objects.get(pk=artifact)
        item = CollectionItem(
            collection=Collection.objects.get(pk=collection),
            name=name,
            child_type=ItemType.ARTIFACT,
            category=found.category,
            artifact=found,
            data=data,
            created_at=found.created_at,
        )
        if {"package", "codename"} & set(data):
            kind_of(item.collection).index(item)
        item.save()

    @override
    def relate(self, artifact: int, kind: RelationType, target: int) -> None:
        ArtifactRelation.objects.create(artifact_id=artifact, target_id=target, type=kind.value)

    @override
    def publish(self, suite: int) -> None:
        add_bare(Collection.objects.get(pk=suite), RELEASE_INDEX)

    @override
    def sign(self, collection: int, key: str) -> None:
        found = Collection.objects.get(pk=collection)
        found.data[SIGNING_KEY] = key
        found.save()

    @override
    def setting(self, name: str, value: str) -> None:
        field = name.removeprefix("DEBUSINE_").lower()
        self._settings.DEBUSINE = self._settings.DEBUSINE.model_copy(update={field: value})

    @override
    def resolver(self, task: Any) -> Resolver:
        return DatabaseResolver(task, work_request=self._request)
