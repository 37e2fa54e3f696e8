# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from ipaddress import ip_network

import pytest

from debusine.domain.address import may_call


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.8.9.10", "0.0.0.0", "10.1.2.3", "172.16.0.1", "192.168.1.1",
        "169.254.169.254", "100.64.0.1", "192.0.2.1", "198.18.0.1", "224.0.0.1", "240.0.0.1",
        "255.255.255.255", "::", "::1", "fe80::1", "fe80::1%eth0", "fc00::1", "ff02::1",
        "2001:db8::1", "::ffff:127.0.0.1", "::ffff:169.254.169.254", "64:ff9b::7f00:1",
        "64:ff9b::a00:1", "2002:7f00:1::", "2002:a00:1::1", "::127.0.0.1",
    ],
)  # fmt: skip
def test_addresses_inside_are_not_called(address: str) -> None:
    assert not may_call(address)


@pytest.mark.parametrize(
    "address", ["9.9.9.9", "2620:fe::fe", "::ffff:9.9.9.9", "64:ff9b::909:909"]
)
def test_public_addresses_are_called(address: str) -> None:
    assert may_call(address)


def test_only_the_networks_that_are_allowed_are_called() -> None:
    allowed = [ip_network("10.0.0.0/8"), ip_network("::1/128")]
    called = [
        address
        for address in ("10.1.2.3", "::ffff:10.1.2.3", "11.0.0.1", "127.0.0.1", "::1")
        if may_call(address, allowed=allowed)
    ]
    assert called == ["10.1.2.3", "::ffff:10.1.2.3", "11.0.0.1", "::1"]
