# SPDX-License-Identifier: GPL-3.0-or-later
"""People and the tokens that programs act with."""

from __future__ import annotations

from django.contrib.auth.models import AbstractUser
from django.db import models
from django.db.models import Q
from typing_extensions import override


class User(AbstractUser):
    """A person, or with ``is_system`` an account that nobody logs in as."""

    is_system = models.BooleanField(default=False)

    class Meta(AbstractUser.Meta):
        constraints = [
            models.CheckConstraint(
                condition=Q(is_system=False) | Q(email=""), name="user_system_email"
            ),
            models.UniqueConstraint(
                fields=["email"], name="user_email", condition=Q(is_system=False) & ~Q(email="")
            ),
        ]


class TokenType(models.TextChoices):
    """What a token is for."""

    USER = "user"
    WORKER = "worker"
    WORKER_ACTIVATION = "worker-activation"
    WORK_REQUEST = "work-request"
    EXTERNAL_USER = "external-user"


_OF_ITS_TYPE = (
    Q(token_type=TokenType.USER, user__isnull=False, attempt__isnull=True, external_username="")
    | (
        Q(token_type=TokenType.EXTERNAL_USER, user__isnull=True, attempt__isnull=True)
        & Q(explicit_grants_only=True)
        & ~Q(external_username="")
    )
    | Q(
        token_type=TokenType.WORK_REQUEST,
        attempt__isnull=False,
        external_username="",
        explicit_grants_only=False,
    )
    | Q(
        token_type__in=[TokenType.WORKER, TokenType.WORKER_ACTIVATION],
        user__isnull=True,
        attempt__isnull=True,
        external_username="",
        explicit_grants_only=False,
    )
)


class Token(models.Model):
    """
    A key that a program shows; only the SHA-256 of it is kept.

    It acts for exactly what its type says: ``user``, ``external_username``, ``attempt``, or
    the worker that points here. With ``explicit_grants_only`` it reaches nothing but the
    collections it was granted.
    """

    token_type = models.CharField(max_length=32, choices=TokenType.choices)
    hash = models.CharField(max_length=64, unique=True)
    user = models.ForeignKey(User, models.CASCADE, null=True, related_name="tokens")
    attempt = models.OneToOneField("db.Attempt", models.CASCADE, null=True, related_name="token")
    external_username = models.CharField(max_length=150, default="", blank=True)
    explicit_grants_only = models.BooleanField(default=False)
    comment = models.CharField(max_length=100, blank=True)
    created_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField()
    expire_at = models.DateTimeField(null=True)
    enabled = models.BooleanField(default=False)
    last_seen_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=_OF_ITS_TYPE, name="token_of_its_type"),
        ]
        indexes = [
            models.Index(
                fields=["expire_at"], name="token_expiry", condition=Q(expire_at__isnull=False)
            ),
        ]

    @override
    def __str__(self) -> str:
        return f"{self.token_type} {self.hash[:8]}"
