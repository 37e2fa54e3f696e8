# SPDX-License-Identifier: GPL-3.0-or-later
"""Send files of artifacts, whole or in part, and tarballs of several."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from typing import BinaryIO, ParamSpec, TypeVar

from asgiref.typing import ASGISendCallable
from django.db.models import Q

from debusine.api.transfer_http import Request, identify, send_response
from debusine.db.models import Artifact, FileInArtifact
from debusine.domain.artifact_path import disposition, path_problem
from debusine.domain.byte_range import parse_range
from debusine.domain.content_type import content_type_of
from debusine.errors import NotFoundError, UserError
from debusine.server.access import find_artifact, find_scope
from debusine.server.stores import Content, Store, default_store
from debusine.server.tarball import Member, tarball
from debusine.server.threads import in_thread

P = ParamSpec("P")
R = TypeVar("R")

BLOCK_BYTES = 1024 * 1024
_POOL = ThreadPoolExecutor(max_workers=8, thread_name_prefix="download")


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """
    What a URL names.

    :param path: of a file or directory in the artifact; empty for the artifact itself
    :param inline: show it in the browser rather than save it
    """

    scope: str
    workspace: str
    artifact: int
    path: str
    inline: bool

    @classmethod
    def of(cls, match: re.Match[str]) -> Wanted:
        """Read a URL that was taken apart."""
        return cls(
            scope=match["scope"],
            workspace=match["workspace"],
            artifact=int(match["artifact"]),
            path=match["path"].removesuffix("/"),
            inline=match["how"] == "raw",
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class FoundFile:
    """One file to send."""

    path: str
    content: Content
    content_type: str
    modified_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class FoundTarball:
    """Several files to send as one tarball."""

    name: str
    members: list[Member]
    modified_at: datetime


async def download(request: Request, send: ASGISendCallable, wanted: Wanted) -> None:
    """
    Answer one GET or HEAD.

    :raises DebusineError: what the client is to be told
    """
    found = await in_thread(_find, request, wanted)
    if isinstance(found, FoundTarball):
        await _send_tarball(request, send, found)
    else:
        await _send_file(request, send, found, inline=wanted.inline)


def _find(request: Request, wanted: Wanted) -> FoundFile | FoundTarball:
    """
    Find what a URL names; two queries beside those for the token.

    :raises NotFoundError: if there is nothing, or nothing that the caller may see
    :raises PermissionDeniedError: if the caller may not see the scope
    :raises UserError: if it is a directory and no tarball is asked for
    """
    archive = request.query.get("archive", "auto")
    if archive not in {"auto", "tar.gz"}:
        raise UserError("Invalid archive", details=f"archive is auto or tar.gz, not {archive:.50}")
    actor = identify(request)
    try:
        row = find_artifact(actor, wanted.artifact)
    except NotFoundError:
        find_scope(actor, wanted.scope)
        raise
    if (row.workspace.scope.name, row.workspace.name) != (wanted.scope, wanted.workspace):
        raise NotFoundError("Artifact not found", details=f"Artifact {wanted.artifact} not found")
    entries = _entries(row, wanted.path)
    complete = [entry for entry in entries if entry.complete]
    is_file = len(complete) == 1 and complete[0].path == wanted.path
    if archive == "auto" and (is_file or (not wanted.path and len(complete) == 1)):
        (entry,) = complete
        return FoundFile(
            path=entry.path,
            content=Content(sha256=entry.file.sha256, size_bytes=entry.file.size),
            content_type=content_type_of(entry.path, entry.content_type),
            modified_at=row.created_at,
        )
    if wanted.path and not complete:
        state = "not complete" if entries else "not there"
        raise NotFoundError("File not found", details=f"{wanted.path:.500} is {state}")
    if wanted.path and archive != "tar.gz":
        raise UserError(
            "This is a directory", details="Directories are sent with ?archive=tar.gz only."
        )
    suffix = "-" + wanted.path.replace("/", "_") if wanted.path else ""
    return FoundTarball(
        name=f"artifact-{wanted.artifact}{suffix}.tar.gz",
        members=[
            Member(
                path=entry.path,
                content=Content(sha256=entry.file.sha256, size_bytes=entry.file.size),
            )
            for entry in complete
        ],
        modified_at=row.created_at,
    )


def _entries(artifact: Artifact, path: str) -> list[FileInArtifact]:
    """Files at and below a path, in order of their paths."""
    if path and path_problem(path):
        return []
    entries = FileInArtifact.objects.filter(artifact=artifact).select_related("file")
    below = f"{path}/"
    if path:
        entries = entries.filter(Q(path=path) | Q(path__startswith=below))
    # SQLite compares the beginnings without regard to case
    return [
        entry
        for entry in entries.order_by("path")
        if not path or entry.path == path or entry.path.startswith(below)
    ]


async def _send_file(
    request: Request, send: ASGISendCallable, found: FoundFile, *, inline: bool
) -> None:
    size = found.content.size_bytes
    etag = f'"{found.content.sha256}"'
    headers = {
        "Accept-Ranges": "bytes",
        "Cache-Control": "private",
        "Content-Disposition": disposition(
            "inline" if inline else "attachment", found.path.rpartition("/")[2]
        ),
        "Content-Type": found.content_type,
        "ETag": etag,
        "Last-Modified": format_datetime(found.modified_at, usegmt=True),
        "X-Content-Type-Options": "nosniff",
    }
    if etag in _tags(request.headers.get("if-none-match", "")):
        await send_response(send, 304, {name: headers[name] for name in ("Cache-Control", "ETag")})
        return
    is_same = request.headers.get("if-range", etag) == etag
    part = parse_range(request.headers.get("range") if is_same else None, size=size)
    offsets = range(size) if part is None else part
    headers["Content-Length"] = str(len(offsets))
    if size:
        headers["Content-Range"] = f"bytes {offsets.start}-{offsets.stop - 1}/{size}"
    status = 200 if part is None else 206
    if request.method == "HEAD" or not offsets:
        await send_response(send, status, headers)
        return
    file = await _in_pool(_open, default_store(), found.content)
    try:
        # the first block is read before the answer begins: an error can still be said
        pieces = _pieces(file, offsets)
        block = await _in_pool(next, pieces, None)
        await send_response(send, status, headers, has_more=True)
        await _send_pieces(send, block, pieces)
    finally:
        await _in_pool(file.close)


async def _send_tarball(request: Request, send: ASGISendCallable, found: FoundTarball) -> None:
    headers = {
        "Cache-Control": "private",
        "Content-Disposition": disposition("attachment", found.name),
        "Content-Type": "application/octet-stream",
        "Last-Modified": format_datetime(found.modified_at, usegmt=True),
        "X-Content-Type-Options": "nosniff",
    }
    if request.method == "HEAD":
        await send_response(send, 200, headers, has_more=True)
        await send({"type": "http.response.body", "body": b"", "more_body": False})
        return
    pieces = tarball(found.members, open_file=default_store().open, modified_at=found.modified_at)
    try:
        block = await _in_pool(next, pieces, None)
        await send_response(send, 200, headers, has_more=True)
        await _send_pieces(send, block, pieces)
    finally:
        await _in_pool(pieces.close)


async def _send_pieces(
    send: ASGISendCallable, block: bytes | None, pieces: Iterator[bytes]
) -> None:
    """Send blocks; the next one is made while one is under way."""
    while block is not None:
        following = asyncio.ensure_future(_in_pool(next, pieces, None))
        try:
            await send({"type": "http.response.body", "body": block, "more_body": True})
        finally:
            block = await following
    await send({"type": "http.response.body", "body": b"", "more_body": False})


def _open(store: Store, content: Content) -> BinaryIO:
    """
    Open a file of the store.

    :raises NotFoundError: if the store has lost it
    """
    try:
        return store.open(content)
    except FileNotFoundError as exc:
        raise NotFoundError(
            "File is lost",
            details=f"The store does not hold {content.sha256}, {content.size_bytes} bytes.",
            resolution="Upload it again, or restore the store from a backup.",
        ) from exc


def _pieces(file: BinaryIO, offsets: range) -> Iterator[bytes]:
    file.seek(offsets.start)
    left = len(offsets)
    while left:
        block = file.read(min(BLOCK_BYTES, left))
        if not block:
            message = "a stored file is shorter than its name says"
            raise EOFError(message)
        left -= len(block)
        yield block


def _tags(header: str) -> set[str]:
    """Entity tags of a header, the weak ones without their mark."""
    return {tag.strip().removeprefix("W/") for tag in header.split(",")}


async def _in_pool(function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    return await asyncio.wrap_future(_POOL.submit(function, *args, **kwargs))
