# SPDX-License-Identifier: GPL-3.0-or-later
"""Workspaces: what they inherit from."""

from __future__ import annotations

from collections.abc import Iterable

from django.http import HttpResponse
from ninja import Router

from debusine.api.answer import answer
from debusine.api.request import ApiRequest
from debusine.db.models import Workspace
from debusine.server.access import find_workspace
from debusine.server.actions.change_inheritance import change_inheritance
from debusine.server.inheritance import visible_parents
from debusine.wire.workspace import ChainElement, InheritanceChain, InheritanceChainWanted

router = Router()


def _view(parents: Iterable[Workspace]) -> InheritanceChain:
    return InheritanceChain(
        chain=[ChainElement(id=row.pk, scope=row.scope.name, workspace=row.name) for row in parents]
    )


@router.get(
    "workspace/{workspace}/inheritance/", response=InheritanceChain, summary="Show inheritance"
)
def show_inheritance(request: ApiRequest, workspace: str) -> HttpResponse:
    """Show what a workspace inherits from, as far as you may see it."""
    request.actor.require_user()
    place = find_workspace(request.actor, request.scope_row, workspace)
    return answer(_view(visible_parents(request.actor, place)))


@router.post(
    "workspace/{workspace}/inheritance/", response=InheritanceChain, summary="Change inheritance"
)
def set_inheritance(
    request: ApiRequest, workspace: str, wanted: InheritanceChainWanted
) -> HttpResponse:
    """Set what a workspace inherits from; for its owners."""
    request.actor.require_user()
    place = find_workspace(request.actor, request.scope_row, workspace)
    parents = change_inheritance(
        request.actor, workspace=place, scope=request.scope_row, wanted=wanted.chain
    )
    return answer(_view(parents))
