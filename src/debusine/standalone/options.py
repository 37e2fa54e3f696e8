# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of ``python -m debusine.standalone``."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path

from debusine.client.local_server import DataDir
from debusine.errors import UserError
from debusine.settings import default_data_dir

MAX_PORT = 65535


@dataclass(frozen=True, kw_only=True, slots=True)
class Listen:
    """Where to listen; port 0 takes a free one."""

    host: str
    port: int

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can connect."""
        address = _address(self.host)
        return self.host == "localhost" or (address is not None and address.is_loopback)

    @property
    def is_wildcard(self) -> bool:
        """Whether it is every address of the machine."""
        address = _address(self.host)
        return address is not None and address.is_unspecified

    def url(self, *, port: int, fqdn: str) -> str:
        """
        How to reach a server that listens here.

        :param port: the real port
        :param fqdn: name of the machine, for those who listen on every address

        >>> Listen(host="::1", port=0).url(port=80, fqdn="host.example.org")
        'http://[::1]:80'
        """
        host = fqdn if self.is_wildcard else self.host
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    """What the program was asked for."""

    data_dir: DataDir
    listen: Listen
    ready_fd: int | None
    while_used: Path | None
    client_config: Path | None
    with_worker: bool


def parse_listen(text: str) -> Listen:
    """
    Read ``ADDR:PORT``, ``:PORT`` or ``ADDR``.

    :raises UserError: if it has another form

    >>> parse_listen("[::1]:8000")
    Listen(host='::1', port=8000)
    >>> parse_listen("0.0.0.0")
    Listen(host='0.0.0.0', port=8000)
    """
    host, separator, port = text.rpartition(":")
    if not separator or (text.endswith("]")):
        host, port = text, "8000"
    if not port.isdigit() or int(port) > MAX_PORT:
        raise UserError(
            f"cannot listen on {text!r}: no valid port",
            resolution="Write ADDRESS:PORT, for example 127.0.0.1:8000 or [::1]:8000.",
        )
    return Listen(host=host.strip("[]") or "127.0.0.1", port=int(port))


def parse_options(argv: Sequence[str]) -> Options:
    """
    Read the command line.

    :raises UserError: for an address that is none
    """
    parser = argparse.ArgumentParser(
        prog="debusine.standalone",
        description="Server, jobs and one worker in one process tree.",
    )
    parser.add_argument(
        "--data-dir", type=Path, default=default_data_dir(), help="default: %(default)s"
    )
    parser.add_argument("--listen", default="127.0.0.1:8000", help="default: %(default)s")
    parser.add_argument("--ready-fd", type=int, help="write one JSON line here when it answers")
    parser.add_argument("--while-used", type=Path, help="end when nobody holds a lock on this file")
    parser.add_argument("--client-config", type=Path, help="also write how to reach it here")
    parser.add_argument("--no-worker", action="store_true", help="start no agent")
    given = parser.parse_args(argv)
    return Options(
        data_dir=DataDir(given.data_dir.absolute()),
        listen=parse_listen(given.listen),
        ready_fd=given.ready_fd,
        while_used=given.while_used,
        client_config=given.client_config,
        with_worker=not given.no_worker,
    )


def _address(host: str) -> IPv4Address | IPv6Address | None:
    """The address, unless it is a name."""
    try:
        return ip_address(host)
    except ValueError:
        return None
