# SPDX-License-Identifier: GPL-3.0-or-later
"""Listings by page number."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse

from debusine.api.answer import answer
from debusine.errors import NotFoundError
from debusine.wire.base import WireModel
from debusine.wire.page import Page

PAGE_SIZE = 10
_MAX_PAGE = 10**9

RowT = TypeVar("RowT", bound=Model)
ItemT = TypeVar("ItemT", bound=WireModel)


def answer_page(
    request: HttpRequest, rows: QuerySet[RowT], view: Callable[[RowT], ItemT]
) -> HttpResponse:
    """
    Answer with the page of a listing that the query names; two queries.

    :param rows: in a stable order
    :raises NotFoundError: if there is no such page
    """
    text = request.GET.get("page", "1")
    number = int(text) if text.isascii() and text.isdecimal() else 0
    count = rows.count()
    last = max(1, -(-count // PAGE_SIZE))
    if not 1 <= number <= min(last, _MAX_PAGE):
        raise NotFoundError("Error", details="Invalid page.")
    start = (number - 1) * PAGE_SIZE
    page = Page[ItemT](
        count=count,
        next=_link(request, number + 1) if number < last else None,
        previous=_link(request, number - 1) if number > 1 else None,
        results=[view(row) for row in rows[start : start + PAGE_SIZE]],
    )
    return answer(page)


def _link(request: HttpRequest, number: int) -> str:
    query = request.GET.copy()
    query["page"] = str(number)
    return request.build_absolute_uri(f"{request.path}?{query.urlencode()}")
