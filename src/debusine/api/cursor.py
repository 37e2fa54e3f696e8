# SPDX-License-Identifier: GPL-3.0-or-later
"""Listings by cursor, newest first: their cost does not depend on how far one has gone."""

from __future__ import annotations

import re
from typing import TypeVar

from django.db.models import Model, QuerySet
from django.http import HttpRequest

from debusine.domain.permission import MAX_ID
from debusine.errors import UserError

PAGE_SIZE = 10
# "b" for before (older), "a" for after (newer) an id
_FORM = re.compile(r"(?P<direction>[ab])(?P<id>[0-9]{1,19})")

Row = TypeVar("Row", bound=Model)


def read_page(
    request: HttpRequest, rows: QuerySet[Row], *, page_size: int = PAGE_SIZE
) -> tuple[list[Row], str | None, str | None]:
    """
    Read the page that a request's ``cursor`` names; one query.

    :param rows: unordered; larger ids are newer
    :returns: the rows, and absolute URLs of the next (older) and previous (newer) page
    :raises UserError: if the cursor is none of ours
    """
    text = request.GET.get("cursor")
    match = _FORM.fullmatch(text) if text is not None else None
    if text is not None and (match is None or int(match["id"]) > MAX_ID):
        raise UserError("Error", details="Invalid cursor")
    is_backwards = match is not None and match["direction"] == "a"
    if match is not None:
        border = int(match["id"])
        rows = rows.filter(pk__gt=border) if is_backwards else rows.filter(pk__lt=border)
    found = list(rows.order_by("pk" if is_backwards else "-pk")[: page_size + 1])
    is_cut = len(found) > page_size
    page = found[:page_size]
    if is_backwards:
        page.reverse()
    has_older = is_backwards or is_cut
    has_newer = is_cut if is_backwards else match is not None
    older = _url(request, f"b{page[-1].pk}") if page and has_older else None
    newer = _url(request, f"a{page[0].pk}") if page and has_newer else None
    return page, older, newer


def _url(request: HttpRequest, cursor: str) -> str:
    """URL of the same listing with another cursor."""
    query = request.GET.copy()
    query["cursor"] = cursor
    return request.build_absolute_uri(f"{request.path}?{query.urlencode()}")
