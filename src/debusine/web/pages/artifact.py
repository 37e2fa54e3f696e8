# SPDX-License-Identifier: GPL-3.0-or-later
"""Artifacts: their data, files and relations."""

from __future__ import annotations

import json

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import path

from debusine.server.access import find_artifact, find_scope
from debusine.server.views.artifact import expire_at, view_artifact
from debusine.web.app import actor_of, page, show


@page
def show_artifact(request: HttpRequest, scope: str, workspace: str, pk: int) -> HttpResponseBase:
    """Show an artifact."""
    actor = actor_of(request)
    row = find_artifact(actor, pk, scope=find_scope(actor, scope), workspace=workspace)
    record = view_artifact(row, base_url="")
    context = {
        "artifact": row,
        "record": record,
        "expire_at": expire_at(row),
        "data": json.dumps(row.data, indent=2, ensure_ascii=False),
        "files": sorted(record.files.items()),
        "incomplete": set(record.files_to_upload),
        "relations": row.relations.select_related("target__workspace__scope").order_by("pk"),
        "targeted_by": row.targeted_by.select_related("artifact__workspace__scope").order_by("pk"),
        "made_by": row.created_by_work_request,
    }
    return show(request, "artifact/show.html", context)


urls = [path("<str:scope>/<str:workspace>/artifact/<int:pk>/", show_artifact)]
