# SPDX-License-Identifier: GPL-3.0-or-later
"""
The servers and tokens of a user: ``~/.config/debusine/client/config.ini``.

::

    [General]
    default-server = NAME
    [server:NAME]
    api-url = https://debusine.example.org/api
    scope = debusine
    token = KEY
    default-workspace = developers    (optional)
    http-timeout = 5,30               (optional, or one number)
"""

from __future__ import annotations

import configparser
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from debusine.client.debusine import Debusine
from debusine.client.identity import DEFAULT_TIMEOUT, Timeout, parse_timeout
from debusine.errors import UserError

DEFAULT_PATH = Path("~/.config/debusine/client/config.ini")
DEFAULT_WORKSPACE = "System"

_PREFIX = "server:"
_REQUIRED = ("api-url", "scope", "token")
_OPTIONAL = ("default-workspace", "http-timeout")


class ClientConfigError(UserError):
    """The configuration of the client cannot be used."""

    code = "client-config"


@dataclass(frozen=True, kw_only=True, slots=True)
class ServerConfig:
    """One server and what the user is there."""

    name: str
    api_url: str
    scope: str
    token: str = field(repr=False)
    default_workspace: str = DEFAULT_WORKSPACE
    http_timeout: Timeout = DEFAULT_TIMEOUT

    def connect(self, *, scope: str | None = None) -> Debusine:
        """
        Make a client for this server.

        :param scope: instead of the configured one
        """
        return Debusine(
            self.api_url, self.token, scope=scope or self.scope, http_timeout=self.http_timeout
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class ClientConfig:
    """All servers of a user, by name."""

    path: Path
    servers: Mapping[str, ServerConfig]
    default_server: str | None = None

    def select(self, name: str | None = None) -> ServerConfig:
        """
        Choose a server.

        :param name: name of a section, or ``HOST/SCOPE``; the default server if None
        :raises ClientConfigError: if there is no such server
        """
        wanted = name or self.default_server
        if wanted is None:
            raise ClientConfigError(
                f"{self.path} names no default server",
                resolution="Give --server, or set default-server in [General].",
            )
        if wanted in self.servers:
            return self.servers[wanted]
        host, slash, scope = wanted.partition("/")
        for server in self.servers.values():
            if slash and (urlsplit(server.api_url).hostname, server.scope) == (host, scope):
                return server
        raise ClientConfigError(
            f"{self.path} has no server {wanted!r}",
            details="It has: " + (", ".join(sorted(self.servers)) or "none"),
        )


def read_client_config(path: Path | None = None) -> ClientConfig:
    """
    Read the configuration.

    :param path: the file; :data:`DEFAULT_PATH` if None
    :raises ClientConfigError: if it cannot be read or says something wrong
    """
    path = (path or DEFAULT_PATH).expanduser()
    parser = configparser.ConfigParser(interpolation=None)
    try:
        with path.open(encoding="utf-8") as file:
            parser.read_file(file)
    except FileNotFoundError as error:
        raise ClientConfigError(
            f"no server is configured: there is no {path}",
            resolution="Start one on this machine: debusine up",
        ) from error
    except (OSError, configparser.Error, UnicodeDecodeError) as error:
        raise ClientConfigError(
            f"cannot read {path}",
            details=str(error),
            resolution="Mend it, or move it away and write a new one with: debusine up",
        ) from error
    servers = {}
    for section in parser.sections():
        if section.startswith(_PREFIX):
            name = section.removeprefix(_PREFIX)
            servers[name] = _read_server(path, name, parser[section])
    default = parser.get("General", "default-server", fallback=None)
    return ClientConfig(path=path, servers=servers, default_server=default)


def _read_server(path: Path, name: str, section: Mapping[str, str]) -> ServerConfig:
    where = f"{path}, section [{_PREFIX}{name}]"
    missing = [key for key in _REQUIRED if not section.get(key)]
    if missing:
        raise ClientConfigError(f"{where}: missing: {', '.join(missing)}")
    unknown = sorted(set(section) - {*_REQUIRED, *_OPTIONAL})
    if unknown:
        raise ClientConfigError(f"{where}: unknown: {', '.join(unknown)}")
    if urlsplit(section["api-url"]).scheme not in ("http", "https"):
        raise ClientConfigError(f"{where}: api-url is no http or https URL: {section['api-url']}")
    given: dict[str, Any] = {}
    if section.get("default-workspace"):
        given["default_workspace"] = section["default-workspace"]
    if section.get("http-timeout"):
        given["http_timeout"] = _timeout(where, section["http-timeout"])
    return ServerConfig(
        name=name,
        api_url=section["api-url"].rstrip("/"),
        scope=section["scope"],
        token=section["token"],
        **given,
    )


def _timeout(where: str, text: str) -> Timeout:
    try:
        return parse_timeout(text)
    except UserError as error:
        raise ClientConfigError(f"{where}: http-timeout: {error.brief}") from error
