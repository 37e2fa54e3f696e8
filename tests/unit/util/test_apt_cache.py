# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest

from debusine.util.apt_access import AptAccess
from debusine.util.apt_cache import through_cache, with_cache

CACHE = "http://127.0.0.1:4711"
OLD = ("Acquire::Check-Valid-Until", "false")
SPARED = ("Acquire::http::Proxy::near.example.org", "DIRECT")


def test_apt_is_sent_through_it() -> None:
    access = with_cache(AptAccess(settings=(OLD, SPARED)), CACHE)
    assert through_cache(access, reachable=True).settings == (
        OLD,
        SPARED,
        ("Acquire::http::Proxy", CACHE),
        ("Acquire::https::Proxy", "DIRECT"),
    )


def test_apt_elsewhere_is_not() -> None:
    access = AptAccess(settings=(OLD,))
    assert through_cache(with_cache(access, CACHE), reachable=False) == access
    assert through_cache(access, reachable=True) == access


@pytest.mark.parametrize(
    "setting",
    [
        ("Acquire::http::Proxy", "http://proxy.example.org:3128"),
        ("acquire::HTTP::proxy::deb.example.org", "http://proxy.example.org:3128"),
        ("Debusine::Detect-Proxy", "yes"),
    ],
)
def test_a_proxy_of_the_machine_comes_first(setting: tuple[str, str]) -> None:
    access = AptAccess(settings=(setting,))
    assert with_cache(access, CACHE) == access


def test_a_proxy_for_https_stays() -> None:
    https = ("Acquire::https::Proxy", "http://proxy.example.org:3128")
    access = through_cache(with_cache(AptAccess(settings=(https,)), CACHE), reachable=True)
    assert access.settings == (https, ("Acquire::http::Proxy", CACHE))
