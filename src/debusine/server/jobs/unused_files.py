# SPDX-License-Identifier: GPL-3.0-or-later
"""
Remove files that no artifact has any longer.

A file is first said not to be stored, so that nobody relies on it from then on; whoever
wants it uploads it again. Only then do its bytes go, and in the end its row. Killed in
between, the next night goes on; and an artifact that takes the file up again meanwhile
keeps it.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet

from debusine.db.models import File, FileInArtifact
from debusine.server.stores import EMPTY, Content, default_store

BATCH = 200
# between the row of a new file and the artifact that declares it lies one transaction
_MIN_AGE = timedelta(hours=1)


def remove_files(now: datetime, *, batch: int = BATCH) -> int:
    """
    Remove a part of them.

    :returns: how many there were; 0 if none is left
    """
    pks = list(_unused(now).order_by("pk").values_list("pk", flat=True)[:batch])
    _unused(now).filter(pk__in=pks).update(stored=False)
    return sum(_remove(pk, now) for pk in pks)


def _unused(now: datetime) -> QuerySet[File]:
    return File.objects.filter(
        ~Exists(FileInArtifact.objects.filter(file=OuterRef("pk"))),
        created_at__lt=now - _MIN_AGE,
    ).exclude(sha256=EMPTY.sha256)


@transaction.atomic
def _remove(pk: int, now: datetime) -> bool:
    """
    Remove one, unless an artifact has it by now.

    Who declares it at this moment waits, and then has to begin again, see
    :func:`debusine.server.actions.create_artifact.create_artifact`.
    """
    row = _unused(now).select_for_update(of=("self",)).filter(pk=pk, stored=False).first()
    if row is None:
        return False
    default_store().delete(Content(sha256=row.sha256, size_bytes=row.size))
    row.delete()
    return True
