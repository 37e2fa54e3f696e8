# SPDX-License-Identifier: GPL-3.0-or-later
"""Django's settings for mail."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote, urlsplit

from debusine.errors import UserError
from debusine.settings import Settings

_PORTS = {"smtp": 25, "smtps": 465, "smtp+starttls": 587}
# of each step of the conversation
_TIMEOUT_S = 15


def mail_settings(server: Settings) -> dict[str, Any]:
    """
    Say where mail goes; nowhere unless that is set, and never to the console.

    :raises UserError: if the address of the mail server is none
    """
    sender = server.email_from or f"debusine@{server.fqdn}"
    known = {
        "EMAIL_BACKEND": "django.core.mail.backends.smtp.EmailBackend",
        "EMAIL_HOST": "",
        "EMAIL_TIMEOUT": _TIMEOUT_S,
        "DEFAULT_FROM_EMAIL": sender,
    }
    if server.email_url is None:
        return known
    url = urlsplit(server.email_url)
    if url.scheme not in _PORTS or not url.hostname:
        raise UserError(
            "DEBUSINE_EMAIL_URL names no mail server",
            resolution="Write smtp://HOST, smtps://USER:PASSWORD@HOST or smtp+starttls://...",
        )
    return known | {
        "EMAIL_HOST": url.hostname,
        "EMAIL_PORT": url.port or _PORTS[url.scheme],
        "EMAIL_HOST_USER": unquote(url.username or ""),
        "EMAIL_HOST_PASSWORD": unquote(url.password or ""),
        "EMAIL_USE_SSL": url.scheme == "smtps",
        "EMAIL_USE_TLS": url.scheme == "smtp+starttls",
    }
