# SPDX-License-Identifier: GPL-3.0-or-later
"""People and the tokens that programs act with."""

from __future__ import annotations

from django.contrib.auth.models import AbstractUser
from django.db import models
from typing_extensions import override


class User(AbstractUser):
    """A person, or an account of the system."""


class TokenType(models.TextChoices):
    """What a token is for."""

    USER = "user"
    WORKER = "worker"
    WORKER_ACTIVATION = "worker-activation"
    WORK_REQUEST = "work-request"
    EXTERNAL_USER = "external-user"


class Token(models.Model):
    """A key that a program shows; only the SHA-256 of it is kept."""

    token_type = models.CharField(max_length=32, choices=TokenType.choices)
    hash = models.CharField(max_length=64, unique=True)
    user = models.ForeignKey(User, models.CASCADE, null=True, related_name="tokens")
    attempt = models.OneToOneField("db.Attempt", models.CASCADE, null=True, related_name="token")
    comment = models.CharField(max_length=100, blank=True)
    created_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField()
    expire_at = models.DateTimeField(null=True)
    enabled = models.BooleanField(default=False)
    last_seen_at = models.DateTimeField(null=True)

    @override
    def __str__(self) -> str:
        return f"{self.token_type} {self.hash[:8]}"
