# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Network

import pytest

from debusine.domain.delivery import GIVE_UP_RECEIVER_AFTER, PAUSES, next_try, why_disable
from debusine.domain.webhook import signature_of, url_problem

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def test_signature_is_that_of_the_reference_libraries() -> None:
    assert (
        signature_of(
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            message_id="msg_p5jXN8AQM9LWM0D4loKWxJek",
            timestamp=1614265330,
            body=b'{"test": 2432232314}',
        )
        == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    )


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("file:///etc/passwd", "must begin"),
        ("https:///x", "no host"),
        ("https://[::1", "no URL"),
        ("https://example.org:99999/", "no URL"),
        ("https://user:word@example.org/", "credentials"),
        ("https://example.org/#x", "fragment"),
        ("https://example.org/a b", "spaces"),
        ("https://example.org/\n", "spaces"),
        ("http://127.0.0.1:8000/", "no public address"),
        ("http://[::ffff:10.0.0.1]/", "no public address"),
    ],
)
def test_some_urls_are_refused(url: str, words: str) -> None:
    assert words in (url_problem(url) or "")


def test_what_is_allowed_is_no_problem() -> None:
    assert url_problem("http://127.0.0.1:8/", allowed=(IPv4Network("127.0.0.0/8"),)) is None


def test_tries_take_three_days_and_end() -> None:
    moment, tries = NOW, 0
    while (again := next_try(tries := tries + 1, now=moment)) is not None:
        moment = again
    assert tries == len(PAUSES) + 1
    assert timedelta(days=2) < moment - NOW < GIVE_UP_RECEIVER_AFTER


def test_receivers_that_are_gone_are_given_up() -> None:
    assert why_disable(500, failing_since=NOW, now=NOW + timedelta(days=4)) is None
    assert why_disable(None, failing_since=NOW, now=NOW + timedelta(days=5)) is not None
    assert why_disable(410, failing_since=NOW, now=NOW) is not None
