# SPDX-License-Identifier: GPL-3.0-or-later
"""The pages: finds them, renders them, renders errors."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import wraps
from http import HTTPStatus
from pathlib import Path
from typing import Any, cast

from django.http import FileResponse, Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import URLPattern, path
from django.utils.http import urlencode

from debusine.errors import DebusineError, NotFoundError, PermissionDeniedError
from debusine.server.actor import Actor
from debusine.util.discovery import load_all

STATIC = Path(__file__).parent / "static"
LOGIN_PATH = "/-/login/"
# everything a page uses comes from this server
_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_TYPES = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8"}

View = Callable[..., HttpResponseBase]


def actor_of(request: HttpRequest) -> Actor:
    """Who asks; the middleware has worked it out."""
    return cast("Actor", request.actor)  # type: ignore[attr-defined]  # set by the middleware


def show(
    request: HttpRequest,
    template: str,
    context: Mapping[str, Any] | None = None,
    *,
    status: int = 200,
) -> HttpResponse:
    """Render a page."""
    response = render(
        request, template, {"actor": actor_of(request), **(context or {})}, status=status
    )
    response["Content-Security-Policy"] = _POLICY
    response["Referrer-Policy"] = "same-origin"
    return response


def page(view: View) -> View:
    """
    Make a function a page: what it raises is shown as one.

    Nobody in particular, who may not see something, is asked to log in.
    """

    @wraps(view)
    def run(request: HttpRequest, **arguments: Any) -> HttpResponseBase:
        try:
            return view(request, **arguments)
        except (NotFoundError, PermissionDeniedError) as error:
            if actor_of(request).user is None and request.method == "GET":
                where = urlencode({"next": request.get_full_path()})
                return HttpResponseRedirect(f"{LOGIN_PATH}?{where}")
            return show(request, "error.html", {"error": error}, status=error.status)
        except DebusineError as error:
            return show(request, "error.html", {"error": error}, status=error.status)

    return run


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:  # noqa: ARG001
    """Show that there is no such page; Django names the parameters."""
    error = NotFoundError("There is no such page", details=request.path)
    return show(request, "error.html", {"error": error}, status=HTTPStatus.NOT_FOUND)


def static_file(_request: HttpRequest, name: str) -> FileResponse:
    """
    Send one of the few files that pages use.

    :raises Http404: if there is none of that name
    """
    file = STATIC / name
    if file.suffix not in _TYPES or not file.is_file():
        raise Http404
    response = FileResponse(file.open("rb"), content_type=_TYPES[file.suffix])
    response["Cache-Control"] = "max-age=3600"
    return response


def pages() -> list[URLPattern]:
    """Addresses of everything in ``pages``, each of which has a list of its ``urls``."""
    found = [path("static/<str:name>", static_file)]
    for module in load_all("debusine.web.pages"):
        found += module.urls
    return found
