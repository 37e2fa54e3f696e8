# SPDX-License-Identifier: GPL-3.0-or-later
"""Declare an artifact and its files; what is known to the workspace need not be uploaded."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from io import BytesIO

from django.db import IntegrityError
from django.db.models import Q

from debusine.artifacts.base import check_data
from debusine.db.models import Artifact, File, FileInArtifact, Scope, Workspace
from debusine.domain.artifact_path import directories_that_are_files, path_problem
from debusine.domain.content_type import is_content_type
from debusine.domain.permission import MAX_ID, Verb, input_artifact_ids
from debusine.errors import PermissionDeniedError, UserError
from debusine.server.access import find_workspace, require
from debusine.server.action import action
from debusine.server.actor import Actor
from debusine.server.stores import EMPTY, Content, Store
from debusine.util.batched import batched
from debusine.wire.artifact import ArtifactCreate, FileCreate

MAX_FILES = 50_000
MAX_DELAY = timedelta(days=100 * 365)
_SHA256 = re.compile(r"[0-9a-f]{64}")
_BATCH = 500


def create_artifact(
    actor: Actor,
    wanted: ArtifactCreate,
    *,
    scope: Scope,
    store: Store,
    now: datetime,
) -> Artifact:
    """
    Make an artifact and the entries of its files.

    :param scope: of the request; ``wanted.workspace`` is looked up there
    :returns: the row, with its workspace and scope loaded
    :raises NotFoundError: if the actor sees no such workspace
    :raises PermissionDeniedError: if it may not create artifacts there, or names a work
        request that it does not run for
    :raises UserError: if category, data or files are not acceptable
    """
    try:
        return _create_artifact(actor, wanted, scope=scope, store=store, now=now)
    except IntegrityError:
        # the row of an unused file was removed just now; the second time it is made anew
        return _create_artifact(actor, wanted, scope=scope, store=store, now=now)


@action
def _create_artifact(
    actor: Actor, wanted: ArtifactCreate, *, scope: Scope, store: Store, now: datetime
) -> Artifact:
    workspace = _check_place(actor, wanted, scope)
    data = check_data(wanted.category, wanted.data)
    contents = _check_files(wanted)
    if EMPTY in contents.values() and not store.exists(EMPTY):
        store.add(BytesIO(), EMPTY)
    files = _file_rows(set(contents.values()), now)
    known = _known_to_caller(actor, workspace, files, store)
    artifact = Artifact.objects.create(
        category=wanted.category,
        workspace=workspace,
        data=data,
        created_at=now,
        expiration_delay=wanted.expiration_delay,
        created_by=None if actor.attempt is not None else actor.user,
        created_by_work_request_id=wanted.work_request,
    )
    FileInArtifact.objects.bulk_create(
        [
            FileInArtifact(
                artifact=artifact,
                path=path,
                file=files[content],
                complete=content in known,
                content_type=wanted.files[path].content_type,
            )
            for path, content in contents.items()
        ],
        batch_size=_BATCH,
    )
    return artifact


def _check_place(actor: Actor, wanted: ArtifactCreate, scope: Scope) -> Workspace:
    """Workspace the artifact goes to, once the caller may put it there."""
    if wanted.work_request is None:
        actor.require_user()
    elif actor.require_attempt().work_request_id != wanted.work_request:
        raise PermissionDeniedError("this token belongs to another work request")
    if actor.attempt is not None and wanted.workspace is None:
        workspace = actor.attempt.work_request.workspace
    else:
        workspace = find_workspace(actor, scope, wanted.workspace)
    require(actor, Verb.CREATE_ARTIFACTS, workspace)
    return workspace


def _check_files(wanted: ArtifactCreate) -> dict[str, Content]:
    """Contents by path, in order of paths; every complaint at once."""
    problems = {
        f"files.{path:.200}": [problem]
        for path, entry in wanted.files.items()
        if (problem := path_problem(path) or _entry_problem(entry)) is not None
    }
    for path in directories_that_are_files(wanted.files):
        problems.setdefault(f"files.{path}", []).append("path is a file and a directory")
    if len(wanted.files) > MAX_FILES:
        problems["files"] = [f"an artifact has at most {MAX_FILES} files"]
    delay = wanted.expiration_delay
    if delay is not None and not timedelta() <= delay <= MAX_DELAY:
        problems["expiration_delay"] = ["must be between 0 and 100 years"]
    if problems:
        raise UserError(
            "Cannot create artifact",
            details="\n".join(f"{field}: {texts[0]}" for field, texts in problems.items())[:2000],
            validation_errors=dict(list(problems.items())[:20]),
        )
    return {
        path: Content(sha256=entry.checksums["sha256"], size_bytes=entry.size)
        for path, entry in sorted(wanted.files.items())
    }


def _entry_problem(entry: FileCreate) -> str | None:
    digest = entry.checksums.get("sha256", "")
    if not _SHA256.fullmatch(digest):
        return "checksums must hold sha256 as 64 lower-case hexadecimal digits"
    if entry.size > MAX_ID:
        return "size is too large"
    if entry.size == 0 and digest != EMPTY.sha256:
        return "sha256 is not that of an empty file"
    if entry.content_type is not None and not is_content_type(entry.content_type):
        return "content_type is malformed"
    return None


def _file_rows(contents: set[Content], now: datetime) -> dict[Content, File]:
    """Rows by content; new ones are inserted, but for empty files without any bytes."""
    ordered = sorted(contents, key=lambda content: (content.sha256, content.size_bytes))
    File.objects.bulk_create(
        [
            File(
                sha256=content.sha256,
                size=content.size_bytes,
                created_at=now,
                stored=content == EMPTY,
            )
            for content in ordered
        ],
        ignore_conflicts=True,
        batch_size=_BATCH,
    )
    found: dict[Content, File] = {}
    for some in batched(ordered, _BATCH):
        digests = [content.sha256 for content in some]
        for row in File.objects.filter(sha256__in=digests):
            found[Content(sha256=row.sha256, size_bytes=row.size)] = row
    return {content: found[content] for content in ordered}


def _known_to_caller(
    actor: Actor, workspace: Workspace, files: Mapping[Content, File], store: Store
) -> set[Content]:
    """
    Contents that need no upload: empty, or complete in an artifact of the workspace.

    The caller could have downloaded them from there, so it learns nothing. A task
    may read less than its workspace holds and gets no more than that here.
    """
    readable = Q(artifact__workspace=workspace)
    if actor.attempt is not None:
        request = actor.attempt.work_request
        inputs = input_artifact_ids(request.dynamic_task_data)
        readable &= Q(artifact__created_by_work_request=request) | Q(artifact__in=inputs)
    stored = [content for content, row in files.items() if row.stored and content != EMPTY]
    complete: set[int] = set()
    for some in batched(stored, _BATCH):
        ids = [files[content].pk for content in some]
        complete.update(
            FileInArtifact.objects.filter(readable, complete=True, file__in=ids)
            .values_list("file_id", flat=True)
            .distinct()
        )
    known = {content for content in stored if files[content].pk in complete}
    return {content for content in known if store.exists(content)} | {EMPTY}
