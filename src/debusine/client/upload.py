# SPDX-License-Identifier: GPL-3.0-or-later
"""Upload of files: in pieces, taken up again where a connection broke."""

from __future__ import annotations

import io
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import requests

from debusine.client.http import Transport, error_from, unreachable
from debusine.errors import UpstreamError, UserError

CHUNK_BYTES = 50 * 1024 * 1024
_BLOCK_BYTES = 1024 * 1024
_MAX_MISMATCHES = 3
_MAX_FAILURES = 60
NO_SPACE = 507

Progress = Callable[[int], None]


class _Slice:
    """
    A part of a file, as the body of a request.

    It has a length, so that requests sends it with ``Content-Length``, and no
    ``read``, as a new object for every block costs more than sending it.
    """

    def __init__(self, file: io.BufferedReader, start: int, length: int) -> None:
        self._descriptor = file.fileno()
        self._start = start
        self._length = length

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[memoryview]:
        """
        Blocks that are valid until the next one is asked for.

        :raises UserError: if the file has become shorter
        """
        block = memoryview(bytearray(min(_BLOCK_BYTES, self._length)))
        position, end = self._start, self._start + self._length
        while position < end:
            count = os.preadv(self._descriptor, [block[: end - position]], position)
            if not count:
                raise UserError("the file became shorter while it was being uploaded")
            position += count
            yield block[:count]


@dataclass(kw_only=True)
class FileUpload:
    """
    One file on its way.

    :param path: where it belongs in the artifact
    :param progress: called with the number of bytes that newly arrived; negative
        when the server wants some again
    """

    transport: Transport
    artifact_id: int
    path: str
    local: Path
    progress: Progress | None = None
    chunk_bytes: int = CHUNK_BYTES

    def run(self) -> None:
        """
        Upload the file.

        :raises UserError: if its content is not what was declared: it changed meanwhile
        :raises DebusineError: the error the server answers with
        :raises UpstreamError: if the server stays out of reach, or its disk full
        """
        with self.local.open("rb") as file:
            size = self.local.stat().st_size
            for _ in range(_MAX_MISMATCHES):
                if self._send_all(file, size):
                    return
        raise UserError(
            f"{self.local} does not have the content that was declared",
            resolution="Something changes it; try again once it is left alone.",
        )

    def _send_all(self, file: io.BufferedReader, size: int) -> bool:
        """Send everything once; False if the server found another hash."""
        offset, failures, full_s = 0, 0, 0.0
        pauses = self.transport.backoff.pauses()
        while True:
            try:
                response = self._send_chunk(file, offset, size)
            except (requests.ConnectionError, requests.Timeout) as error:
                failures += 1
                if failures > _MAX_FAILURES:
                    raise unreachable(self.transport.base_url, error) from error
                self.transport.sleep(next(pauses))
                offset = self._moved(offset, self._ask_offset(size))
                continue
            if response.status_code == requests.codes.conflict:
                self._moved(offset, 0)
                return False
            if response.status_code == NO_SPACE:
                pause = next(pauses)
                full_s += pause
                if full_s > self.transport.patience_s:
                    raise error_from(response)
                self.transport.sleep(pause)
                # what fitted is kept
                offset = self._moved(offset, self._ask_offset(size))
                continue
            if response.status_code >= requests.codes.server_error:
                failures += 1
                if failures > _MAX_FAILURES:
                    raise error_from(response)
                self.transport.sleep(next(pauses))
                continue
            offset, full_s = self._moved(offset, self._next_offset(response, size)), 0.0
            if response.status_code == requests.codes.created:
                return True

    def _moved(self, old: int, new: int) -> int:
        if self.progress is not None and new != old:
            self.progress(new - old)
        return new

    def _send_chunk(self, file: io.BufferedReader, offset: int, size: int) -> requests.Response:
        length = min(self.chunk_bytes, size - offset)
        headers = {"Content-Range": f"bytes {offset}-{offset + length - 1}/{size}"}
        return self._put(headers, _Slice(file, offset, length))

    def _ask_offset(self, size: int) -> int:
        response = self.transport.call(
            "PUT",
            self._api_path(),
            headers={"Content-Range": f"bytes */{size}"},
            expect=(200, 201, 206),
        )
        # the whole file is there, but only a chunk's answer says whether its hash is right
        if response.status_code != requests.codes.partial_content:
            return max(0, size - 1)
        return min(_range_end(response), max(0, size - 1))

    def _next_offset(self, response: requests.Response, size: int) -> int:
        if response.status_code == requests.codes.created:
            return size
        if response.status_code == requests.codes.ok:
            return _range_end(response)
        raise error_from(response)

    def _put(self, headers: dict[str, str], body: _Slice) -> requests.Response:
        if self.transport.scope is not None:
            headers["X-Debusine-Scope"] = self.transport.scope
        url = f"{self.transport.base_url}/1.0/{self._api_path()}"
        return self.transport.send("PUT", url, headers, {"data": body})

    def _api_path(self) -> str:
        return f"artifact/{self.artifact_id}/files/{quote(self.path)}/"


def _range_end(response: requests.Response) -> int:
    """Read ``Range: bytes=0-N``, where N is the next byte wanted, unlike in HTTP."""
    value = response.headers.get("Range", "")
    match = re.fullmatch(r"bytes=\d+-(\d+)", value)
    if match is None:
        raise UpstreamError(f"the server says {value!r} for how much of a file it has")
    return int(match[1])
