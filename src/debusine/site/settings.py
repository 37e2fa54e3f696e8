# SPDX-License-Identifier: GPL-3.0-or-later
"""Django's settings, derived from :class:`debusine.settings.Settings`."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import Any

from debusine.db.address import postgresql_settings, sqlite_settings
from debusine.settings import Settings
from debusine.site.mail import mail_settings

DEBUSINE = Settings()


def _database() -> dict[str, Any]:
    """SQLite in the data directory, or what ``DEBUSINE_DATABASE_URL`` names."""
    if DEBUSINE.database_url is None:
        return sqlite_settings(DEBUSINE.data_dir / "debusine.sqlite3")
    return postgresql_settings(DEBUSINE.database_url)


def _channel_layer() -> dict[str, Any]:
    """Who carries wake-ups to sockets: this process, or Redis to those of all processes."""
    if DEBUSINE.redis_url is None:
        return {"BACKEND": "channels.layers.InMemoryChannelLayer"}
    return {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        "CONFIG": {"hosts": [DEBUSINE.redis_url], "prefix": "debusine"},
    }


def _secret_key(path: Path) -> str:
    """The key that signs sessions; made once, readable by the server only."""
    try:
        return path.read_text().strip()
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o755)
        key = secrets.token_hex(32)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(key)
        return key


SECRET_KEY = _secret_key(DEBUSINE.data_dir / "secret-key")
DEBUG = False
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "debusine.site.urls"
ASGI_APPLICATION = "debusine.site.asgi.application"
AUTH_USER_MODEL = "db.User"
INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "channels",
    "debusine.db.apps.DbConfig",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "debusine.api.middleware.DebusineMiddleware",
]
DATABASES = {"default": _database()}
CHANNEL_LAYERS = {"default": _channel_layer()}
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [str(Path(__file__).parents[1] / "web" / "templates")],
        "OPTIONS": {
            "builtins": ["debusine.web.components"],
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
            ],
        },
    }
]
globals().update(mail_settings(DEBUSINE))
USE_TZ = True
TIME_ZONE = "UTC"
STATIC_URL = "/static/"
APPEND_SLASH = True
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
DATA_UPLOAD_MAX_MEMORY_SIZE = 16 * 1024 * 1024
LOGGING_CONFIG = None
