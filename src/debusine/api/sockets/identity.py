# SPDX-License-Identifier: GPL-3.0-or-later
"""Who is at the other end of a socket."""

from __future__ import annotations

from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth import get_user
from django.contrib.sessions.backends.db import SessionStore
from django.http import HttpRequest, parse_cookie

from debusine.api.sockets.base import RejectedError, Socket
from debusine.db.models import User
from debusine.domain.text import text_problem
from debusine.server.actor import ANONYMOUS, Actor, actor_for_key
from debusine.server.threads import in_thread
from debusine.util.clock import SystemClock


async def actor_of(socket: Socket) -> Actor:
    """
    Work out who connects: by token, else by the session of a browser.

    :raises PermissionDeniedError: for tokens that stand for somebody who may do nothing now
    :raises RejectedError: for sessions that no database could look for
    """
    key = socket.header("token")
    if key is not None:
        return await in_thread(actor_for_key, key, now=SystemClock().now())
    cookie = socket.header("cookie")
    if cookie is None or not _is_same_origin(socket):
        return ANONYMOUS
    session = parse_cookie(cookie).get(settings.SESSION_COOKIE_NAME, "")
    problem = text_problem(session)
    if problem is not None:
        raise RejectedError(f"Cookie: {problem}", "bad_text")
    return await in_thread(_actor_of_session, session)


def _is_same_origin(socket: Socket) -> bool:
    """Whether a page of ours opens the socket; cookies of other pages' users do not count."""
    origin = socket.header("origin")
    return origin is not None and urlsplit(origin).netloc == socket.header("host")


def _actor_of_session(key: str) -> Actor:
    request = HttpRequest()
    request.session = SessionStore(key)
    user = get_user(request)
    return Actor(user=user) if isinstance(user, User) and user.is_active else ANONYMOUS
