# SPDX-License-Identifier: GPL-3.0-or-later
"""
File transfer: an ASGI application beside Django, which would hold bodies in memory.

It takes ``PUT /api/1.0/artifact/ID/files/PATH/`` and ``GET`` of
``/SCOPE/WORKSPACE/artifact/ID/download/...`` and ``raw/...``.
"""

from __future__ import annotations

import contextlib
import re

import structlog
from asgiref.typing import ASGIReceiveCallable, ASGISendCallable, HTTPScope

from debusine.api.transfer_download import Wanted, download
from debusine.api.transfer_http import Request, send_error, send_response
from debusine.api.transfer_upload import Body, upload
from debusine.domain.text import require_storable, storable, text_problem
from debusine.errors import BugError, DebusineError, NotFoundError

log = structlog.get_logger(__name__)

_UPLOAD = re.compile(
    r"/api/1\.0/artifact/(?P<artifact>[0-9]{1,18})/files/(?P<path>.+?)/?", re.DOTALL
)
_DOWNLOAD = re.compile(
    r"/(?P<scope>[^/]+)/(?P<workspace>[^/]+)/artifact/(?P<artifact>[0-9]{1,18})"
    r"/(?P<how>download|raw)/(?P<path>.*)",
    re.DOTALL,
)


def handles(scope: HTTPScope) -> bool:
    """Whether a request is for this application."""
    return _match(scope) is not None


def _match(scope: HTTPScope) -> re.Match[str] | None:
    if scope["method"] == "PUT":
        return _UPLOAD.fullmatch(scope["path"])
    if scope["method"] in {"GET", "HEAD"}:
        return _DOWNLOAD.fullmatch(scope["path"])
    return None


def _require_storable(request: Request) -> None:
    """
    Refuse what no database could look for.

    :raises NotFoundError: if the path holds it
    :raises UserError: if a parameter or the scope does
    """
    if text_problem(request.path) is not None:
        raise NotFoundError("Not found", details=storable(request.path))
    scope = request.headers.get("x-debusine-scope", "")
    require_storable({"X-Debusine-Scope": scope, **request.query})


async def application(
    scope: HTTPScope, receive: ASGIReceiveCallable, send: ASGISendCallable
) -> None:
    """Answer one request that :func:`handles` said yes to."""
    request = Request.of(scope)
    body = Body(receive)
    match = _match(scope)
    if match is None:
        await send_response(send, 404, {})
        return
    try:
        _require_storable(request)
        if request.method == "PUT":
            await upload(request, body, send, artifact=int(match["artifact"]), path=match["path"])
        else:
            await download(request, send, Wanted.of(match))
    except DebusineError as error:
        with contextlib.suppress(ConnectionError):
            await body.drain()
            await send_error(send, error)
    except ConnectionError:
        log.debug("transfer-broke-off", path=request.path)
    except Exception:
        log.exception("transfer-failed", path=request.path, method=request.method)
        with contextlib.suppress(ConnectionError, RuntimeError):
            await send_error(send, BugError("the transfer failed", details="See the server's log."))
