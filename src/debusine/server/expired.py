# SPDX-License-Identifier: GPL-3.0-or-later
"""Rows whose time is over: the condition on work requests and artifacts alike."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import DateTimeField, ExpressionWrapper, F, Q, Value
from django.db.models.expressions import Combinable


def is_expired(now: datetime) -> Q:
    """
    Condition on rows with a workspace, ``created_at`` and ``expiration_delay``.

    The same as :func:`debusine.domain.expiry.expires_at`, in SQL.
    """
    never = timedelta()
    own = Q(expiration_delay__gt=never, created_at__lt=_earlier(now, "expiration_delay"))
    default = "workspace__default_expiration_delay"
    inherited = Q(
        **{"expiration_delay": None, f"{default}__gt": never},
        created_at__lt=_earlier(now, default),
    )
    return own | inherited


def _earlier(now: datetime, delay: str) -> Combinable:
    moment = Value(now, output_field=DateTimeField())
    return ExpressionWrapper(moment - F(delay), output_field=DateTimeField())
