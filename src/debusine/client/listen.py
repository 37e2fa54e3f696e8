# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a server listens, as people write it."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address

from debusine.errors import UserError

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

    @property
    def as_seen_here(self) -> str:
        """
        Address by which a program of this machine connects, loopback where that is possible.

        >>> Listen(host="0.0.0.0", port=0).as_seen_here
        '127.0.0.1'
        """
        if not self.is_wildcard:
            return self.host
        return "[::1]" if ":" in self.host else "127.0.0.1"

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


def _address(host: str) -> IPv4Address | IPv6Address | None:
    """The address, unless it is a name."""
    try:
        return ip_address(host)
    except ValueError:
        return None
