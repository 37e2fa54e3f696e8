# SPDX-License-Identifier: GPL-3.0-or-later
"""Who asks, in which scope, and errors that happen before a view is found."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.cache import patch_vary_headers
from ninja.utils import check_csrf

from debusine.api.problem import error_response, problem_response
from debusine.domain.text import require_storable, storable, text_problem
from debusine.errors import PermissionDeniedError, UserError
from debusine.server.access import require_entry, scope_by_name
from debusine.server.actor import ANONYMOUS, Actor, actor_for_key, touch_token
from debusine.util.clock import SystemClock
from debusine.wire.problem import PROBLEM_CONTENT_TYPE, Problem

GetResponse = Callable[[HttpRequest], HttpResponseBase]
API_PREFIX = "/api/"
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


class DebusineMiddleware:
    """
    Puts ``actor`` on every request and ``scope_row`` on those to the API.

    A token header decides; without one, the session of a browser does, and then
    unsafe methods need their CSRF token.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer one request."""
        is_api = request.path.startswith(API_PREFIX)
        refused = _refuse_text(request, is_api=is_api)
        if refused is not None:
            return refused
        try:
            actor = _actor(request)
        except PermissionDeniedError as error:
            return _plain(HTTPStatus.FORBIDDEN, error.brief)
        request.actor = actor  # type: ignore[attr-defined]  # see api.request.ApiRequest
        if is_api:
            refusal = _refuse(request, actor)
            if refusal is not None:
                return refusal
        response = self._get_response(request)
        if is_api:
            response = _as_problem(request, response)
        patch_vary_headers(response, ("Cookie", "Token"))
        return response


def _refuse_text(request: HttpRequest, *, is_api: bool) -> HttpResponseBase | None:
    """Refuse a request whose address, form or session no database could look for."""
    if text_problem(request.path) is not None:
        if is_api:
            return problem_response(Problem(title="Not found", detail=storable(request.path)), 404)
        return _plain(HTTPStatus.NOT_FOUND, "there is no such page")
    # of repeated parameters the last one counts, as everywhere
    fields = request.GET.dict() | ({} if is_api else request.POST.dict())
    fields["X-Debusine-Scope"] = request.headers.get("X-Debusine-Scope", "")
    fields["Cookie"] = request.COOKIES.get(settings.SESSION_COOKIE_NAME, "")
    try:
        require_storable(fields)
    except UserError as error:
        return error_response(error) if is_api else _plain(HTTPStatus.BAD_REQUEST, error.explain())
    return None


def _actor(request: HttpRequest) -> Actor:
    """
    Work out who asks.

    :raises PermissionDeniedError: for tokens that stand for somebody who may do nothing now
    """
    key = request.headers.get("Token")
    if key is not None:
        now = SystemClock().now()
        actor = actor_for_key(key, now=now)
        if not actor.is_worker and actor.attempt is None and request.user.is_authenticated:
            raise PermissionDeniedError("send a token or the cookie of a session, not both")
        touch_token(actor, now=now)
        return actor
    if request.user.is_authenticated:
        return Actor(user=request.user)
    return ANONYMOUS


def _refuse(request: HttpRequest, actor: Actor) -> HttpResponse | None:
    """Refuse requests of forged pages and to scopes that do not exist; else set the scope."""
    from_session = actor.user is not None and actor.token is None
    if from_session and request.method not in SAFE_METHODS:
        refused: HttpResponse | None = check_csrf(request, lambda: None)
        if refused is not None:
            return _plain(HTTPStatus.FORBIDDEN, "the CSRF token is missing or wrong")
    name = request.headers.get("X-Debusine-Scope") or settings.DEBUSINE.default_scope
    scope = scope_by_name(name)
    if scope is None:
        return _plain(HTTPStatus.NOT_FOUND, f"scope not found: {name}")
    try:
        require_entry(actor, scope)
    except PermissionDeniedError as error:
        return _plain(HTTPStatus.FORBIDDEN, error.brief)
    request.scope_row = scope  # type: ignore[attr-defined]  # see api.request.ApiRequest
    return None


def _as_problem(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    """Replace the HTML pages that Django and ninja make for unknown paths and methods."""
    if response.get("Content-Type") == PROBLEM_CONTENT_TYPE:
        return response
    if response.status_code == HTTPStatus.NOT_FOUND:
        return problem_response(Problem(title="Not found", detail=request.path), 404)
    if response.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        detail = f'Method "{request.method}" not allowed.'
        refusal = problem_response(Problem(title="Error", detail=detail), 405)
        refusal["Allow"] = response.get("Allow", "")
        return refusal
    return response


def _plain(status: HTTPStatus, text: str) -> HttpResponse:
    """Answer without a problem document, which clients take as "token or scope is wrong"."""
    return HttpResponse(f"{text}\n", status=status, content_type="text/plain; charset=utf-8")
