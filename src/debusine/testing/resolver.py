# SPDX-License-Identifier: GPL-3.0-or-later
"""A resolver that knows what a test tells it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from typing_extensions import override

from debusine.artifacts.base import parse_data
from debusine.artifacts.relation import RelationType
from debusine.domain.category import ArtifactCategory, CollectionCategory
from debusine.domain.lookup import BadLookupError, LookupMultiple, LookupSingle, NoMatchError
from debusine.tasks.inputs.resolver import HostedSuite, Resolver, ResolvingTask
from debusine.tasks.inputs.values import (
    BaseTaskInputArtifact,
    InputArtifactMultiple,
    InputArtifactSingle,
    InputCollectionSingle,
)

SETTINGS = {"DEBUSINE_FALLBACK_ARCHITECTURE": "amd64", "DEBUSINE_FQDN": "debusine.example.org"}


class MemoryResolver(Resolver):
    """
    Finds artifacts, suites and settings that were added to it.

    A lookup finds what was added under the very same text or number; what a
    dictionary lookup finds is added under its ``collection``.
    """

    def __init__(self, task: ResolvingTask, *, settings: Mapping[str, str] | None = None) -> None:
        super().__init__(task)
        self.settings = {**SETTINGS, **(settings or {})}
        self.asked: list[LookupSingle] = []
        """Single lookups that were tried, in order."""
        self._artifacts: dict[int, BaseTaskInputArtifact] = {}
        self._names: dict[LookupSingle, list[int]] = {}
        self._relations: list[tuple[int, RelationType, int]] = []
        self._suites: dict[LookupSingle, HostedSuite | None] = {}
        self._archives: dict[
            LookupSingle, tuple[InputCollectionSingle, InputCollectionSingle | None]
        ] = {}

    def add_artifact(
        self,
        artifact_id: int,
        category: ArtifactCategory,
        data: Mapping[str, Any],
        *,
        lookups: Sequence[LookupSingle] = (),
    ) -> None:
        """
        Let an artifact exist.

        :param lookups: what finds it beside its id and ``ID@artifacts``
        """
        self._artifacts[artifact_id] = BaseTaskInputArtifact(
            artifact_id=artifact_id, category=category, data=parse_data(category, data)
        )
        for lookup in (artifact_id, f"{artifact_id}@artifacts", *lookups):
            self._names.setdefault(lookup, []).append(artifact_id)

    def add_relation(self, artifact_id: int, relation: RelationType, target_id: int) -> None:
        """Let an artifact relate to another."""
        self._relations.append((artifact_id, relation, target_id))

    def add_hosted_suite(self, lookup: LookupSingle, suite: HostedSuite | None) -> None:
        """Let a suite exist; ``None`` for one that is not published."""
        self._suites[lookup] = suite

    def add_suite_archive(
        self,
        lookup: LookupSingle,
        suite: InputCollectionSingle,
        archive: InputCollectionSingle | None,
    ) -> None:
        """Let the collection of a suite exist, and maybe its archive."""
        self._archives[lookup] = (suite, archive)

    @override
    def find_artifact(
        self,
        lookup: LookupSingle,
        *,
        default_category: CollectionCategory | None = None,
        label: str,
    ) -> InputArtifactSingle:
        del default_category
        self.asked.append(lookup)
        found = self._names.get(lookup, [])
        if not found:
            raise NoMatchError(f"nothing matches {lookup!r}")
        if len(found) > 1:
            raise BadLookupError(f"{lookup!r} finds several artifacts")
        artifact = self._artifacts[found[0]]
        return InputArtifactSingle(label=label, lookup=lookup, **_fields(artifact))

    @override
    def lookup_multiple_artifacts(
        self,
        lookup: LookupMultiple,
        *,
        default_category: CollectionCategory | None = None,
        label: str,
    ) -> InputArtifactMultiple:
        del default_category
        artifacts: list[BaseTaskInputArtifact] = []
        for part in lookup.alternatives:
            single = part if isinstance(part, (int, str)) else part.collection
            if isinstance(part, (int, str)) and single not in self._names:
                raise NoMatchError(f"nothing matches {part!r}")
            artifacts.extend(self._artifacts[item] for item in self._names.get(single, []))
        return InputArtifactMultiple(label=label, lookup=lookup, artifacts=artifacts)

    @override
    def find_related_artifacts(
        self,
        ids: Sequence[int],
        *,
        target_category: ArtifactCategory,
        relation_type: RelationType = RelationType.RELATES_TO,
        label: str,
    ) -> InputArtifactMultiple:
        targets = {
            target
            for artifact, relation, target in self._relations
            if artifact in ids and relation is relation_type
        }
        artifacts = [
            self._artifacts[target]
            for target in sorted(targets)
            if self._artifacts[target].category == target_category
        ]
        return InputArtifactMultiple(
            label=label, lookup=LookupMultiple.parse(list(ids)), artifacts=artifacts
        )

    @override
    def find_suite_archive(
        self, lookup: LookupSingle, *, label: str
    ) -> tuple[InputCollectionSingle, InputCollectionSingle | None]:
        del label
        if lookup not in self._archives:
            raise NoMatchError(f"nothing matches {lookup!r}")
        return self._archives[lookup]

    @override
    def find_hosted_suite(self, lookup: LookupSingle, *, label: str) -> HostedSuite | None:
        del label
        if lookup not in self._suites:
            raise NoMatchError(f"nothing matches {lookup!r}")
        return self._suites[lookup]

    @override
    def get_server_setting(self, name: str) -> str:
        return self.settings[name]


def _fields(artifact: BaseTaskInputArtifact) -> dict[str, Any]:
    return {
        "artifact_id": artifact.artifact_id,
        "category": artifact.category,
        "data": artifact.data,
    }
