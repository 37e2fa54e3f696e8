# SPDX-License-Identifier: GPL-3.0-or-later
"""Environments on demand: an addition of ours."""

from __future__ import annotations

from django.http import HttpResponse
from ninja import Router

from debusine.api.answer import answer
from debusine.api.request import ApiRequest
from debusine.server.access import find_workspace
from debusine.server.actions.ensure_environment import ensure_environment
from debusine.util.clock import SystemClock
from debusine.wire.environment import EnvironmentAnswer, EnvironmentWanted

router = Router()


@router.post("environment/{workspace}/", response=EnvironmentAnswer, summary="Ensure environment")
def ensure(request: ApiRequest, workspace: str, wanted: EnvironmentWanted) -> HttpResponse:
    """Find an environment to build in that is young enough, or have one made."""
    request.actor.require_user()
    place = find_workspace(request.actor, request.scope_row, workspace)
    return answer(
        ensure_environment(request.actor, workspace=place, wanted=wanted, now=SystemClock().now())
    )
