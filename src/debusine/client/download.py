# SPDX-License-Identifier: GPL-3.0-or-later
"""Download of artifacts: every file verified, none outside the destination."""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from collections.abc import Callable, Collection
from pathlib import Path
from typing import IO

import requests
import urllib3

from debusine.client.http import Transport, unreachable
from debusine.errors import UpstreamError
from debusine.wire.artifact import ArtifactResponse, FileResponse

BLOCK_BYTES = 1024 * 1024
_MAX_FAILURES = 20

Progress = Callable[[int], None]


def download_files(
    transport: Transport,
    artifact: ArtifactResponse,
    destination: Path,
    *,
    progress: Progress | None = None,
    only: Collection[str] | None = None,
) -> None:
    """
    Download files of an artifact below a directory.

    :param destination: made if it is missing
    :param only: paths of the files that are wanted; None: all
    :param progress: called with the number of bytes that newly arrived
    :raises UpstreamError: if a size or checksum is wrong, a path leads outside the
        destination, or the server stays out of reach
    """
    destination.mkdir(parents=True, exist_ok=True)
    root = destination.resolve()
    wanted = {path: file for path, file in artifact.files.items() if only is None or path in only}
    targets = {path: _inside(root, path) for path in wanted}
    for path, file in wanted.items():
        targets[path].parent.mkdir(parents=True, exist_ok=True)
        _FileDownload(transport, file, targets[path], progress).run()


def _inside(root: Path, path: str) -> Path:
    target = (root / path).resolve()
    if not path or "\0" in path or target == root or not target.is_relative_to(root):
        raise UpstreamError(f"the server names a file outside of the artifact: {path!r}")
    return target


class _FileDownload:
    """One file on its way; taken up where the connection broke."""

    def __init__(
        self,
        transport: Transport,
        file: FileResponse,
        target: Path,
        progress: Progress | None,
    ) -> None:
        self._transport = transport
        self._file = file
        self._target = target
        self._progress = progress
        self._received = 0
        self._hashes = self._new_hashes()

    def run(self) -> None:
        descriptor, temporary = tempfile.mkstemp(dir=self._target.parent, prefix=".download-")
        try:
            with os.fdopen(descriptor, "wb", buffering=0) as output:
                os.fchmod(descriptor, 0o644)
                self._receive_all(output)
                self._verify()
            Path(temporary).rename(self._target)
        except BaseException:
            with contextlib.suppress(FileNotFoundError):
                Path(temporary).unlink()
            raise

    def _receive_all(self, output: IO[bytes]) -> None:
        failures = 0
        pauses = self._transport.backoff.pauses()
        while self._received < self._file.size:
            before = self._received
            try:
                self._receive(output)
                if self._received == before:
                    break
            except (urllib3.exceptions.HTTPError, requests.RequestException) as error:
                failures = failures + 1 if self._received == before else 1
                if failures > _MAX_FAILURES:
                    raise unreachable(self._transport.base_url, error) from error
                self._transport.sleep(next(pauses))

    def _receive(self, output: IO[bytes]) -> None:
        with self._transport.open_stream(self._file.url, offset=self._received) as response:
            if response.status_code != requests.codes.partial_content and self._received:
                self._start_again(output)
            while block := response.raw.read(BLOCK_BYTES):
                self._received += len(block)
                if self._received > self._file.size:
                    raise UpstreamError(f"{self._file.url} is longer than it should be")
                for digest in self._hashes.values():
                    digest.update(block)
                output.write(block)
                if self._progress is not None:
                    self._progress(len(block))

    def _start_again(self, output: IO[bytes]) -> None:
        if self._progress is not None:
            self._progress(-self._received)
        self._received = 0
        self._hashes = self._new_hashes()
        output.seek(0)
        output.truncate()

    def _new_hashes(self) -> dict[str, hashlib._Hash]:
        names = set(self._file.checksums) & hashlib.algorithms_guaranteed
        return {name: hashlib.new(name, usedforsecurity=False) for name in names | {"sha256"}}

    def _verify(self) -> None:
        if self._received != self._file.size:
            raise UpstreamError(
                f"{self._file.url} has {self._received} bytes instead of {self._file.size}"
            )
        if "sha256" not in self._file.checksums:
            raise UpstreamError(f"the server does not say what SHA-256 {self._file.url} has")
        for name, digest in self._hashes.items():
            expected = self._file.checksums[name]
            if digest.hexdigest() != expected:
                raise UpstreamError(
                    f"{self._file.url} has the {name} {digest.hexdigest()}, not {expected}"
                )
