# SPDX-License-Identifier: GPL-3.0-or-later
"""The URL table."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, path

from debusine.api.app import api
from debusine.web.app import not_found, pages

urlpatterns: list[URLPattern | URLResolver] = [
    path("api/1.0/", api.urls),
    *pages(),
]

handler404 = not_found
