# SPDX-License-Identifier: GPL-3.0-or-later
"""A resolver that knows what a test tells it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field, replace
from typing import Any, Self

from typing_extensions import override

from debusine.artifacts.base import parse_data
from debusine.artifacts.kinds.system_image import SystemImage
from debusine.artifacts.kinds.system_tarball import SystemTarball
from debusine.artifacts.relation import RelationType
from debusine.domain.category import ArtifactCategory, CollectionCategory
from debusine.domain.lookup import (
    BadLookupError,
    FirstKind,
    LookupChildType,
    LookupDict,
    LookupMultiple,
    LookupSingle,
    LookupString,
    NoMatchError,
    Segment,
    parse_lookup_string,
)
from debusine.domain.version import version_rank
from debusine.tasks.inputs.fields import ARCHIVE, ENVIRONMENTS, SUITE, ResolvingTask
from debusine.tasks.inputs.resolver import ARCHIVE_SETTING, SCHEME_SETTING, Resolver
from debusine.tasks.inputs.values import (
    BaseTaskInputArtifact,
    InputArtifactMultiple,
    InputArtifactSingle,
    InputCollectionSingle,
)

SETTINGS = {
    "DEBUSINE_FALLBACK_ARCHITECTURE": "amd64",
    "DEBUSINE_FQDN": "debusine.example.org",
    SCHEME_SETTING: "http",
    ARCHIVE_SETTING: "deb.example.org",
}
SINGLETON = "_"
_FORMATS = {str(SystemTarball.category): "tarball", str(SystemImage.category): "image"}


@dataclass(frozen=True, kw_only=True, slots=True)
class MemoryItem:
    """An artifact in a collection."""

    name: str
    artifact: BaseTaskInputArtifact
    data: Mapping[str, Any]

    def is_package(self, segment: Segment) -> bool:
        """Whether it is a version of what ``source:`` or ``binary:`` names."""
        package, architecture = self.data.get("package"), self.data.get("architecture")
        if segment.kind == "source" or architecture is None:
            return (segment.kind, segment.value, architecture) == ("source", package, None)
        name, _, wanted = segment.value.rpartition("_")
        return name == package and architecture in {wanted, "all"}


@dataclass(kw_only=True, slots=True)
class MemoryCollection:
    """
    A collection.

    :param signing_keys: armoured
    """

    value: InputCollectionSingle
    items: list[MemoryItem] = field(default_factory=list)
    is_published: bool = False
    signing_keys: str | None = None

    def find(self, segment: Segment) -> BaseTaskInputArtifact | None:
        """
        Artifact that one segment of a lookup names; the newest that fits, where several do.

        :raises BadLookupError: for other kinds of lookup
        """
        if segment.kind == "name":
            found = [item for item in self.items if item.name == segment.value]
        elif segment.kind == "match" and self.value.category == ENVIRONMENTS:
            wanted = dict(part.partition("=")[::2] for part in segment.value.split(":"))
            found = [item for item in self.items if _fits(item, wanted)]
        elif segment.kind in {"source", "binary"} and self.value.category == SUITE:
            found = [item for item in self.items if item.is_package(segment)]
            found.sort(key=lambda item: version_rank(item.data["version"]))
        else:
            raise BadLookupError(f"{self.value.category} has no lookup {segment.kind!r}")
        return found[-1].artifact if found else None


class MemoryResolver(Resolver):
    """
    Finds artifacts, collections and settings that were added to it.

    Lookups of single things, of items by name, dictionaries, ``match:``, ``source:`` and
    ``binary:`` work as on a server; what else some collections understand finds nothing.

    >>> from debusine.tasks.kinds.noop import Noop
    >>> resolver = MemoryResolver(Noop({}))
    >>> resolver.add_artifact(7, ArtifactCategory("debusine:test"), {})
    >>> resolver.find_artifact("7@artifacts", label="input").artifact_id
    7
    """

    def __init__(self, task: ResolvingTask, *, settings: Mapping[str, str] | None = None) -> None:
        super().__init__(task)
        self.settings = {**SETTINGS, **(settings or {})}
        self.asked: list[LookupSingle] = []
        """Lookups of single artifacts that were tried, in order."""
        self.workspace = "System"
        self.scope = "debusine"
        self._artifacts: dict[int, BaseTaskInputArtifact] = {}
        self.collections: dict[int, MemoryCollection] = {}
        """Those added, by id."""
        self._relations: list[tuple[int, RelationType, int]] = []

    def for_task(self, task: ResolvingTask) -> Self:
        """A resolver for another task that finds the same things."""
        other = copy(self)
        other.task = task
        other.asked = []
        return other

    def add_artifact(
        self,
        artifact_id: int,
        category: ArtifactCategory,
        data: Mapping[str, Any],
    ) -> None:
        """Let an artifact exist."""
        self._artifacts[artifact_id] = BaseTaskInputArtifact(
            artifact_id=artifact_id, category=category, data=parse_data(category, data)
        )

    def add_relation(self, artifact_id: int, relation: RelationType, target_id: int) -> None:
        """Let an artifact relate to another."""
        self._relations.append((artifact_id, relation, target_id))

    def add_collection(
        self,
        collection_id: int,
        category: CollectionCategory,
        name: str,
        *,
        data: Mapping[str, Any] | None = None,
        workspace: str | None = None,
    ) -> MemoryCollection:
        """
        Let a collection exist.

        :param workspace: default: that of the task
        """
        value = InputCollectionSingle(
            label="",
            lookup=f"{collection_id}@collections",
            collection_id=collection_id,
            scope_name=self.scope,
            workspace_name=workspace or self.workspace,
            category=category,
            name=name,
            data=dict(data or {}),
        )
        self.collections[collection_id] = MemoryCollection(value=value)
        return self.collections[collection_id]

    def add_item(self, collection_id: int, name: str, artifact_id: int, **data: Any) -> None:
        """Put an artifact into a collection; ``data`` stands beside that of the artifact."""
        item = MemoryItem(name=name, artifact=self._artifacts[artifact_id], data=data)
        self.collections[collection_id].items.append(item)

    @override
    def find_artifact(
        self,
        lookup: LookupSingle,
        *,
        default_category: CollectionCategory | None = None,
        label: str,
    ) -> InputArtifactSingle:
        self.asked.append(lookup)
        found = _artifact(self._find(_text(lookup, "artifacts"), default_category), lookup)
        # not dumped and read again: the data keeps its class
        return InputArtifactSingle(
            label=label,
            lookup=lookup,
            artifact_id=found.artifact_id,
            category=found.category,
            data=found.data,
        )

    @override
    def lookup_multiple_artifacts(
        self,
        lookup: LookupMultiple,
        *,
        default_category: CollectionCategory | None = None,
        label: str,
    ) -> InputArtifactMultiple:
        artifacts: list[BaseTaskInputArtifact] = []
        for part in lookup.alternatives:
            if isinstance(part, LookupDict):
                artifacts += self._find_items(part, default_category)
            else:
                found = self._find(_text(part, "artifacts"), default_category)
                artifacts.append(_artifact(found, part))
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
        targets = sorted(
            {
                target
                for artifact, relation, target in self._relations
                if artifact in ids
                and relation is relation_type
                and self._artifacts[target].category == target_category
            }
        )
        return InputArtifactMultiple(
            label=label,
            lookup=LookupMultiple(tuple(targets)),
            artifacts=[self._artifacts[target] for target in targets],
        )

    @override
    def find_collection(
        self,
        lookup: LookupSingle,
        *,
        default_category: CollectionCategory | None = None,
        label: str,
    ) -> InputCollectionSingle:
        found = self._find(_text(lookup, "collections"), default_category)
        if not isinstance(found, MemoryCollection):
            raise BadLookupError(f"{lookup!r} finds an artifact")
        return found.value.model_copy(update={"label": label, "lookup": lookup})

    @override
    def find_archive(
        self, suite: InputCollectionSingle, *, label: str
    ) -> InputCollectionSingle | None:
        found = self._archive(suite.workspace_name)
        return None if found is None else found.value.model_copy(update={"label": label})

    @override
    def get_workspace(self) -> tuple[str, str]:
        return self.scope, self.workspace

    @override
    def is_published(self, suite_id: int) -> bool:
        return self.collections[suite_id].is_published

    @override
    def export_suite_signing_keys(self, suite_id: int) -> str | None:
        suite = self.collections[suite_id]
        archive = self._archive(suite.value.workspace_name)
        return suite.signing_keys or (None if archive is None else archive.signing_keys)

    @override
    def get_server_setting(self, name: str) -> str:
        return self.settings[name]

    def _archive(self, workspace: str) -> MemoryCollection | None:
        return self._named(workspace, SINGLETON, ARCHIVE)

    def _named(self, workspace: str, name: str, category: str) -> MemoryCollection | None:
        for found in self.collections.values():
            value = found.value
            if (value.workspace_name, value.name, value.category) == (workspace, name, category):
                return found
        return None

    def _find(
        self, text: str, default_category: CollectionCategory | None
    ) -> BaseTaskInputArtifact | MemoryCollection:
        """
        Find the one thing that a lookup names.

        :raises NoMatchError: if there is none
        :raises BadLookupError: if the lookup is malformed
        """
        parsed = _complete(parse_lookup_string(text), default_category)
        found = self._first(parsed)
        for segment in parsed.segments:
            if found is None:
                break
            if not isinstance(found, MemoryCollection):
                raise BadLookupError(f"lookup {text!r}: {segment} follows what is no collection")
            found = found.find(segment)
        if found is None:
            raise NoMatchError(f"{text!r} does not match anything")
        return found

    def _first(self, parsed: LookupString) -> BaseTaskInputArtifact | MemoryCollection | None:
        first = parsed.first
        match first.kind:
            case FirstKind.ARTIFACT_ID:
                return self._artifacts.get(first.number)
            case FirstKind.COLLECTION_ID:
                return self.collections.get(first.number)
            case FirstKind.INTERNAL:
                raise BadLookupError("internal@collections is only valid inside a workflow")
            case FirstKind.NAMED_COLLECTION:
                workspace = parsed.workspace or self.workspace
                return self._named(workspace, first.name, first.category or "")

    def _find_items(
        self, wanted: LookupDict, default_category: CollectionCategory | None
    ) -> list[BaseTaskInputArtifact]:
        """
        Artifacts in a collection that pass filters.

        :raises BadLookupError: if it is no collection, or for filters of special collections
        """
        found = self._find(_text(wanted.collection, "collections"), default_category)
        if not isinstance(found, MemoryCollection):
            raise BadLookupError(f"{wanted.collection!r} is no collection")
        if wanted.lookup_filters:
            raise BadLookupError(f"no filter 'lookup__{wanted.lookup_filters[0][0]}'")
        results = [
            item.artifact
            for item in found.items
            if wanted.category in {None, item.artifact.category}
            and wanted.accepts(item.name, item.data)
            and wanted.child_type not in {LookupChildType.BARE, LookupChildType.COLLECTION}
        ]
        if wanted.error_on_empty and not results:
            raise BadLookupError(f"{wanted.export()!r} does not match anything")
        return results


def _fits(item: MemoryItem, wanted: Mapping[str, str]) -> bool:
    """Whether an environment is what is wanted; an empty value fits one that has none."""
    known = {**item.data, "format": _FORMATS.get(item.artifact.category or "")}
    return all(known.get(key) == (value or None) for key, value in wanted.items())


def _artifact(
    found: BaseTaskInputArtifact | MemoryCollection, lookup: LookupSingle
) -> BaseTaskInputArtifact:
    """
    Insist on an artifact.

    :raises BadLookupError: if a collection was found
    """
    if isinstance(found, MemoryCollection):
        raise BadLookupError(f"{lookup!r} finds a collection")
    return found


def _text(lookup: LookupSingle, numbered: str) -> str:
    """
    The string that a lookup stands for.

    :param numbered: what a number counts
    :raises NoMatchError: for numbers that count nothing
    """
    if isinstance(lookup, str):
        return lookup
    if lookup <= 0:
        raise NoMatchError(f"{lookup} does not match anything")
    return f"{lookup}@{numbered}"


def _complete(parsed: LookupString, default_category: CollectionCategory | None) -> LookupString:
    """
    Write the default category into a lookup.

    :raises BadLookupError: if it needs one and there is none
    """
    if parsed.first.kind is not FirstKind.NAMED_COLLECTION or parsed.first.category:
        return parsed
    if default_category is None:
        raise BadLookupError(f"lookup {str(parsed)!r} does not specify a category")
    return replace(parsed, first=replace(parsed.first, category=default_category))
