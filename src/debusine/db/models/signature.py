# SPDX-License-Identifier: GPL-3.0-or-later
"""Signatures: interned tag sets that the queue is indexed by (DESIGN chapter 3)."""

from __future__ import annotations

from django.db import models
from typing_extensions import override


class Signature(models.Model):
    """
    A pair (tags a request requires, tags it provides that some worker requires).

    ``key`` is the SHA-256 of the two sorted sets; equal pairs share one row.
    """

    key = models.CharField(max_length=64, unique=True)
    required_tags = models.JSONField(default=list)
    provided_tags = models.JSONField(default=list)

    @override
    def __str__(self) -> str:
        return self.key[:12]
