# SPDX-License-Identifier: GPL-3.0-or-later
"""Which server a command talks to."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import click

from debusine.cli.context import Globals
from debusine.cli.embedded import ensure_server
from debusine.cli.pages import Pages
from debusine.client.config import ServerConfig, read_client_config
from debusine.client.debusine import Debusine
from debusine.client.http import is_loopback
from debusine.client.local_server import SERVER_NAME, DataDir, find_holder
from debusine.settings import default_data_dir

_CONNECT_S = 1.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Connection:
    """
    A server that is ready.

    :param data_dir: where its data lie, if it is an embedded one
    :param stays: whether it answers when this command has ended
    """

    client: Debusine
    workspace: str
    name: str
    data_dir: Path | None = None
    stays: bool = True

    @property
    def pages(self) -> Pages:
        """Where people find its pages."""
        data_dir = None if self.stays else self.data_dir
        return Pages(api_url=self.client.base_api_url, data_dir=data_dir)


def configured_server(given: Globals) -> ServerConfig | None:
    """
    Read which server the user has configured.

    :returns: None if nothing is configured and none was named
    :raises ClientConfigError: if what is configured cannot be used
    """
    path = given.config_path
    if given.server is None and given.config_file is None and not path.exists():
        return None
    config = read_client_config(path)
    if given.server is None and config.default_server is None:
        return None
    return config.select(given.server)


def connect(context: click.Context) -> Connection:
    """
    Connect to the configured server, until the command ends.

    Without one, the embedded server that builds have used is started, if there was any.

    :raises ClientConfigError: if none is configured
    """
    given = context.find_object(Globals) or Globals()
    server = configured_server(given)
    if server is None and not DataDir(default_data_dir()).client_config.exists():
        server = read_client_config(given.config_file).select(given.server)
    if server is not None and (given.server is not None or not _is_gone(server)):
        return _to(server, given)
    return context.with_resource(connect_or_embed(given, default_data_dir()))


@contextlib.contextmanager
def connect_or_embed(given: Globals, data_dir: Path | None) -> Iterator[Connection]:
    """
    Connect to the configured server; without one, have an embedded one.

    A server on this very machine that does not run is the same as none: ``debusine up``
    leaves its address in the configuration when it ends.

    :param data_dir: use the embedded server of this directory in any case
    """
    server = _configured_and_there(given, data_dir)
    if server is not None:
        yield _to(server, given)
        return
    place = data_dir or default_data_dir()
    layout = DataDir(place.absolute())
    with ensure_server(layout) as embedded:
        holder = find_holder(layout)
        stays = holder is not None and holder.stays
        yield _to(embedded, given, data_dir=place, stays=stays)


def running_server(given: Globals, data_dir: Path | None) -> Connection | None:
    """
    Find the server that a build would use, without starting one.

    :returns: None if one would be started
    """
    server = _configured_and_there(given, data_dir)
    if server is not None:
        return _to(server, given)
    layout = DataDir((data_dir or default_data_dir()).absolute())
    holder = None
    with contextlib.suppress(OSError):  # who starts a server on it says what is wrong
        holder = find_holder(layout)
    if holder is None or not holder.url:
        return None
    embedded = read_client_config(layout.client_config).select(SERVER_NAME)
    return _to(embedded, given, data_dir=layout.root, stays=holder.stays)


def _configured_and_there(given: Globals, data_dir: Path | None) -> ServerConfig | None:
    server = None if data_dir is not None else configured_server(given)
    return None if server is None or (given.server is None and _is_gone(server)) else server


def _to(
    server: ServerConfig, given: Globals, *, data_dir: Path | None = None, stays: bool = True
) -> Connection:
    return Connection(
        client=server.connect(scope=given.scope),
        workspace=server.default_workspace,
        name=server.name,
        data_dir=data_dir,
        stays=stays,
    )


def _is_gone(server: ServerConfig) -> bool:
    parts = urlsplit(server.api_url)
    host = parts.hostname or ""
    if not is_loopback(host):
        return False
    try:
        port = parts.port or (443 if parts.scheme == "https" else 80)
        with socket.create_connection((host, port), timeout=_CONNECT_S):
            return False
    except OSError:
        return True
