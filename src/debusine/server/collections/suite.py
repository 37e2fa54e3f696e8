# SPDX-License-Identifier: GPL-3.0-or-later
"""``debian:suite``: packages, debug symbols and indexes of one suite."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db.models import Q, QuerySet
from typing_extensions import override

from debusine.artifacts.kinds.binary_package import BinaryPackage
from debusine.artifacts.kinds.debug_symbols import DebugSymbols
from debusine.artifacts.kinds.repository_index import RepositoryIndex
from debusine.artifacts.kinds.source_package import SourcePackage
from debusine.artifacts.relation import RelationType
from debusine.db.models import Artifact, ArtifactRelation, Collection, CollectionItem
from debusine.db.prefix import begins
from debusine.domain.lookup import (
    BadLookupError,
    LookupChildType,
    LookupDict,
    LookupMultiple,
    LookupSingle,
    MatcherKind,
    Segment,
)
from debusine.domain.version import version_rank
from debusine.server import pool
from debusine.server.collections.base import (
    CollectionKind,
    ItemAdditionError,
    NewItem,
    active_items,
    newest,
)
from debusine.server.finder import Find
from debusine.server.packages import (
    INDEX_PREFIX,
    SYMBOLS_PREFIX,
    describe_binary,
    describe_index,
    describe_source,
    describe_symbols,
)

_DESCRIBE = {
    SourcePackage.category: describe_source,
    BinaryPackage.category: describe_binary,
    DebugSymbols.category: describe_symbols,
    RepositoryIndex.category: describe_index,
}
_PACKAGES = frozenset({SourcePackage.category, BinaryPackage.category})
_ALL = "all"


class Suite(CollectionKind):
    """
    Packages are named ``NAME_VERSION[_ARCHITECTURE]``, indexes ``index:PATH``.

    ``source:NAME`` and ``binary:NAME_ARCHITECTURE`` find the highest version, by the order of
    dpkg; ``source-version:`` and ``binary-version:`` take it after the name. Packages for
    ``all`` are found for every architecture. A version lower than one that is there is refused,
    and a file of the pool has one content for ever, unless ``may_rewind_versions`` and
    ``may_reuse_versions`` of the suite (or its archive) say otherwise.
    """

    category = "debian:suite"
    artifact_categories = frozenset(_DESCRIBE)

    @override
    def find(self, collection: Collection, segment: Segment) -> CollectionItem | None:
        if (found := find_package(active_items(collection), segment)) is not None:
            return found.item
        return super().find(collection, segment)

    @override
    def filter(self, key: str, value: LookupSingle | LookupMultiple, find: Find) -> Q:
        if key != "binaries":
            return super().filter(key, value, find)
        condition = Q(pk__in=())
        for one in find(value, LookupChildType.ARTIFACT):
            if one.artifact is None or one.artifact.category != SourcePackage.category:
                raise BadLookupError("'lookup__binaries' needs source packages")
            condition |= _built_of(one.artifact)
        return condition

    @override
    def narrow(self, collection: Collection, wanted: LookupDict) -> Q:
        """Names begin with that of the package."""
        package = dict(wanted.data_matchers).get("package")
        if package is None or package.kind is not MatcherKind.EXACT:
            return Q()
        # each alternative with all that the index needs
        active = Q(collection=collection, removed_at=None)
        starts = (f"{package.values[0]}_", f"{SYMBOLS_PREFIX}{package.values[0]}_")
        return (active & begins("name", starts[0])) | (active & begins("name", starts[1]))

    @override
    def describe(self, artifact: Artifact, variables: Mapping[str, Any]) -> NewItem:
        for category, describe in _DESCRIBE.items():
            if artifact.category == category:
                return describe(artifact, variables)
        return super().describe(artifact, variables)

    @override
    def index(self, item: CollectionItem) -> None:
        item.key = _key(item.category, item.data)
        if item.key:
            item.rank = version_rank(item.data["version"])

    @override
    def admit(self, item: CollectionItem) -> CollectionItem | None:
        active = CollectionItem.objects.filter(collection=item.collection, removed_at=None)
        alike = active.filter(name=item.name, artifact=item.artifact).first()
        if alike is not None and alike.data == item.data:
            return alike
        if not item.key:
            return None
        if item.category in _PACKAGES and not item.collection.data.get("may_rewind_versions"):
            highest = newest(active, item.key)
            if highest is not None and bytes(highest.rank) > bytes(item.rank):
                raise ItemAdditionError(
                    f"{item.name} is older than {highest.name}, which is in {item.collection}"
                )
        active.filter(key=item.key, superseded_at=None, rank__lt=item.rank).update(
            superseded_at=item.created_at,
            superseded_by=item.created_by_id,
            superseded_by_work_request=item.created_by_work_request_id,
        )
        return None

    @override
    def added(self, item: CollectionItem) -> None:
        if item.category in _PACKAGES:
            pool.claim_files(item)

    @override
    def removed(self, items: QuerySet[CollectionItem]) -> None:
        for item in items.filter(category__in=_PACKAGES).select_related("collection"):
            pool.release_files(item)

    @override
    def associated(self, item: CollectionItem) -> QuerySet[CollectionItem]:
        active = active_items(item.collection)
        if item.artifact is None or item.category not in _PACKAGES:
            return active.none()
        packages = {item.artifact.pk}
        if item.category == SourcePackage.category:
            binaries = active.filter(_built_of(item.artifact))
            packages = set(binaries.values_list("artifact_id", flat=True))
        symbols = _starts_of(packages, RelationType.RELATES_TO)
        is_symbols = Q(category=DebugSymbols.category, artifact_id__in=symbols)
        if item.category == SourcePackage.category:
            return active.filter(
                Q(artifact_id__in=packages, category=BinaryPackage.category) | is_symbols
            )
        return active.filter(is_symbols)


def _key(category: str, data: Mapping[str, Any]) -> str:
    """What lookups of the newest version of an item ask for; empty if there are no versions."""
    match category:
        case SourcePackage.category:
            return f"source:{data['package']}"
        case BinaryPackage.category:
            return f"binary:{data['package']}_{data['architecture']}"
        case DebugSymbols.category:
            return f"debugsym:{data['package']}_{data['architecture']}"
        case _:
            return ""


class PackageFound:
    """What a lookup of a package found; ``item`` is None if there is no such package."""

    def __init__(self, item: CollectionItem | None) -> None:
        self.item = item


def find_package(items: QuerySet[CollectionItem], segment: Segment) -> PackageFound | None:
    """
    Find a package or an index by one segment of a lookup.

    :param items: active ones, of one or several suites
    :returns: None if the segment is another kind of lookup
    :raises BadLookupError: if parts of it are missing
    """
    match segment.kind:
        case "source":
            return PackageFound(newest(items, f"source:{segment.value}"))
        case "binary":
            name, architecture = _parts(segment, 2)
            keys = {f"binary:{name}_{one}" for one in (architecture, _ALL)}
            return PackageFound(newest(items, *sorted(keys)))
        case "source-version":
            _parts(segment, 2)
            return PackageFound(_named(items, SourcePackage.category, segment.value))
        case "binary-version":
            name, version, architecture = _parts(segment, 3)
            names = {f"{name}_{version}_{one}" for one in (architecture, _ALL)}
            return PackageFound(_named(items, BinaryPackage.category, *names))
        case "index":
            name = f"{INDEX_PREFIX}{segment.value}"
            return PackageFound(_named(items, RepositoryIndex.category, name))
        case _:
            return None


def _named(items: QuerySet[CollectionItem], category: str, *names: str) -> CollectionItem | None:
    return items.filter(category=category, name__in=names).order_by("-rank", "-id").first()


def _parts(segment: Segment, count: int) -> list[str]:
    """
    Take names, versions and architectures apart; none of them holds an underscore.

    :raises BadLookupError: if there are more or fewer
    """
    parts = segment.value.split("_")
    if len(parts) != count or not all(parts):
        raise BadLookupError(f"lookup {str(segment)!r} needs {count} parts with '_' between them")
    return parts


def _built_of(source: Artifact) -> Q:
    """Condition on items that are binary packages of a source package."""
    built = _starts_of({source.pk}, RelationType.BUILT_USING)
    return Q(
        category=BinaryPackage.category,
        artifact_id__in=built,
        data__srcpkg_name=source.data.get("name"),
        data__srcpkg_version=source.data.get("version"),
    )


def _starts_of(targets: set[int], kind: RelationType) -> list[int]:
    """Ids of the artifacts that relate to others so."""
    found = ArtifactRelation.objects.filter(target__in=targets, type=kind.value)
    return list(found.values_list("artifact_id", flat=True))
