# SPDX-License-Identifier: GPL-3.0-or-later
"""
Messages to webhooks, and their signatures.

:source: Standard Webhooks specification 1.0.0, "Signature scheme"
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from ipaddress import ip_address
from urllib.parse import urlsplit

from debusine.domain.address import Network, may_call

SECRET_BYTES = 32
TEST_KIND = "webhook.test"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9+._-]{0,99}")
_PREFIX = "whsec_"


def make_secret(chance: bytes) -> str:
    """
    Write a key the way receivers' libraries read it.

    :param chance: :data:`SECRET_BYTES` that nobody can guess

    >>> make_secret(bytes(3))
    'whsec_AAAA'
    """
    return _PREFIX + base64.b64encode(chance).decode()


def signature_of(secret: str, *, message_id: str, timestamp: int, body: bytes) -> str:
    """
    Sign a message.

    :param timestamp: of this try, in seconds since 1970
    :returns: the value of the header ``webhook-signature``
    """
    key = base64.b64decode(secret.removeprefix(_PREFIX))
    signed = f"{message_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()


def url_problem(url: str, *, allowed: tuple[Network, ...] = ()) -> str | None:
    """
    Say why nothing can be sent to a URL; None if it can, as far as one sees without asking DNS.

    >>> url_problem("https://hooks.example.org/debusine"), url_problem("ftp://example.org/")
    (None, 'must begin with https:// or http://')
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        return f"is no URL: {error}"
    problems = {
        "must begin with https:// or http://": parts.scheme not in ("http", "https"),
        "names no host that can be called": not host or port == 0,
        "must not hold credentials or a fragment": parts.username is not None or parts.fragment,
        "must be ASCII without spaces": not re.fullmatch("[!-~]*", url),
        f"{host} is no public address": not _may_call(host or "", allowed),
    }
    return next((problem for problem, applies in problems.items() if applies), None)


def _may_call(host: str, allowed: tuple[Network, ...]) -> bool:
    """Whether a host may be called; of a name only DNS can tell."""
    try:
        address = str(ip_address(host))
    except ValueError:
        return True
    return may_call(address, allowed=allowed)
