# SPDX-License-Identifier: GPL-3.0-or-later
"""The URL table."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver

urlpatterns: list[URLPattern | URLResolver] = []
