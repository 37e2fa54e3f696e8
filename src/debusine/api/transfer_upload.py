# SPDX-License-Identifier: GPL-3.0-or-later
"""
Receive files of artifacts (spec/api.md 2.5, upload protocol).

The body goes to disk block by block; while one block arrives, the one before is
written and hashed at the same time in two threads.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import ParamSpec, TypeVar

from asgiref.typing import ASGIReceiveCallable, ASGISendCallable

from debusine.api.transfer_http import Request, find_scope, identify, send_response
from debusine.domain.byte_range import Chunk, StatusQuery, parse_content_range
from debusine.errors import UserError
from debusine.server.actions.finish_upload import (
    UploadTarget,
    accept_hash,
    begin_upload,
    find_upload,
    show_file,
)
from debusine.server.stores import ContentMismatchError, default_store
from debusine.server.threads import in_thread
from debusine.server.uploads import UploadBusyError, UploadFile, size_of
from debusine.util.clock import SystemClock

P = ParamSpec("P")
R = TypeVar("R")

BLOCK_BYTES = 1024 * 1024
RECEIVE_TIMEOUT_S = 60.0
BUSY_TIMEOUT_S = 65.0
BUSY_PAUSE_S = 0.1
MAX_DRAINED_BYTES = 64 * 1024 * 1024
_POOL = ThreadPoolExecutor(max_workers=8, thread_name_prefix="upload")


class Body:
    """
    The body of a request.

    :param receive: where its pieces come from
    """

    def __init__(self, receive: ASGIReceiveCallable) -> None:
        self._receive = receive
        self._has_more = True

    async def blocks(self) -> AsyncIterator[bytearray]:
        """
        The body in blocks of about 1 MiB; none is empty.

        :raises ConnectionError: if the client goes away or falls silent, after what came
            before has been given
        """
        block = bytearray()
        while self._has_more:
            try:
                async with asyncio.timeout(RECEIVE_TIMEOUT_S):
                    message = await self._receive()
            except TimeoutError:
                message = {"type": "http.disconnect"}
            if message["type"] != "http.request":
                self._has_more = False
                if block:
                    yield block
                raise ConnectionError("the client went away")
            self._has_more = message["more_body"]
            block += message["body"]
            if len(block) >= BLOCK_BYTES:
                yield block
                block = bytearray()
        if block:
            yield block

    async def drain(self) -> None:
        """Take the rest and forget it: a client that still sends does not read the answer."""
        size = 0
        async for block in self.blocks():
            size += len(block)
            if size > MAX_DRAINED_BYTES:
                return


async def upload(
    request: Request, body: Body, send: ASGISendCallable, *, artifact: int, path: str
) -> None:
    """
    Answer one PUT.

    :raises DebusineError: what the client is to be told
    :raises ConnectionError: if there is no one left to tell
    """
    target = await in_thread(_find, request, artifact, path)
    size = target.content.size_bytes
    wanted = parse_content_range(request.headers.get("content-range"), size=size)
    if isinstance(wanted, StatusQuery):
        await _answer_query(target, body, send)
        return
    if target.is_complete:
        await body.drain()
        await send_response(send, 201, {})
        return
    length = _check_length(request, wanted, size)
    file = await _open(request, artifact, path, wanted.start)
    if file is None:
        await body.drain()
        await send_response(send, 201, {})
        return
    try:
        await _receive(file, body, wanted.start, length)
        if wanted.length is not None and file.position != wanted.start + wanted.length:
            raise UserError(
                "Body is shorter than Content-Range",
                details=f"{file.position - wanted.start} of {wanted.length} bytes came",
            )
        if file.received < size:
            await send_response(send, 200, {"Range": f"bytes=0-{file.received}"})
            return
        await _finish(target, file)
    finally:
        await _in_pool(file.close)
    await send_response(send, 201, {})


def _find(request: Request, artifact: int, path: str) -> UploadTarget:
    actor = identify(request)
    scope = find_scope(request)
    return find_upload(actor, scope=scope, artifact=artifact, path=path, store=default_store())


async def _answer_query(target: UploadTarget, body: Body, send: ASGISendCallable) -> None:
    """Say how much has arrived; of a complete file nothing is held any more."""
    async for _ in body.blocks():
        raise UserError("Invalid Content-Range", details="a status query has no body")
    received = 0 if target.temporary is None else size_of(target.temporary)
    done = not target.is_complete and received >= target.content.size_bytes
    await send_response(send, 200 if done else 206, {"Range": f"bytes=0-{received}"})


def _check_length(request: Request, chunk: Chunk, size: int) -> int:
    """
    How many bytes may come.

    :raises UserError: if it is known already that more or fewer come
    """
    allowed = size - chunk.start if chunk.length is None else chunk.length
    declared = request.headers.get("content-length")
    if declared is not None and declared.isdecimal():
        too_long = int(declared) > allowed
        too_short = chunk.length is not None and int(declared) < allowed
        if too_long or too_short:
            raise UserError(
                "Body does not fit Content-Range",
                details=f"{declared} bytes announced, {allowed} expected",
            )
    return allowed


async def _open(request: Request, artifact: int, path: str, start: int) -> UploadFile | None:
    """
    Take hold of the file, waiting for another connection that may have died.

    :returns: None if that other connection completed it
    :raises UploadBusyError: if it goes on for more than a minute
    :raises UserError: if the bytes before ``start`` are missing
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + BUSY_TIMEOUT_S
    while True:
        temporary = await in_thread(_begin, request, artifact, path)
        if temporary is None:
            return None
        received = size_of(temporary)
        if start > received:
            raise UserError(
                "Upload has a gap",
                details=f"{received} bytes have arrived, this part starts at {start}",
            )
        try:
            return await _in_pool(UploadFile, temporary, start=start)
        except UploadBusyError:
            if loop.time() > deadline:
                raise
            await asyncio.sleep(BUSY_PAUSE_S)


