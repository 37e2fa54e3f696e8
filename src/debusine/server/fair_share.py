# SPDX-License-Identifier: GPL-3.0-or-later
"""
What users and workspaces have had of the workers, and how much later they come for it.

Charges are made after the commit of what they are for, each in a transaction of its own, so that
nobody waits for a row of shares while holding another one. A charge that is lost
with a killed server fades like all others would have.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial

from django.conf import settings
from django.db import connection, transaction
from django.db.models import BigIntegerField

from debusine.db.models import Attempt, Share, WorkRequest
from debusine.db.prepared import Param, Prepared, PreparedValues
from debusine.db.queries import named_query
from debusine.domain.fair_share import EXPECTED_S, Used, charge, lateness
from debusine.domain.scheduling import order_number

# who was not among the last ones has had nothing that still counts much
_ACTIVE = 100

_COLUMNS = ("used_s", "updated_s", "weight")
_USERS = PreparedValues(
    lambda: (
        Share.objects.filter(user__isnull=False)
        .order_by("-updated_s")
        .values_list("user_id", *_COLUMNS)[:_ACTIVE]
    )
)
_WORKSPACES = PreparedValues(
    lambda: (
        Share.objects.filter(workspace__isnull=False)
        .order_by("-updated_s")
        .values_list("workspace_id", *_COLUMNS)[:_ACTIVE]
    )
)
_USER = Prepared(lambda: Share.objects.filter(user=Param("owner", BigIntegerField())))
_WORKSPACE = Prepared(lambda: Share.objects.filter(workspace=Param("owner", BigIntegerField())))


def place(request: WorkRequest, *, now: datetime) -> int:
    """
    Work out a request's place in the queue; two queries unless fair share is off.

    :param request: with priority, author, workspace and time of creation
    :returns: smaller is sooner
    """
    priority = request.priority_base + request.priority_adjustment
    return order_number(priority, request.created_at + _lateness(request, now=now))


def expect(request: WorkRequest, *, now: datetime) -> None:
    """Charge what a request is expected to cost, once it is committed that it waits."""
    _charge_on_commit(request, EXPECTED_S, now=now)


def charge_attempt(attempt: Attempt, *, now: datetime) -> None:
    """
    Charge what an attempt cost, once it is committed that it ended.

    :param attempt: its request is asked for unless it is loaded
    """
    duration_s = (now - attempt.started_at).total_seconds()
    cost_s = charge(duration_s=duration_s, is_first=attempt.number == 1)
    if cost_s:
        _charge_on_commit(attempt.work_request, cost_s, now=now)


def _lateness(request: WorkRequest, *, now: datetime) -> timedelta:
    """The sum of what the user and the workspace bring, within the limit."""
    server = settings.DEBUSINE
    limit: timedelta = server.fair_share_max
    if not limit:
        return timedelta()
    total = timedelta()
    owners = (
        (_USERS, _USER, request.created_by_id),
        (_WORKSPACES, _WORKSPACE, request.workspace_id),
    )
    for active, one, owner in owners:
        rows = {
            pk: Used(used_s=used_s, updated_s=updated_s, weight=weight)
            for pk, used_s, updated_s, weight in active.all()
        }
        total += lateness(
            rows.pop(owner) if owner in rows else _inactive(one, owner),
            rows.values(),
            now_s=now.timestamp(),
            half_life=server.fair_share_half_life,
            limit=limit,
        )
    return max(-limit, min(limit, total))


def _inactive(query: Prepared[Share], owner: int) -> Used:
    """What somebody is entitled to who was not active lately, or never."""
    row = query.first(owner=owner)
    if row is None:
        return Used()
    return Used(used_s=row.used_s, updated_s=row.updated_s, weight=row.weight)


def _charge_on_commit(request: WorkRequest, cost_s: float, *, now: datetime) -> None:
    if not settings.DEBUSINE.fair_share_max:
        return
    for owner in ({"user": request.created_by_id}, {"workspace": request.workspace_id}):
        transaction.on_commit(partial(_charge, owner, cost_s=cost_s, now=now), robust=True)


def _charge(owner: dict[str, int], *, cost_s: float, now: datetime) -> None:
    """
    Charge a user or a workspace; one statement, more only the first time.

    :param owner: id of one of the two, by its name
    """
    now_s = now.timestamp()
    values = {
        "now_s": now_s,
        "half_life_s": settings.DEBUSINE.fair_share_half_life.total_seconds(),
        "cost_s": cost_s,
        "user": owner.get("user"),
        "workspace": owner.get("workspace"),
    }
    for _ in range(2):
        with connection.cursor() as cursor:
            cursor.execute(named_query("charge_share_v1"), values)
            if cursor.rowcount:
                return
        # somebody else may make it at the same time
        columns = {f"{name}_id": pk for name, pk in owner.items()}
        first = {"used_s": cost_s, "updated_s": now_s}
        _, is_new = Share.objects.get_or_create(**columns, defaults=first)
        if is_new:
            return
