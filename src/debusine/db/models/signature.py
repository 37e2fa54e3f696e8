# SPDX-License-Identifier: GPL-3.0-or-later
"""Signatures: interned tag sets that the queue is indexed by (DESIGN chapter 3)."""

from __future__ import annotations

from django.db import models
from typing_extensions import override


class Signature(models.Model):
    """
    A pair (tags a request requires, tags it provides that some worker requires).

    With it stands the size of what a worker must have free: requests of one signature
    are alike in both. ``key`` is the SHA-256 of all of it; equal ones share one row.
    ``unused_since`` is set at night if nothing waits with it, and taken away by who uses it.
    """

    key = models.CharField(max_length=64, unique=True)
    required_tags = models.JSONField(default=list)
    provided_tags = models.JSONField(default=list)
    memory_mib = models.PositiveIntegerField(default=0)
    disk_mib = models.PositiveIntegerField(default=0)
    cpu_count = models.PositiveIntegerField(default=0)
    unused_since = models.DateTimeField(null=True)

    @override
    def __str__(self) -> str:
        return self.key[:12]
