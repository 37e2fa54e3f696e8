# SPDX-License-Identifier: GPL-3.0-or-later
"""Timers: what is due when."""

from __future__ import annotations

from django.db import models
from typing_extensions import override


class Timer(models.Model):
    """
    Something to do at a time or a little later; the row goes when it is done.

    ``kind`` names the module of ``debusine.server.timers`` that does it, ``key`` what it is done
    to: for each there is one timer of a kind at most.
    """

    kind = models.CharField(max_length=64)
    key = models.CharField(max_length=100)
    due_at = models.DateTimeField(db_index=True)
    data = models.JSONField(default=dict)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["kind", "key"], name="timer_once"),
        ]

    @override
    def __str__(self) -> str:
        return f"{self.kind} {self.key}"
