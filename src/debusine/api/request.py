# SPDX-License-Identifier: GPL-3.0-or-later
"""What the middleware adds to a request."""

from __future__ import annotations

from typing import cast

from django.http import HttpRequest

from debusine.db.models import Scope
from debusine.server.actor import Actor


class ApiRequest(HttpRequest):
    """A request that knows who asks and in which scope; only a type, never constructed."""

    actor: Actor
    scope_row: Scope


def api_request(request: HttpRequest) -> ApiRequest:
    """The same request, as the type that the middleware has made of it."""
    return cast("ApiRequest", request)
