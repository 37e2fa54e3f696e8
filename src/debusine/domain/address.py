# SPDX-License-Identifier: GPL-3.0-or-later
"""Which addresses a server may call because somebody outside asks it to."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
)

Network = IPv4Network | IPv6Network
_NAT64 = IPv6Network("64:ff9b::/96")


def may_call(text: str, *, allowed: Iterable[Network] = ()) -> bool:
    """
    Whether an address belongs to the public network, or to one that is allowed nevertheless.

    IPv6 addresses that stand for an IPv4 address count as that, too.

    :param text: an address, not a name

    >>> may_call("127.0.0.1"), may_call("::ffff:10.0.0.1"), may_call("9.9.9.9")
    (False, False, True)
    >>> may_call("10.0.0.1", allowed=[IPv4Network("10.0.0.0/8")])
    True
    """
    networks = list(allowed)
    meanings = _meanings(ip_address(text))
    return all(_is_public(one) or any(one in network for network in networks) for one in meanings)


def _is_public(address: IPv4Address | IPv6Address) -> bool:
    return address.is_global and not address.is_multicast and not address.is_reserved


def _meanings(address: IPv4Address | IPv6Address) -> list[IPv4Address | IPv6Address]:
    """The address that packets finally go to, and gateways on the way that others could use."""
    if isinstance(address, IPv4Address):
        return [address]
    if address.ipv4_mapped is not None:
        return [address.ipv4_mapped]
    if address in _NAT64:
        return [IPv4Address(int(address) & 0xFFFFFFFF)]
    if address.sixtofour is not None:
        return [address, address.sixtofour]
    if address.teredo is not None:
        return [address, *address.teredo]
    return [address]
