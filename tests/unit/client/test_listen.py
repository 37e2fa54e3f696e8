# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest

from debusine.client.listen import Listen, parse_listen
from debusine.errors import UserError


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("127.0.0.1:0", "127.0.0.1", 0),
        (":9000", "127.0.0.1", 9000),
        ("[::]:80", "::", 80),
        ("host.example.org", "host.example.org", 8000),
    ],
)
def test_listen_forms(text: str, host: str, port: int) -> None:
    assert parse_listen(text) == Listen(host=host, port=port)


@pytest.mark.parametrize("text", ["127.0.0.1:", "127.0.0.1:x", "127.0.0.1:65536"])
def test_listen_refuses_what_is_no_port(text: str) -> None:
    with pytest.raises(UserError, match="no valid port"):
        parse_listen(text)


def test_url_of_every_address_names_the_machine() -> None:
    listen = Listen(host="0.0.0.0", port=0)
    assert listen.url(port=8000, fqdn="host.example.org") == "http://host.example.org:8000"
    assert (listen.is_wildcard, listen.is_loopback) == (True, False)


def test_loopback_is_known_by_name_and_number() -> None:
    assert Listen(host="localhost", port=0).is_loopback
    assert Listen(host="127.0.0.2", port=0).is_loopback
    assert not Listen(host="host.example.org", port=0).is_loopback
