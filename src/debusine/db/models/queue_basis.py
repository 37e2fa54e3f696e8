# SPDX-License-Identifier: GPL-3.0-or-later
"""What the signatures of pending requests were worked out from."""

from __future__ import annotations

from django.db import models
from typing_extensions import override


class QueueBasis(models.Model):
    """
    The one row that says so.

    ``basis`` is as in :mod:`debusine.server.scheduler`. Pending requests up to ``position``
    have signatures that follow from it; null: all have.
    """

    basis = models.JSONField(default=dict)
    position = models.BigIntegerField(null=True, default=0)

    @override
    def __str__(self) -> str:
        return f"{self.basis}"
