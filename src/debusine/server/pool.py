# SPDX-License-Identifier: GPL-3.0-or-later
"""The pool of an archive: a file of it has one content, whichever suite it is in."""

from __future__ import annotations

from debusine.artifacts.kinds.source_package import SourcePackage
from debusine.db.models import Collection, CollectionItem, FileInArtifact, ItemConstraint
from debusine.server.collections.base import SINGLETON_NAME, ItemAdditionError

ARCHIVE = "debian:archive"
CONSTRAINT = "pool-file"
_LIB = "lib"


def archive_of(collection: Collection) -> Collection | None:
    """The archive of the workspace that a suite is in; one query."""
    return Collection.objects.filter(
        workspace=collection.workspace_id, category=ARCHIVE, name=SINGLETON_NAME
    ).first()


def claim_files(item: CollectionItem) -> None:
    """
    Note what the files of a new item contain, for its suite and the archive.

    The suite is locked; the archive is locked here, so that no other suite claims the same.

    :param item: a package
    :raises ItemAdditionError: if the pool has one of the files with another content
    """
    contents = _contents(item)
    archive = archive_of(item.collection)
    places = [item.collection_id]
    if archive is not None:
        Collection.objects.select_for_update().get(pk=archive.pk)
        places.append(archive.pk)
    known = ItemConstraint.objects.filter(
        collection__in=places, name=CONSTRAINT, key__in=contents
    ).values_list("key", "value")
    for key, value in known:
        if contents[key] != value:
            raise ItemAdditionError(
                f"{key} already exists in the archive pool with another content",
                resolution="Give the package another version.",
            )
    ItemConstraint.objects.bulk_create(
        ItemConstraint(collection_id=place, name=CONSTRAINT, key=key, value=value, item_id=item.pk)
        for place in places
        for key, value in contents.items()
    )


def release_files(item: CollectionItem) -> None:
    """Let files of a removed item come again with another content, if suite or archive allow it."""
    if may_reuse_versions(item.collection):
        ItemConstraint.objects.filter(item_id=item.pk, name=CONSTRAINT).delete()


def may_reuse_versions(suite: Collection) -> bool:
    """Whether a version may come again with other files: the suite says so, or the archive."""
    if suite.data.get("may_reuse_versions"):
        return True
    archive = archive_of(suite)
    return archive is not None and bool(archive.data.get("may_reuse_versions"))


def pool_directory(component: str, source: str) -> str:
    """
    Where the files of a source package and its binaries are.

    >>> pool_directory("main", "libfoo"), pool_directory("main", "hello")
    ('pool/main/libf/libfoo', 'pool/main/h/hello')
    """
    prefix = source[:4] if source.startswith(_LIB) else source[:1]
    return f"pool/{component}/{prefix}/{source}"


def _contents(item: CollectionItem) -> dict[str, str]:
    """Path in the pool and hash of every file of an item."""
    is_source = item.category == SourcePackage.category
    source = item.data["package" if is_source else "srcpkg_name"]
    directory = pool_directory(item.data["component"], source)
    files = FileInArtifact.objects.filter(artifact=item.artifact_id).values_list(
        "path", "file__sha256"
    )
    return {f"{directory}/{path.rpartition('/')[2]}": f"sha256:{sha256}" for path, sha256 in files}
