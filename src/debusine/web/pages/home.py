# SPDX-License-Identifier: GPL-3.0-or-later
"""What runs, what waits, who is there to do it."""

from __future__ import annotations

from django.db.models import Count, Q
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import path

from debusine.db.models import Worker, Workspace
from debusine.server.access import visible_workspaces
from debusine.server.views.work_request import visible_work_requests
from debusine.web.app import actor_of, page, show

_SHOWN = 25


@page
def home(request: HttpRequest) -> HttpResponseBase:
    """Show the latest requests, workspaces and workers."""
    actor = actor_of(request)
    context = {
        "requests": visible_work_requests(actor).order_by("-pk")[:_SHOWN],
        "workspaces": Workspace.objects.filter(visible_workspaces(actor))
        .select_related("scope")
        .order_by("scope__name", "name"),
        "workers": _workers() if actor.user is not None else [],
    }
    return show(request, "home.html", context)


def _workers() -> list[Worker]:
    return list(
        Worker.objects.annotate(
            running=Count("attempts", filter=Q(attempts__ended_at=None))
        ).order_by("name")
    )


urls = [path("", home)]
