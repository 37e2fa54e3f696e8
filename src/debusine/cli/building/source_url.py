# SPDX-License-Identifier: GPL-3.0-or-later
"""Fetch a source package from the web: the .dsc, then the files it lists."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote, unquote, urljoin, urlsplit

import requests
import urllib3

from debusine.artifacts.deb822 import ListedFile, is_file_name, read_dsc
from debusine.client.http import make_session
from debusine.errors import UpstreamError, UserError
from debusine.util.apt_sources import strip_credentials
from debusine.util.network_error import reason_of

MAX_DSC_BYTES = 1024 * 1024
MAX_TOTAL_BYTES = 8 * 1024**3
MAX_REDIRECTS = 5
TIMEOUT = (10, 60)
_BLOCK_BYTES = 1024 * 1024

Progress = Callable[[str, int, int], None]
"""Called with the name of a file, its size and the bytes that newly arrived."""


def fetch_url(url: str, directory: Path, *, progress: Progress | None = None) -> Path:
    """
    Download a .dsc and the files it lists.

    :param directory: an empty directory
    :returns: the .dsc
    :raises UserError: if the URL names no .dsc, or the .dsc is malformed or too large
    :raises UpstreamError: if a file cannot be had, or differs from what the .dsc says
    """
    name = unquote(urlsplit(url).path.rpartition("/")[2])
    if urlsplit(url).scheme not in {"http", "https"}:
        raise UserError(
            f"cannot download from {strip_credentials(url)}",
            resolution="Give an http or https URL.",
        )
    if not name.endswith(".dsc") or not is_file_name(name):
        raise UserError(f"not the URL of a .dsc file: {strip_credentials(url)}")
    session = make_session(url)
    dsc = directory / name
    with _opened(session, url) as response, dsc.open("wb") as output:
        for block in _blocks(response, MAX_DSC_BYTES, name):
            output.write(block)
    listed = read_dsc(dsc).listed
    total = sum(file.size_bytes for file in listed.values())
    if total > MAX_TOTAL_BYTES:
        raise UserError(
            f"{name} lists {total} bytes of files; at most {MAX_TOTAL_BYTES} are downloaded",
            resolution="Download it by other means and give the path of the .dsc.",
        )
    for file in listed.values():
        _fetch(session, urljoin(url, quote(file.name)), directory / file.name, file, progress)
    return dsc


def _fetch(
    session: requests.Session,
    url: str,
    target: Path,
    file: ListedFile,
    progress: Progress | None,
) -> None:
    digests = {name: hashlib.new(name, usedforsecurity=False) for name in file.hexdigests}
    received = 0
    with _opened(session, url) as response, target.open("xb") as output:
        for block in _blocks(response, file.size_bytes, file.name):
            received += len(block)
            output.write(block)
            for digest in digests.values():
                digest.update(block)
            if progress is not None:
                progress(file.name, file.size_bytes, len(block))
    wrong = [
        name for name, digest in digests.items() if digest.hexdigest() != file.hexdigests[name]
    ]
    if received != file.size_bytes or wrong:
        what = f"has a wrong {', '.join(wrong)}" if received == file.size_bytes else "is too short"
        raise UpstreamError(
            f"{file.name}, as downloaded, {what}",
            details=f"From {strip_credentials(url)}: {received} of {file.size_bytes} bytes.",
            resolution="Try again, or take the source package from another server.",
        )


@contextmanager
def _opened(session: requests.Session, url: str) -> Iterator[requests.Response]:
    """Follow redirects ourselves: never from https to something that anybody can read along."""
    shown = strip_credentials(url)
    for _ in range(MAX_REDIRECTS + 1):
        try:
            response = session.get(url, stream=True, timeout=TIMEOUT, allow_redirects=False)
        except requests.RequestException as error:
            raise UpstreamError(f"cannot download {shown}", details=reason_of(error)) from error
        with response:
            if not response.is_redirect:
                if response.status_code != requests.codes.ok:
                    raise UpstreamError(
                        f"cannot download {shown}: the server says {response.status_code}"
                        f" {response.reason}"
                    )
                yield response
                return
            target = urljoin(url, response.headers["Location"])
        allowed = {"https"} if urlsplit(url).scheme == "https" else {"http", "https"}
        if urlsplit(target).scheme not in allowed:
            raise UpstreamError(f"cannot download {shown}: it redirects to something insecure")
        url = target
    raise UpstreamError(f"cannot download {shown}: too many redirects")


def _blocks(response: requests.Response, limit_bytes: int, name: str) -> Iterator[bytes]:
    response.raw.decode_content = False
    left = limit_bytes
    try:
        while block := response.raw.read(_BLOCK_BYTES):
            left -= len(block)
            if left < 0:
                raise UpstreamError(f"{name}, as served, is larger than {limit_bytes} bytes")
            yield block
    # raw reads raise errors of urllib3, which requests does not translate
    except (OSError, urllib3.exceptions.HTTPError) as error:
        raise UpstreamError(
            f"the download of {name} broke off", details=reason_of(error)
        ) from error
