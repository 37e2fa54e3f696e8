# SPDX-License-Identifier: GPL-3.0-or-later
"""
Remove what was begun to be uploaded and never finished.

Rows go before the bytes that they name, so whoever is killed in between leaves bytes
without a row, and those are looked for as well. Every round takes a bounded part; any
number of rounds may run beside each other, and beside uploads.
"""

from __future__ import annotations

import contextlib
import fcntl
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

import structlog
from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from debusine.db.models import (
    Artifact,
    ArtifactRelation,
    CollectionItem,
    FileInArtifact,
    FileUpload,
)

BATCH = 200

log = structlog.get_logger(__name__)


def remove_abandoned(
    directory: Path, *, before: datetime, writing: Path, batch: int = BATCH
) -> int:
    """
    Do one round.

    :param directory: where the bytes of uploads lie
    :param before: what had no activity since then is abandoned
    :param writing: where the store writes what it copies
    :param batch: how many things of a sort are looked at
    :returns: how much was done; call again unless it is 0
    """
    removed = (
        _remove_uploads(directory, before, batch)
        + _remove_artifacts(before, batch)
        + _remove_bytes(directory, before, batch)
        + _remove_bytes(writing, before, batch)
    )
    if removed:
        log.info("abandoned-uploads-removed", count=removed)
    return removed


def _remove_uploads(directory: Path, before: datetime, batch: int) -> int:
    """Forget uploads that nothing is added to; the client can begin anew."""
    idle = FileUpload.objects.filter(last_activity_at__lt=before).order_by("last_activity_at")
    settled = 0
    for upload in idle[:batch]:
        # a request that lasts is noted at its beginning only
        written_at = _written_at(directory / upload.temporary_name)
        this = FileUpload.objects.filter(pk=upload.pk, last_activity_at__lt=before)
        if written_at is not None and written_at >= before:
            this.update(last_activity_at=written_at)
        else:
            this.delete()
        settled += 1
    return settled


def _remove_artifacts(before: datetime, batch: int) -> int:
    """Remove artifacts whose files did not all come, unless a collection holds them."""
    # two steps, as a database that joins may begin with all artifacts there are
    missing = FileInArtifact.objects.filter(complete=False).order_by("artifact")
    incomplete = missing.values_list("artifact", flat=True).distinct()
    removed = last = 0
    while removed < batch and (some := list(incomplete.filter(artifact__gt=last)[:batch])):
        last = some[-1]
        found = _abandoned(before).filter(pk__in=some).values_list("pk", flat=True)
        removed += sum(_remove_artifact(pk, before) for pk in list(found))
    return removed


def _abandoned(before: datetime) -> QuerySet[Artifact]:
    uploads = FileUpload.objects.filter(file_in_artifact__artifact=OuterRef("pk"))
    items = CollectionItem.objects.filter(artifact=OuterRef("pk"))
    return Artifact.objects.filter(
        ~Exists(uploads),
        ~Exists(items),
        Q(last_upload_at=None) | Q(last_upload_at__lt=before),
        created_at__lt=before,
    )


@transaction.atomic
def _remove_artifact(pk: int, before: datetime) -> bool:
    files = FileInArtifact.objects.filter(artifact=pk)
    # whoever adds a file or an upload of this artifact waits for this transaction
    locked = _abandoned(before).filter(pk=pk).select_for_update(of=("self",)).first()
    if locked is None or not files.filter(complete=False).exists():
        return False
    ArtifactRelation.objects.filter(Q(artifact=pk) | Q(target=pk)).delete()
    locked.delete()
    return True


def _remove_bytes(directory: Path, before: datetime, batch: int) -> int:
    """Remove old files that no row names."""
    old = _old_files(directory, before)
    removed = 0
    while removed < batch and (paths := list(islice(old, batch))):
        named = FileUpload.objects.filter(temporary_name__in=[path.name for path in paths])
        kept = set(named.values_list("temporary_name", flat=True))
        removed += sum(_unlink_unused(path) for path in paths if path.name not in kept)
    return removed


def _old_files(directory: Path, before: datetime) -> Iterator[Path]:
    if not directory.is_dir():
        return
    for path in directory.iterdir():
        written_at = _written_at(path)
        if written_at is not None and written_at < before:
            yield path


def _unlink_unused(path: Path) -> bool:
    """Remove a file unless a connection holds it."""
    with contextlib.suppress(FileNotFoundError, BlockingIOError), path.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        path.unlink()
        return True
    return False


def _written_at(path: Path) -> datetime | None:
    try:
        return datetime.fromtimestamp(path.stat().st_mtime, tz=UTC)
    except FileNotFoundError:
        return None
