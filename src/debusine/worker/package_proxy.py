# SPDX-License-Identifier: GPL-3.0-or-later
"""
An HTTP proxy for the APT of tasks, which keeps the packages that it passes on.

Nobody can put a file into it: it fetches each from the URL that is asked for, and keeps what
came under that URL alone. Whoever reads it compares it with the signed indexes, as APT does
with every file of a mirror.

:source: RFC 9110, RFC 9111
"""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Iterator, Mapping
from datetime import timedelta

import aiohttp
import structlog
from aiohttp import web
from yarl import URL

from debusine.worker.package_store import CachedPackage, Draft, PackageOrigin, PackageStore

FRESH = timedelta(hours=1)
"""How long a file is passed on without asking the mirror whether it is still the same."""
CHUNK_BYTES = 256 * 1024
_KEPT_SUFFIXES = (".deb", ".udeb")
_PASSED_TO_MIRROR = (
    "Accept", "Authorization", "Cache-Control", "If-Modified-Since", "If-None-Match", "If-Range",
    "Range", "User-Agent",
)  # fmt: skip
_PASSED_BACK = (
    "Accept-Ranges", "Age", "Content-Encoding", "Content-Length", "Content-Range", "Content-Type",
    "Date", "ETag", "Last-Modified", "Location", "Retry-After", "WWW-Authenticate",
)  # fmt: skip
_KEPT_HEADERS = ("Content-Type", "ETag", "Last-Modified")
# such a request is about more than the file
_SPECIAL = ("Authorization", "If-Modified-Since", "If-None-Match", "If-Range", "Range")
_TIMEOUT = aiohttp.ClientTimeout(total=None, sock_connect=30, sock_read=120)

log = structlog.get_logger(__name__)


class PackageProxy:
    """
    Answers the APT of tasks.

    :param session: to mirrors, made by :func:`make_session`
    """

    def __init__(self, store: PackageStore, session: aiohttp.ClientSession) -> None:
        self._store = store
        self._session = session
        self._name = f"debusine-{secrets.token_hex(8)}"

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer a request."""
        url = request.url
        refusal = self._refusal(request, url)
        if refusal is not None:
            return refusal
        is_kept = (
            request.method == "GET"
            and url.path.endswith(_KEPT_SUFFIXES)
            and not any(name in request.headers for name in _SPECIAL)
        )
        package = self._store.find(str(url)) if is_kept else None
        try:
            if package is not None and self._store.is_fresh(package, FRESH):
                return await self._answer(request, package, checked=False)
            return await self._ask_mirror(request, url, package, keep=is_kept)
        except FileNotFoundError:
            # another agent has just removed it
            return await self._ask_mirror(request, url, None, keep=is_kept)
        except (aiohttp.ClientError, TimeoutError) as error:
            if package is not None:
                # whoever gets it checks it anyway
                return await self._answer(request, package, checked=False)
            log.info("mirror-not-reached", host=url.host, problem=type(error).__name__)
            return web.Response(status=502, text=f"cannot reach {url.host}: {error}\n")

    def _refusal(self, request: web.BaseRequest, url: URL) -> web.Response | None:
        if request.method not in {"GET", "HEAD"}:
            return web.Response(status=405, headers={"Allow": "GET, HEAD"})
        if not request.raw_path.startswith("http://") or not url.host or url.user is not None:
            return web.Response(status=400, text="this is a proxy for URLs that begin with http:\n")
        if self._name in request.headers.get("Via", ""):
            return web.Response(status=508, text="this is the proxy itself\n")
        return None

    async def _ask_mirror(
        self, request: web.BaseRequest, url: URL, package: CachedPackage | None, *, keep: bool
    ) -> web.StreamResponse:
        headers = {**_chosen(request.headers, _PASSED_TO_MIRROR), "Via": f"1.1 {self._name}"}
        if package is not None:
            headers |= _conditions(package)
        async with self._session.request(
            request.method, url, headers=headers, allow_redirects=False
        ) as answer:
            if package is not None and answer.status == web.HTTPNotModified.status_code:
                return await self._answer(request, package, checked=True)
            response = web.StreamResponse(
                status=answer.status,
                reason=answer.reason,
                headers=_chosen(answer.headers, _PASSED_BACK),
            )
            draft = self._draft(url, answer) if keep else None
            await _pass_on(request, answer, response, draft)
            return response

    def _draft(self, url: URL, answer: aiohttp.ClientResponse) -> Draft | None:
        size = answer.content_length
        is_whole = answer.status == web.HTTPOk.status_code and size is not None
        if not is_whole or "Content-Encoding" in answer.headers:
            return None
        headers = _chosen(answer.headers, _KEPT_HEADERS)
        try:
            return self._store.draft(PackageOrigin(url=str(url), size=size or 0, headers=headers))
        except OSError as error:
            log.warning("package-not-kept", problem=str(error))
            return None

    async def _answer(
        self, request: web.BaseRequest, package: CachedPackage, *, checked: bool
    ) -> web.StreamResponse:
        """
        Pass on a file that is here.

        :raises FileNotFoundError: if it was removed meanwhile; nothing is sent then
        """
        self._store.used(package, checked=checked)
        response = web.StreamResponse(headers=package.origin.headers)
        response.content_length = package.origin.size
        with package.open() as file, _breaking_off(request):
            await response.prepare(request)
            while data := file.read(CHUNK_BYTES):
                await response.write(data)
            await response.write_eof()
        return response


def make_session() -> aiohttp.ClientSession:
    """Make a session to mirrors that changes nothing of what they send."""
    return aiohttp.ClientSession(
        auto_decompress=False,
        timeout=_TIMEOUT,
        skip_auto_headers=("Accept", "Accept-Encoding", "User-Agent"),
        cookie_jar=aiohttp.DummyCookieJar(),
    )


async def _pass_on(
    request: web.BaseRequest,
    answer: aiohttp.ClientResponse,
    response: web.StreamResponse,
    draft: Draft | None,
) -> None:
    """Send a body while it comes, and keep it."""
    is_kept = draft is not None
    try:
        with _breaking_off(request):
            await response.prepare(request)
            async for data in answer.content.iter_chunked(CHUNK_BYTES):
                is_kept = is_kept and _keep(draft, data)
                await response.write(data)
            await response.write_eof()
    finally:
        if draft is not None:
            with contextlib.suppress(OSError):
                draft.close()


@contextlib.contextmanager
def _breaking_off(request: web.BaseRequest) -> Iterator[None]:
    """End the connection if an answer that has begun cannot be sent whole."""
    try:
        yield
    except (aiohttp.ClientError, OSError, TimeoutError):
        if request.transport is not None:
            request.transport.abort()


def _keep(draft: Draft | None, data: bytes) -> bool:
    """Keep a piece; if that fails, the task gets its file all the same."""
    try:
        if draft is not None:
            draft.write(data)
    except OSError as error:
        log.warning("package-not-kept", problem=str(error))
        return False
    return True


def _chosen(headers: Mapping[str, str], names: tuple[str, ...]) -> dict[str, str]:
    return {name: headers[name] for name in names if name in headers}


def _conditions(package: CachedPackage) -> dict[str, str]:
    """Ask for a file only if it is another one (RFC 9110 13.1)."""
    known = package.origin.headers
    if "ETag" in known:
        return {"If-None-Match": known["ETag"]}
    return {"If-Modified-Since": known["Last-Modified"]} if "Last-Modified" in known else {}
