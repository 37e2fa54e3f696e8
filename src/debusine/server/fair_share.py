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

from debusine.db.models import Attempt, Share, WorkRequest
from debusine.db.prepared import PreparedValues
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
        (_USERS, "user", request.created_by_id),
        (_WORKSPACES, "workspace", request.workspace_id),
    )
    for query, owner_kind, owner in owners:
        rows = {
            pk: Used(used_s=used_s, updated_s=updated_s, weight=weight)
            for pk, used_s, updated_s, weight in query.all()
        }
        total += lateness(
            rows.pop(owner, None) or _inactive(owner_kind, owner),
            rows.values(),
            now_s=now.timestamp(),
            half_life=server.fair_share_half_life,
            limit=limit,
        )
    return max(-limit, min(limit, total))


def _inactive(kind: str, owner: int) -> Used:
    """What somebody is entitled to who was not active lately, or never."""
    row = Share.objects.filter(**{kind: owner}).first()
    if row is None:
        return Used()
    return Used(used_s=row.used_s, updated_s=row.updated_s, weight=row.weight)


def _charge_on_commit(request: WorkRequest, cost_s: float, *, now: datetime) -> None:
    if not settings.DEBUSINE.fair_share_max:
        return
    for user, workspace in ((request.created_by_id, None), (None, request.workspace_id)):
        transaction.on_commit(
            partial(_charge, user=user, workspace=workspace, cost_s=cost_s, now=now), robust=True
        )


def _charge(*, user: int | None, workspace: int | None, cost_s: float, now: datetime) -> None:
    """One statement; more only when somebody is charged for the first time."""
    values = {
        "now_s": now.timestamp(),
        "half_life_s": settings.DEBUSINE.fair_share_half_life.total_seconds(),
        "cost_s": cost_s,
        "user": user,
        "workspace": workspace,
    }
    for _ in range(2):
        with connection.cursor() as cursor:
            cursor.execute(named_query("charge_share_v1"), values)
            if cursor.rowcount:
                return
        # somebody else may make it at the same time
        _, is_new = Share.objects.get_or_create(
            user_id=user,
            workspace_id=workspace,
            defaults={"used_s": cost_s, "updated_s": values["now_s"]},
        )
        if is_new:
            return
