# SPDX-License-Identifier: GPL-3.0-or-later
"""Scopes: a namespace for workspaces, such as a distribution."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from typing_extensions import override


class Scope(models.Model):
    """
    A namespace for workspaces.

    One that is not ``public`` is visible to members of its groups only. ``icon`` is a path
    below the static files; ``label`` what people read, the name if it is empty.
    """

    name = models.CharField(max_length=255, unique=True)
    label = models.CharField(max_length=255, blank=True)
    icon = models.CharField(max_length=255, default="", blank=True)
    public = models.BooleanField(default=True)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["label"], name="scope_label", condition=~Q(label="")),
        ]

    @override
    def __str__(self) -> str:
        return self.name
