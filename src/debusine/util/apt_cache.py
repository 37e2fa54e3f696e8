# SPDX-License-Identifier: GPL-3.0-or-later
"""Lend APT a cache of packages on this machine, beside the way to the mirrors."""

from __future__ import annotations

from dataclasses import replace

from debusine.util.apt_access import AptAccess

# for us alone: APT is told when it is known whether it can reach the cache
_CACHE = "Debusine::Cache"
_DETECTS = "Debusine::Detect-Proxy"
_PROXY = "acquire::http::proxy"
_DIRECT = "DIRECT"


def with_cache(access: AptAccess, url: str) -> AptAccess:
    """
    Note where a cache is, unless the machine's APT uses a proxy.

    :param url: of a proxy for ``http:`` that needs no password
    """
    uses_proxy = any(
        name == _DETECTS or (name.lower().startswith(_PROXY) and value != _DIRECT)
        for name, value in access.settings
    )
    if uses_proxy:
        return access
    return replace(access, settings=(*access.settings, (_CACHE, url)))


def through_cache(access: AptAccess, *, reachable: bool) -> AptAccess:
    """
    Send APT through the cache that was noted, if any.

    :param reachable: whether APT runs in the network of this machine
    :source: apt-transport-http(1): the proxy for ``http:`` counts for ``https:``, too
    """
    others = tuple(pair for pair in access.settings if pair[0] != _CACHE)
    url = dict(access.settings).get(_CACHE)
    if url is None or not reachable:
        return replace(access, settings=others)
    proxies: tuple[tuple[str, str], ...] = (("Acquire::http::Proxy", url),)
    if not any(name.lower() == "acquire::https::proxy" for name, _ in others):
        proxies = (*proxies, ("Acquire::https::Proxy", _DIRECT))
    return replace(access, settings=(*others, *proxies))
