# SPDX-License-Identifier: GPL-3.0-or-later
"""Scopes: a namespace for workspaces, such as a distribution."""

from __future__ import annotations

from django.db import models
from typing_extensions import override


class Scope(models.Model):
    """A namespace for workspaces."""

    name = models.CharField(max_length=255, unique=True)
    label = models.CharField(max_length=255, blank=True)
    created_at = models.DateTimeField()

    @override
    def __str__(self) -> str:
        return self.name
