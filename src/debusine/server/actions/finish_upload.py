# SPDX-License-Identifier: GPL-3.0-or-later
"""Receive the files of an artifact: find where one goes, seal it when all bytes are there."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from django.conf import settings
from django.db import transaction
from django.db.models import BigIntegerField, TextField

from debusine.db.models import Artifact, File, FileInArtifact, FileUpload, Scope
from debusine.db.prepared import Param, Prepared
from debusine.domain.artifact_path import path_problem
from debusine.errors import NotFoundError
from debusine.server.access import find_artifact, require_change
from debusine.server.actor import Actor
from debusine.server.stores import Content, ContentMismatchError, Store

ACTIVITY_STEP = timedelta(minutes=5)

_ENTRY = Prepared(
    lambda: FileInArtifact.objects.select_related("file", "upload").filter(
        artifact=Param("artifact", BigIntegerField()), path=Param("path", TextField())
    )
)


@dataclass(frozen=True, kw_only=True, slots=True)
class UploadTarget:
    """
    A declared file.

    :param entry: id of its :class:`FileInArtifact`
    :param temporary: where its bytes lie until it is complete; None before the first
    """

    entry: int
    content: Content
    is_complete: bool
    temporary: Path | None


def find_upload(
    actor: Actor, *, scope: Scope, artifact: int, path: str, store: Store
) -> UploadTarget:
    """
    Find the file that a client wants to upload.

    An upload that was interrupted between its check and its end is finished here.

    :param scope: of the request
    :raises NotFoundError: if the actor does not see the artifact, or it has no such file
    :raises PermissionDeniedError: if the actor may not upload to it
    """
    row = find_artifact(actor, artifact, scope=scope)
    require_change(actor, row)
    entry = None if path_problem(path) else _ENTRY.first(artifact=row.pk, path=path)
    if entry is None:
        raise NotFoundError(
            "File not found in artifact", details=f"No file {path:.500} in artifact {artifact}"
        )
    content = Content(sha256=entry.file.sha256, size_bytes=entry.file.size)
    upload = None if entry.complete else getattr(entry, "upload", None)
    temporary = None if upload is None else settings.DEBUSINE.upload_dir / upload.temporary_name
    if upload is not None and temporary is not None and upload.verified:
        if temporary.exists():
            store.adopt(temporary, content)
        if store.exists(content):
            done = UploadTarget(entry=entry.pk, content=content, is_complete=True, temporary=None)
            show_file(done)
            return done
        upload.delete()
        temporary = None
    return UploadTarget(
        entry=entry.pk, content=content, is_complete=entry.complete, temporary=temporary
    )


def begin_upload(target: UploadTarget, *, now: datetime) -> Path:
    """
    Note that bytes are about to come.

    :returns: where they go
    """
    if target.temporary is not None:
        # a write takes longer than the rest of the request: only when it says something new
        FileUpload.objects.filter(
            file_in_artifact=target.entry, last_activity_at__lt=now - ACTIVITY_STEP
        ).update(last_activity_at=now)
        return target.temporary
    upload, _ = FileUpload.objects.get_or_create(
        file_in_artifact_id=target.entry,
        defaults={"temporary_name": secrets.token_hex(16), "last_activity_at": now},
    )
    directory: Path = settings.DEBUSINE.upload_dir
    return directory / upload.temporary_name


def accept_hash(target: UploadTarget, digest: str, *, now: datetime) -> None:
    """
    Decide about bytes that have all arrived.

    Killed after this, the upload is finished by :func:`find_upload`.

    :param digest: SHA-256 of what arrived
    :raises ContentMismatchError: if it is not the declared one; the upload is forgotten,
        and the caller removes its bytes
    """
    upload = FileUpload.objects.filter(file_in_artifact=target.entry)
    if digest == target.content.sha256:
        upload.update(verified=True)
        Artifact.objects.filter(files=target.entry).update(last_upload_at=now)
        return
    upload.delete()
    raise ContentMismatchError(
        "The uploaded file has another hash than declared",
        details=f"SHA-256 is {digest}, declared was {target.content.sha256}; "
        "what was uploaded is dropped",
    )


@transaction.atomic
def show_file(target: UploadTarget) -> None:
    """
    Show a file that the store holds, and its twins of the same content in the artifact.

    :raises NotFoundError: if the artifact was removed while its file came
    """
    entry = FileInArtifact.objects.filter(pk=target.entry).first()
    if entry is None:
        raise NotFoundError("File not found in artifact", details="the artifact was removed")
    File.objects.filter(pk=entry.file_id).update(stored=True)
    FileInArtifact.objects.filter(artifact=entry.artifact_id, file=entry.file_id).update(
        complete=True
    )
    FileUpload.objects.filter(file_in_artifact=target.entry).delete()
