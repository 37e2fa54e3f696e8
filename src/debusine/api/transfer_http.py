# SPDX-License-Identifier: GPL-3.0-or-later
"""What uploads and downloads share: reading requests, who asks, sending answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from importlib import import_module
from urllib.parse import parse_qsl

from asgiref.typing import ASGISendCallable, HTTPScope
from django.conf import settings
from django.contrib.auth import get_user
from django.http import HttpRequest

from debusine.db.models import Scope, User
from debusine.domain.text import require_storable
from debusine.errors import DebusineError
from debusine.server.access import find_scope
from debusine.server.actor import ANONYMOUS, Actor, actor_for_key, touch_token
from debusine.util.clock import SystemClock
from debusine.wire.problem import PROBLEM_CONTENT_TYPE, Problem

Headers = Mapping[str, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """
    A request without its body.

    :param headers: by name in lower case; of several with one name, the last
    :param query: of several parameters with one name, the last
    """

    method: str
    path: str
    headers: Headers
    query: Mapping[str, str]

    @classmethod
    def of(cls, scope: HTTPScope) -> Request:
        """Read the head of a request."""
        return cls(
            method=scope["method"],
            path=scope["path"],
            headers={
                name.decode("latin1").lower(): value.decode("latin1")
                for name, value in scope["headers"]
            },
            query=dict(parse_qsl(scope["query_string"].decode("latin1"), keep_blank_values=True)),
        )


def identify(request: Request) -> Actor:
    """
    Work out who asks, by token, for downloads also by the session of a browser.

    :raises PermissionDeniedError: for tokens that stand for somebody who may do nothing now,
        and those of attempts that have ended
    :raises UserError: for sessions that no database could look for
    """
    key = request.headers.get("token")
    if key is not None:
        now = SystemClock().now()
        actor = actor_for_key(key, now=now)
        actor.require_alive()
        touch_token(actor, now=now)
        return actor
    if request.method in {"GET", "HEAD"} and "cookie" in request.headers:
        return _from_session(request.headers["cookie"])
    return ANONYMOUS


def wanted_scope(request: Request, actor: Actor) -> Scope:
    """
    The scope that a request to the API names.

    :raises NotFoundError: if there is none of that name
    :raises PermissionDeniedError: if the actor may not see it
    """
    return find_scope(
        actor, request.headers.get("x-debusine-scope") or settings.DEBUSINE.default_scope
    )


async def send_response(
    send: ASGISendCallable,
    status: int,
    headers: Headers,
    body: bytes = b"",
    *,
    has_more: bool = False,
) -> None:
    """
    Begin an answer.

    :param headers: with ``Content-Length`` if ``has_more``, unless the length is unknown
    :param body: all of it, or its beginning
    :param has_more: the caller sends the rest
    """
    sent = {"Vary": "Cookie, Token", **headers}
    if not has_more:
        sent.setdefault("Content-Length", str(len(body)))
    await send(
        {
            "type": "http.response.start",
            "status": status,
            "headers": [
                (name.lower().encode("latin1"), value.encode("latin1"))
                for name, value in sent.items()
            ],
            "trailers": False,
        }
    )
    if body or not has_more:
        await send({"type": "http.response.body", "body": body, "more_body": has_more})


async def send_error(send: ASGISendCallable, error: DebusineError) -> None:
    """Answer with a problem document; 5xx stay what they are, uploads are resumed after them."""
    detail = [part for part in (error.details, error.resolution) if part]
    problem = Problem(
        title=error.brief,
        detail="\n".join([*detail, f"Error code: {error.code}."]),
        validation_errors=error.validation_errors,
    )
    body = problem.model_dump_json(exclude_none=True).encode()
    await send_response(send, error.status, {"Content-Type": PROBLEM_CONTENT_TYPE}, body)


def _from_session(header: str) -> Actor:
    try:
        cookie = SimpleCookie(header).get(settings.SESSION_COOKIE_NAME)
    except CookieError:
        return ANONYMOUS
    if cookie is None:
        return ANONYMOUS
    require_storable({"Cookie": cookie.value})
    request = HttpRequest()
    request.session = import_module(settings.SESSION_ENGINE).SessionStore(cookie.value)
    user = get_user(request)
    return Actor(user=user) if isinstance(user, User) else ANONYMOUS
