# SPDX-License-Identifier: GPL-3.0-or-later
"""
Receive files of artifacts.

The body goes to disk block by block; while one block arrives, the one before is
written and hashed at the same time in two threads.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import ParamSpec, TypeVar

from asgiref.typing import ASGIReceiveCallable, ASGISendCallable

from debusine.api.transfer_http import Request, identify, send_response, wanted_scope
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
BLOCK_TIMEOUT_S = 60.0
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
        self._is_broken = False

    async def blocks(self) -> AsyncIterator[list[bytes]]:
        """
        The body in blocks of about 1 MiB, in the pieces in which they came; none is empty.

        :raises ConnectionError: if the client goes away or falls silent, after what came
            before has been given
        """
        while self._has_more:
            block: list[bytes] = []
            try:
                async with asyncio.timeout(BLOCK_TIMEOUT_S):
                    await self._fill(block)
            except TimeoutError:
                self._is_broken = True
            if block:
                yield block
            if self._is_broken:
                self._has_more = False
                raise ConnectionError("the client went away")

    async def _fill(self, block: list[bytes]) -> None:
        size = 0
        while self._has_more and size < BLOCK_BYTES:
            message = await self._receive()
            if message["type"] != "http.request":
                self._is_broken = True
                return
            self._has_more = message["more_body"]
            if message["body"]:
                block.append(message["body"])
                size += len(message["body"])

    async def drain(self) -> None:
        """Take the rest and forget it: a client that still sends does not read the answer."""
        size = 0
        async for block in self.blocks():
            size += sum(map(len, block))
            if size > MAX_DRAINED_BYTES:
                return


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """
    What a request amounts to.

    :param chunk: None for a question about the state
    :param length: how many bytes may come
    :param temporary: where they go; None if the file is complete
    """

    target: UploadTarget
    chunk: Chunk | None
    length: int = 0
    temporary: Path | None = None


async def upload(
    request: Request, body: Body, send: ASGISendCallable, *, artifact: int, path: str
) -> None:
    """
    Answer one PUT.

    :raises DebusineError: what the client is to be told
    :raises ConnectionError: if there is no one left to tell
    """
    plan, file = await _take_hold(request, artifact, path)
    size = plan.target.content.size_bytes
    if plan.chunk is None:
        await _answer_query(plan.target, body, send)
        return
    if file is None:
        await body.drain()
        await send_response(send, 201, {})
        return
    try:
        await _receive(file, body, plan)
        if file.received < size:
            await send_response(send, 200, {"Range": f"bytes=0-{file.received}"})
            return
        await _finish(plan.target, file)
    finally:
        await _in_pool(file.close)
    await send_response(send, 201, {})


async def _take_hold(request: Request, artifact: int, path: str) -> tuple[Plan, UploadFile | None]:
    """
    Decide what to do and open the file, waiting for another connection that may have died.

    :returns: no file if nothing is to be written
    :raises UploadBusyError: if that connection goes on for more than a minute
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + BUSY_TIMEOUT_S
    while True:
        # again in each round: the other connection may have completed the file
        plan = await in_thread(_plan, request, artifact, path)
        if plan.chunk is None or plan.temporary is None:
            return plan, None
        try:
            return plan, await _in_pool(UploadFile, plan.temporary, start=plan.chunk.start)
        except UploadBusyError:
            if loop.time() > deadline:
                raise
            await asyncio.sleep(BUSY_PAUSE_S)


def _plan(request: Request, artifact: int, path: str) -> Plan:
    """
    Find the file and check what the headers say; four queries, more for the first bytes.

    :raises DebusineError: if the request is refused
    """
    actor = identify(request)
    target = find_upload(
        actor,
        scope=wanted_scope(request, actor),
        artifact=artifact,
        path=path,
        store=default_store(),
    )
    size = target.content.size_bytes
    wanted = parse_content_range(request.headers.get("content-range"), size=size)
    if isinstance(wanted, StatusQuery):
        return Plan(target=target, chunk=None)
    if target.is_complete:
        return Plan(target=target, chunk=wanted)
    length = _check_length(request, wanted, size)
    received = 0 if target.temporary is None else size_of(target.temporary)
    if wanted.start > received:
        raise UserError(
            "Upload has a gap",
            details=f"{received} bytes have arrived, this part starts at {wanted.start}",
        )
    temporary = begin_upload(target, now=SystemClock().now())
    return Plan(target=target, chunk=wanted, length=length, temporary=temporary)


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


async def _answer_query(target: UploadTarget, body: Body, send: ASGISendCallable) -> None:
    """Say how much has arrived; of a complete file nothing is held any more."""
    async for _ in body.blocks():
        raise UserError("Invalid Content-Range", details="a status query has no body")
    received = 0 if target.temporary is None else size_of(target.temporary)
    done = not target.is_complete and received >= target.content.size_bytes
    await send_response(send, 200 if done else 206, {"Range": f"bytes=0-{received}"})


async def _receive(file: UploadFile, body: Body, plan: Plan) -> None:
    """
    Write and hash what comes.

    :raises UserError: if more or fewer bytes come than may; those within are kept
    :raises NoSpaceError: if the disk is full; what fitted is kept
    """
    under_way: list[asyncio.Future[None]] = []
    came = 0
    try:
        async for block in body.blocks():
            if under_way:
                await asyncio.gather(*under_way)
                under_way = []
            pieces = _first(block, plan.length - came)
            came += sum(map(len, block))
            under_way = [_submit(file.write, pieces), _submit(file.hash, pieces)]
            if came > plan.length:
                raise UserError(
                    "Body is longer than it may be", details=f"more than {plan.length} bytes came"
                )
    finally:
        # the file must not be closed below a thread that still writes
        results = await asyncio.gather(*under_way, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
    if plan.chunk is not None and plan.chunk.length is not None and came < plan.length:
        raise UserError(
            "Body is shorter than Content-Range", details=f"{came} of {plan.length} bytes came"
        )


async def _finish(target: UploadTarget, file: UploadFile) -> None:
    """
    Check, store and show a file whose bytes are all there.

    :raises ContentMismatchError: if the hash is wrong; the bytes are dropped
    :raises NoSpaceError: if the store is full; the bytes are kept
    """
    digest = await _in_pool(file.digest)
    try:
        await in_thread(accept_hash, target, digest, now=SystemClock().now())
    except ContentMismatchError:
        await _in_pool(file.drop)
        raise
    await _in_pool(default_store().adopt, file.path, target.content)
    await in_thread(show_file, target)


def _first(pieces: list[bytes], count: int) -> list[bytes]:
    """As many bytes as there may be."""
    if sum(map(len, pieces)) <= count:
        return pieces
    return [b"".join(pieces)[:count]]


def _submit(function: Callable[[list[bytes]], None], pieces: list[bytes]) -> asyncio.Future[None]:
    return asyncio.get_running_loop().run_in_executor(_POOL, function, pieces)


async def _in_pool(function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    return await asyncio.wrap_future(_POOL.submit(function, *args, **kwargs))
