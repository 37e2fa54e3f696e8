# SPDX-License-Identifier: GPL-3.0-or-later
"""What collections tell of work requests that have run, and how many of them they keep."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from django.db.models import QuerySet
from pydantic import ValidationError

from debusine.artifacts.bare_data.base import BareData
from debusine.db.models import CollectionItem, WorkRequest
from debusine.domain.permission import MAX_ID
from debusine.domain.validation import lines_by_field, messages_by_field
from debusine.server.collections.base import ItemAdditionError

DEFAULT_KEPT = 5

DataT = TypeVar("DataT", bound=BareData)


def parsed(model: type[DataT], data: Mapping[str, Any]) -> DataT:
    """
    Read what is said of a run.

    :raises ItemAdditionError: if something is missing or wrong; the message names it
    """
    try:
        return model.model_validate(dict(data))
    except ValidationError as error:
        lines = lines_by_field(messages_by_field(error.errors()))
        raise ItemAdditionError("wrong variables", details="\n".join(lines)) from error


def find_run(number: object) -> WorkRequest:
    """
    The work request that an item tells of; one query.

    :raises ItemAdditionError: if there is none
    """
    known = number if isinstance(number, int) and 0 < number <= MAX_ID else 0
    found = WorkRequest.objects.filter(pk=known).first()
    if found is None:
        raise ItemAdditionError(f"there is no work request {number!r:.80}")
    return found


def worker_of(number: int) -> str | None:
    """Name of the worker that a request was given to last, if it was; one query."""
    if not 0 < number <= MAX_ID:
        return None
    requests = WorkRequest.objects.filter(pk=number, worker__isnull=False)
    return requests.values_list("worker__name", flat=True).first()


def kept_count(data: Mapping[str, Any]) -> int:
    """How many old items a collection keeps, by its data."""
    wanted = data.get("old_items_to_keep")
    is_count = isinstance(wanted, int) and not isinstance(wanted, bool) and wanted >= 0
    return wanted if is_count and wanted is not None else DEFAULT_KEPT


def forget(items: QuerySet[CollectionItem], kept: Iterable[int], *, by: CollectionItem) -> None:
    """
    Remove items but those that are kept; they stay as history.

    :param by: the new item that makes them old
    """
    items.exclude(pk__in=[*kept, by.pk]).update(
        removed_at=by.created_at,
        removed_by=by.created_by_id,
        removed_by_work_request=by.created_by_work_request_id,
    )
