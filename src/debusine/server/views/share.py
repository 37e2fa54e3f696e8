# SPDX-License-Identifier: GPL-3.0-or-later
"""Shares as administrators see them."""

from __future__ import annotations

from datetime import datetime

from django.conf import settings

from debusine.db.models import Share
from debusine.domain.fair_share import Used, faded
from debusine.wire.share import ShareKind, ShareRecord


def list_shares(now: datetime) -> list[ShareRecord]:
    """Show all shares, users first, who has had most first; one query."""
    found = [
        view_share(row, now)
        for row in Share.objects.select_related("user", "workspace__scope").order_by("pk")
    ]
    return sorted(found, key=lambda one: (one.kind, -one.used_s, one.name))


def view_share(row: Share, now: datetime) -> ShareRecord:
    """Show a share as it is now; user, workspace and scope loaded."""
    used = Used(used_s=row.used_s, updated_s=row.updated_s, weight=row.weight)
    half_life = settings.DEBUSINE.fair_share_half_life
    return ShareRecord(
        kind=ShareKind.WORKSPACE if row.user is None else ShareKind.USER,
        name=str(row.workspace) if row.user is None else row.user.username,
        weight=row.weight,
        used_s=faded(used, now_s=now.timestamp(), half_life_s=half_life.total_seconds()),
    )
