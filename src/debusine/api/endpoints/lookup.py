# SPDX-License-Identifier: GPL-3.0-or-later
"""Lookups; people only, tasks get theirs resolved beforehand."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from django.http import HttpResponse
from ninja import Router

from debusine.api.answer import answer, answer_list
from debusine.api.request import ApiRequest
from debusine.domain.lookup import (
    BadLookupError,
    LookupChildType,
    LookupMultiple,
    NoMatchError,
)
from debusine.domain.lookup import parse_single as as_single
from debusine.errors import NotFoundError, UserError
from debusine.server.access import find_workspace
from debusine.server.lookup import Found, Searcher
from debusine.server.views.lookup import view_found
from debusine.wire.lookup import LookupRequest, LookupResult

ResultT = TypeVar("ResultT")

router = Router()
_OLD_TYPES = {
    "b": LookupChildType.BARE,
    "a": LookupChildType.ARTIFACT,
    "c": LookupChildType.COLLECTION,
}


@router.post("lookup/single/", response=LookupResult, summary="Look up")
def look_up_single(request: ApiRequest, wanted: LookupRequest) -> HttpResponse:
    """Find one thing."""
    searcher = _searcher(request, wanted)

    def search() -> Found:
        return searcher.single(as_single(wanted.lookup), _expected(wanted))

    return answer(view_found(_explained(search)))


@router.post("lookup/multiple/", response=list[LookupResult], summary="Look up")
def look_up_multiple(request: ApiRequest, wanted: LookupRequest) -> HttpResponse:
    """Find everything that matches; the answer is not divided into pages."""
    searcher = _searcher(request, wanted)

    def search() -> list[Found]:
        return searcher.multiple(LookupMultiple.parse(wanted.lookup), _expected(wanted))

    return answer_list([view_found(found) for found in _explained(search)])


def _searcher(request: ApiRequest, wanted: LookupRequest) -> Searcher:
    request.actor.require_user()
    return Searcher(
        actor=request.actor,
        workspace=find_workspace(request.actor, request.scope_row, wanted.workspace),
        default_category=wanted.default_category,
        workflow_root=wanted.workflow_root,
    )


def _expected(wanted: LookupRequest) -> LookupChildType:
    """
    What the client expects; older ones say it with a letter.

    :raises BadLookupError: if there is no such type
    """
    if wanted.expect_type in _OLD_TYPES:
        return _OLD_TYPES[wanted.expect_type]
    try:
        return LookupChildType(wanted.expect_type)
    except ValueError as exc:
        raise BadLookupError(f"unknown expect_type {wanted.expect_type!r:.50}") from exc


def _explained(search: Callable[[], ResultT]) -> ResultT:
    """
    Name errors the way clients know them.

    :raises NotFoundError: if nothing matches
    :raises UserError: if the lookup is wrong
    """
    try:
        return search()
    except NoMatchError as error:
        raise NotFoundError("No matches", details=str(error)) from error
    except BadLookupError as error:
        raise UserError("Lookup error", details=str(error)) from error
