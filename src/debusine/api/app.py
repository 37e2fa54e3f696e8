# SPDX-License-Identifier: GPL-3.0-or-later
"""The API: finds its endpoints, renders their errors, describes itself as OpenAPI."""

from __future__ import annotations

import inspect
from typing import Any

import structlog
from django.db import OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from ninja import NinjaAPI
from ninja.errors import HttpError, ValidationError
from ninja.operation import PathView

import debusine
from debusine.api.parser import StrictParser
from debusine.api.problem import error_response, problem_response
from debusine.api.request import api_request
from debusine.domain.validation import messages_by_field
from debusine.errors import DebusineError, PermissionDeniedError
from debusine.server.actor import ANONYMOUS
from debusine.server.full_disk import error_of_database
from debusine.util.discovery import load_all
from debusine.wire.problem import Problem

log = structlog.get_logger(__name__)


def _operation_name(request: HttpRequest) -> str:
    """What the caller wanted, as in "create work request"."""
    match = request.resolver_match
    # ninja wraps the view of a path in a function and keeps no other trace of it
    view = inspect.getclosurevars(match.func).nonlocals.get("self") if match else None
    if isinstance(view, PathView):
        for operation in view.operations:
            if request.method in operation.methods:
                return (operation.summary or "").lower()
    return "read the request"


def _on_debusine_error(request: HttpRequest, error: Any) -> HttpResponse:
    is_refusal = isinstance(error, PermissionDeniedError) and error.resolution is None
    if is_refusal and "Token" in request.headers and api_request(request).actor is ANONYMOUS:
        error.resolution = "The token that was sent is unknown, disabled or expired."
    return error_response(error)


def _on_invalid(request: HttpRequest, error: Any) -> HttpResponse:
    """Answer for a body, path or query that does not fit; locations start (body, parameter)."""
    fields: dict[str, Any] = {}
    for one in error.errors:
        skip = 2 if one["loc"][:1] == ("body",) else 1
        for path, messages in messages_by_field([one], skip=skip).items():
            fields.setdefault(path, []).extend(messages)
    problem = Problem(title=f"Cannot {_operation_name(request)}", validation_errors=fields)
    return problem_response(problem, 400)


def _on_http_error(request: HttpRequest, error: Any) -> HttpResponse:
    # ninja wraps what the parser raises
    if isinstance(error.__cause__, DebusineError):
        return _on_debusine_error(request, error.__cause__)
    return problem_response(Problem(title="Error", detail=str(error)), error.status_code)


def _on_missing(_request: HttpRequest, _error: Any) -> HttpResponse:
    return problem_response(Problem(title="Object not found"), 404)


def _on_database_error(request: HttpRequest, error: Any) -> HttpResponse:
    """Answer when the database cannot do its part: it is busy, away, or its disk is full."""
    answer = error_of_database(error)
    if answer is not None:
        return error_response(answer)
    log.error("request-failed", path=request.path, method=request.method, exc_info=error)
    return problem_response(Problem(title="The database does not answer"), 503)


def _on_bug(request: HttpRequest, error: Any) -> HttpResponse:
    """Answer for what nobody expected: 400, as a 5xx would make clients repeat the call."""
    log.error("request-failed", path=request.path, method=request.method, exc_info=error)
    return problem_response(Problem(title="Error"), 400)


def make_api() -> NinjaAPI:
    """Collect the ``router`` of every module in ``debusine.api.endpoints``."""
    api = NinjaAPI(
        title="Debusine",
        version=debusine.__version__,
        urls_namespace="api",
        docs_url=None,
        openapi_url="/openapi.json",
        parser=StrictParser(),
    )
    api.add_exception_handler(DebusineError, _on_debusine_error)
    api.add_exception_handler(ValidationError, _on_invalid)
    api.add_exception_handler(HttpError, _on_http_error)
    api.add_exception_handler(Http404, _on_missing)
    api.add_exception_handler(OperationalError, _on_database_error)
    api.add_exception_handler(Exception, _on_bug)
    for module in load_all("debusine.api.endpoints"):
        router = getattr(module, "router", None)
        if router is not None:
            api.add_router("", router, tags=[module.__name__.rsplit(".", 1)[1]])
    return api


api = make_api()
