# SPDX-License-Identifier: GPL-3.0-or-later
"""Log in, by password or by a token, and out."""

from __future__ import annotations

from django.contrib.auth import authenticate, login, logout
from django.http import HttpRequest, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.urls import path
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_http_methods, require_POST

from debusine.db.models import TokenType, User
from debusine.errors import PermissionDeniedError
from debusine.server.actor import actor_for_key
from debusine.util.clock import SystemClock
from debusine.web.app import page, show

_BACKEND = "django.contrib.auth.backends.ModelBackend"


@require_http_methods(["GET", "HEAD", "POST"])
@page
def log_in(request: HttpRequest) -> HttpResponseBase:
    """Ask who it is."""
    target = request.POST.get("next") or request.GET.get("next") or "/"
    if not url_has_allowed_host_and_scheme(target, allowed_hosts={request.get_host()}):
        target = "/"
    if request.method != "POST":
        return show(request, "account/login.html", {"next": target})
    user = _user(request)
    if user is None:
        context = {"next": target, "problem": "Name and password, or token, are not valid."}
        return show(request, "account/login.html", context, status=403)
    login(request, user, backend=_BACKEND)
    return HttpResponseRedirect(target)


@require_POST
def log_out(request: HttpRequest) -> HttpResponseRedirect:
    """Forget who it is."""
    logout(request)
    return HttpResponseRedirect("/")


def _user(request: HttpRequest) -> User | None:
    """Who the form says it is, if that is true."""
    key = request.POST.get("token", "").strip()
    if not key:
        found = authenticate(
            request,
            username=request.POST.get("username", ""),
            password=request.POST.get("password", ""),
        )
        return found if isinstance(found, User) else None
    try:
        actor = actor_for_key(key, now=SystemClock().now())
    except PermissionDeniedError:
        return None
    if actor.token is None or actor.token.token_type != TokenType.USER:
        return None
    return actor.user


urls = [path("-/login/", log_in), path("-/logout/", log_out)]