def _begin(request: Request, artifact: int, path: str) -> Path | None:
    target = _find(request, artifact, path)
    return None if target.is_complete else begin_upload(target, now=SystemClock().now())


async def _receive(file: UploadFile, body: Body, start: int, length: int) -> None:
    """
    Write and hash what comes.

    :raises UserError: if more than ``length`` bytes come; those within are kept
    :raises NoSpaceError: if the disk is full; what fitted is kept
    """
    under_way: list[asyncio.Future[None]] = []
    came = 0
    try:
        async for block in body.blocks():
            if under_way:
                await asyncio.gather(*under_way)
                under_way = []
            view = memoryview(block)[: length - came]
            came += len(block)
            under_way = [_submit(file.write, view), _submit(file.hash, view)]
            if came > length:
                raise UserError(
                    "Body is longer than it may be",
                    details=f"more than {length} bytes came from offset {start}",
                )
    finally:
        # the file must not be closed below a thread that still writes
        results = await asyncio.gather(*under_way, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result


async def _finish(target: UploadTarget, file: UploadFile) -> None:
    """
    Check, store and show a file whose bytes are all there.

    :raises ContentMismatchError: if the hash is wrong; the bytes are dropped
    :raises NoSpaceError: if the store is full; the bytes are kept
    """
    digest = await _in_pool(file.digest)
    try:
        await in_thread(accept_hash, target, digest)
    except ContentMismatchError:
        await _in_pool(file.drop)
        raise
    await _in_pool(default_store().adopt, file.path, target.content)
    await in_thread(show_file, target)


def _submit(function: Callable[[memoryview], None], data: memoryview) -> asyncio.Future[None]:
    return asyncio.get_running_loop().run_in_executor(_POOL, function, data)


async def _in_pool(function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    return await asyncio.wrap_future(_POOL.submit(function, *args, **kwargs))
