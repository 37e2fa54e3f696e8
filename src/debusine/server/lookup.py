# SPDX-License-Identifier: GPL-3.0-or-later
"""Answer lookups from the database."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from django.db.models import QuerySet

from debusine.db.models import Artifact, Collection, CollectionItem, ItemType, Workspace
from debusine.domain.lookup import (
    BadLookupError,
    FirstKind,
    LookupChildType,
    LookupDict,
    LookupMultiple,
    LookupSingle,
    LookupString,
    NoMatchError,
    parse_lookup_string,
)
from debusine.domain.permission import MAX_ID, Verb
from debusine.domain.workflow import INTERNAL, internal_name
from debusine.server.access import visible_workspaces, where
from debusine.server.actor import Actor
from debusine.server.collections.base import active_items, kind_of
from debusine.server.inheritance import lineage_ids, visible_chain
from debusine.server.lookup_conditions import condition_of

Placed = TypeVar("Placed", Artifact, Collection)


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """
    One thing that was found.

    :param item: as what it stands in a collection; None if it was named by itself
    :param parent: lookup of that collection; None if there is no item
    """

    item: CollectionItem | None = None
    artifact: Artifact | None = None
    collection: Collection | None = None
    parent: str | None = None

    @property
    def result_type(self) -> ItemType:
        """What it is."""
        if self.artifact is not None:
            return ItemType.ARTIFACT
        return ItemType.BARE if self.collection is None else ItemType.COLLECTION


@dataclass(frozen=True, kw_only=True, slots=True)
class Searcher:
    """
    Somebody who looks things up, and where.

    :param workspace: where collections are searched, with its scope loaded
    :param default_category: of a collection that a lookup names without category
    :param workflow_root: the workflow whose internal collection may be named
    """

    actor: Actor
    workspace: Workspace
    default_category: str | None = None
    workflow_root: int | None = None

    def single(self, lookup: LookupSingle, expect: LookupChildType) -> Found:
        """
        Find exactly one thing.

        :raises NoMatchError: if nothing matches, or nothing visible
        :raises BadLookupError: if the lookup is malformed, or finds something else
        """
        text = _as_text(lookup, expect)
        parsed = parse_lookup_string(text)
        found = self._first(parsed)
        for count, segment in enumerate(parsed.segments):
            collection = found.collection
            if collection is None:
                raise BadLookupError(f"lookup {text!r}: {segment} follows what is no collection")
            try:
                item = kind_of(collection).lookup(collection, segment)
            except BadLookupError as error:
                raise BadLookupError(f"lookup {text!r}: at {segment}: {error.brief}") from error
            if item is None:
                raise NoMatchError(f"{text!r} does not match anything: no {segment}")
            parent = replace(parsed, segments=parsed.segments[:count])
            found = _as_found(item, str(self._complete(parent)))
        if not _is_expected(found, expect):
            raise BadLookupError(
                f"lookup {text!r} finds something of type {found.result_type.value}, "
                f"expected {expect.value}"
            )
        return found

    def multiple(self, lookup: LookupMultiple, expect: LookupChildType) -> list[Found]:
        """
        Find everything that the alternatives of a lookup name, in their order.

        :raises NoMatchError: if a single lookup or a collection among them is not found
        :raises BadLookupError: if one is malformed, or finds something else
        """
        results: list[Found] = []
        for part in lookup.alternatives:
            if isinstance(part, LookupDict):
                results.extend(self._items(part, expect))
            else:
                results.append(self.single(part, expect))
        return results

    def _find(
        self, value: LookupSingle | LookupMultiple, expect: LookupChildType
    ) -> Sequence[Found]:
        """Answer a lookup that stands within another."""
        if isinstance(value, LookupMultiple):
            return self.multiple(value, expect)
        return [self.single(value, expect)]

    def _first(self, parsed: LookupString) -> Found:
        """What the first segment names."""
        first = parsed.first
        match first.kind:
            case FirstKind.ARTIFACT_ID:
                artifacts = Artifact.objects.filter(
                    where(self.actor, Verb.DISPLAY_ARTIFACT, Artifact), id=min(first.number, MAX_ID)
                )
                return Found(artifact=self._near(artifacts, parsed))
            case FirstKind.COLLECTION_ID:
                by_id = visible_collections(self.actor).filter(id=min(first.number, MAX_ID))
                return Found(collection=self._near(by_id, parsed))
            case FirstKind.INTERNAL | FirstKind.NAMED_COLLECTION:
                return Found(collection=self._named(parsed))

    def _near(self, rows: QuerySet[Placed], parsed: LookupString) -> Placed:
        """
        What a number names, if it is in the same scope or in a workspace that is inherited from.

        :raises NoMatchError: if there is nothing that the searcher sees, or it is elsewhere
        """
        found = rows.select_related("workspace__scope").first()
        here = self.workspace
        if found is not None and (
            found.workspace.scope_id == here.scope_id
            or found.workspace in visible_chain(self.actor, here)
        ):
            return found
        raise _no_match(parsed)

    def _named(self, parsed: LookupString) -> Collection:
        """
        The collection of a name: where the search begins, or the first that is inherited.

        :raises NoMatchError: if there is none that the searcher sees
        """
        name, category = self._collection_name(parsed)
        found = find_collection(self.actor, self._start(parsed), category=category, name=name)
        if found is None:
            raise _no_match(parsed)
        return found

    def _collection_name(self, parsed: LookupString) -> tuple[str, str]:
        """
        Name and category of the collection that a lookup begins with.

        :raises BadLookupError: if the context does not say them
        """
        if parsed.first.kind is FirstKind.INTERNAL:
            if self.workflow_root is None:
                raise BadLookupError("internal@collections is only valid inside a workflow")
            return internal_name(self.workflow_root), INTERNAL
        category = parsed.first.category or self.default_category
        if category is None:
            raise BadLookupError(
                f"lookup {str(parsed)!r} does not specify a category and there is no "
                "default category"
            )
        return parsed.first.name, category

    def _start(self, parsed: LookupString) -> Workspace:
        """
        Workspace that a lookup begins in.

        :raises BadLookupError: if it names one that the searcher does not see
        """
        if parsed.workspace is None:
            return self.workspace
        scope = self.workspace.scope.name if parsed.scope is None else parsed.scope
        found = Workspace.objects.filter(
            visible_workspaces(self.actor), scope__name=scope, name=parsed.workspace
        ).first()
        if found is None:
            raise BadLookupError(
                f"lookup {str(parsed)!r}: workspace {parsed.workspace!r} not found"
            )
        return found

    def _complete(self, parsed: LookupString) -> LookupString:
        """Write the default category into a lookup, so that it stands for itself."""
        if parsed.first.kind is not FirstKind.NAMED_COLLECTION or parsed.first.category:
            return parsed
        return replace(parsed, first=replace(parsed.first, category=self.default_category))

    def _items(self, wanted: LookupDict, expect: LookupChildType) -> list[Found]:
        """Items that pass the filters, in order of their ids."""
        found = self.single(wanted.collection, LookupChildType.COLLECTION)
        collection = found.collection
        if collection is None:
            raise BadLookupError(f"{wanted.collection!r} is no collection")
        kind = kind_of(collection)
        items = active_items(collection).filter(
            condition_of(wanted), kind.narrow(collection, wanted)
        )
        for key, value in wanted.lookup_filters:
            items = items.filter(kind.filter(key, value, self._find))
        text = _as_text(wanted.collection, LookupChildType.COLLECTION)
        parent = str(self._complete(parse_lookup_string(text)))
        results = [
            _as_found(item, parent)
            # sorted here: for rows in order, SQLite would read the whole collection
            for item in sorted(items, key=lambda item: item.pk)
            if wanted.accepts(item.name, item.data)
        ]
        if wanted.error_on_empty and not results:
            raise BadLookupError(f"{wanted.export()!r} does not match anything")
        for result in results:
            if not _is_expected(result, expect):
                raise BadLookupError(
                    f"lookup of {expect.value} finds an item of type {result.result_type.value}"
                )
        return results


def _as_text(lookup: LookupSingle, expect: LookupChildType) -> str:
    """
    The string that a lookup stands for.

    :raises BadLookupError: for a number where the context does not say what it counts
    """
    if isinstance(lookup, str):
        return lookup
    if not 0 < lookup <= MAX_ID:
        raise NoMatchError(f"{lookup} does not match anything")
    match expect:
        case LookupChildType.ARTIFACT | LookupChildType.ARTIFACT_OR_PROMISE:
            return f"{lookup}@artifacts"
        case LookupChildType.COLLECTION:
            return f"{lookup}@collections"
        case LookupChildType.BARE | LookupChildType.ANY:
            raise BadLookupError(
                "integer lookups only work in contexts that expect an artifact or a collection"
            )


def visible_collections(actor: Actor) -> QuerySet[Collection]:
    """Query of the collections that somebody sees, with workspaces and scopes loaded."""
    visible = where(actor, Verb.DISPLAY_COLLECTION, Collection)
    return Collection.objects.select_related("workspace__scope").filter(visible)


def find_collection(
    actor: Actor, workspace: Workspace, *, category: str, name: str
) -> Collection | None:
    """
    Find a collection by name in a workspace, or in the first that it inherits one from.

    One query; one more if it is inherited.
    """
    found = {
        one.workspace_id: one
        for one in visible_collections(actor).filter(
            name=name, category=category, workspace__in=lineage_ids(workspace)
        )
    }
    if not found or workspace.pk in found:
        return found.get(workspace.pk)
    places = (one.pk for one in visible_chain(actor, workspace))
    return next((found[place] for place in places if place in found), None)


def _no_match(parsed: LookupString) -> NoMatchError:
    return NoMatchError(f"{str(parsed)!r} does not match anything: no {parsed.first}")


def _as_found(item: CollectionItem, parent: str) -> Found:
    return Found(item=item, artifact=item.artifact, collection=item.child_collection, parent=parent)


def _is_expected(found: Found, expect: LookupChildType) -> bool:
    match expect:
        case LookupChildType.ANY:
            return True
        case LookupChildType.ARTIFACT_OR_PROMISE:
            return found.result_type in {ItemType.ARTIFACT, ItemType.BARE}
        case LookupChildType.BARE | LookupChildType.ARTIFACT | LookupChildType.COLLECTION:
            return found.result_type.value == expect.value
