# SPDX-License-Identifier: GPL-3.0-or-later
"""Shares: what users and workspaces are entitled to and have had; for administrators."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from ninja import Router

from debusine.api.answer import answer, answer_list
from debusine.api.request import api_request
from debusine.server.access import require_administrator
from debusine.server.actions.change_share import change_share
from debusine.server.views.share import list_shares, view_share
from debusine.util.clock import SystemClock
from debusine.wire.share import ShareRecord, ShareUpdate

router = Router()
_clock = SystemClock()


@router.get("/share/", response=list[ShareRecord])
def show_shares(request: HttpRequest) -> HttpResponse:
    """List who has had how much of the workers lately."""
    require_administrator(api_request(request).actor, "list shares")
    return answer_list(list_shares(_clock.now()))


@router.put("/share/", response=ShareRecord)
def update_share(request: HttpRequest, body: ShareUpdate) -> HttpResponse:
    """Say what a user or a workspace is entitled to, by weight."""
    now = _clock.now()
    share = change_share(api_request(request).actor, wanted=body, now=now)
    return answer(view_share(share, now))
