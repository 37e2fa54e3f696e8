# SPDX-License-Identifier: GPL-3.0-or-later
"""A client without a token waits until somebody in a browser lets it in."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests
from django.test import Client

from debusine.api import enrolment_http
from debusine.db.models import Enrolment, Token, User
from debusine.server.actor import hash_key
from debusine.server.jobs.expire import ENROLMENT_MAX_AGE, remove_enrolments
from debusine.testing import factories
from debusine.testing.live_server import LiveServer
from debusine.testing.waiting import PATIENCE_S, wait_for

NOW = datetime(2026, 1, 1, tzinfo=UTC)
NONCE = "abcdefgh-_1234"
WORDS = "able baker charlie delta"
WANTED = {"nonce": NONCE, "challenge": WORDS, "scope": "debusine", "hostname": "laptop"}
PAGE = f"/-/enroll/confirm/{NONCE}/"


@pytest.fixture
def server(transactional_db: None) -> Iterator[LiveServer]:
    with LiveServer().running() as running:
        yield running


@pytest.fixture
def waiting(transactional_db: None) -> Enrolment:
    """A client that waits, as the pages see it."""
    return Enrolment.objects.create(**WANTED, created_at=NOW)


@pytest.fixture
def browser(transactional_db: None) -> Client:
    factories.make_workspace()
    user = factories.make_user("alice")
    client = Client()
    assert client.login(username=user.username, password="secret")
    return client


def ask(server: LiveServer, **changes: Any) -> requests.Response:
    return requests.post(
        f"{server.url}/api/enroll/", json={**WANTED, **changes}, timeout=PATIENCE_S
    )


@pytest.mark.parametrize("address", [PAGE, PAGE.rstrip("/")])
def test_whoever_is_let_in_can_do_what_the_user_can(
    server: LiveServer, browser: Client, address: str
) -> None:
    with ThreadPoolExecutor(1) as pool:
        answer: Future[requests.Response] = pool.submit(ask, server)
        wait_for(Enrolment.objects.first)
        shown = browser.get(address).content.decode()
        assert all(text in shown for text in (WORDS, "laptop", "debusine"))
        assert "no scope of that name" not in shown
        assert b"is let in" in browser.post(PAGE, {"outcome": "confirm"}).content
        got = answer.result()
    assert (got.status_code, got.headers["Content-Type"]) == (200, "application/json")
    assert got.json() == {"outcome": "confirm", "token": got.json()["token"]}
    token = Token.objects.get(hash=hash_key(got.json()["token"]))
    assert (token.user, token.enabled) == (User.objects.get(username="alice"), True)
    assert token.comment == "enrolled from laptop"
    whoami = requests.get(
        f"{server.url}/api/1.0/whoami/", headers={"Token": got.json()["token"]}, timeout=PATIENCE_S
    )
    assert whoami.json()["user"] == "alice"
    assert not Enrolment.objects.exists()


def test_whoever_is_sent_away_gets_no_token(server: LiveServer, browser: Client) -> None:
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(ask, server)
        wait_for(Enrolment.objects.first)
        assert b"is sent away" in browser.post(PAGE, {"outcome": "cancel"}).content
        assert answer.result().json() == {"outcome": "cancel", "token": None}
    assert not Token.objects.exists()


def test_a_line_comes_now_and_then(
    server: LiveServer, browser: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(enrolment_http, "LINE_EVERY_S", 0.0)
    monkeypatch.setattr(enrolment_http, "TICK_S", 0.01)
    answer = requests.post(
        f"{server.url}/api/enroll/", json=WANTED, timeout=PATIENCE_S, stream=True
    )
    with closing(answer):
        assert answer.raw.read(2) == b"\n\n"
        browser.post(PAGE, {"outcome": "confirm"})
        assert b'{"outcome":"confirm","token":"' in answer.raw.read()


def test_patience_ends(server: LiveServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(enrolment_http, "PATIENCE_S", 0.0)
    assert ask(server).json() == {"outcome": "cancel", "token": None}


def test_a_client_that_goes_away_is_forgotten(server: LiveServer) -> None:
    answer = requests.post(
        f"{server.url}/api/enroll/", json=WANTED, timeout=PATIENCE_S, stream=True
    )
    assert Enrolment.objects.count() == 1
    answer.close()
    wait_for(lambda: not Enrolment.objects.exists())


def test_a_nonce_is_for_one_client(server: LiveServer, waiting: Enrolment) -> None:
    answer = ask(server)
    assert (answer.status_code, answer.json()["title"]) == (400, "Cannot enrol client")
    assert answer.json()["validation_errors"] == {"nonce": ["is in use"]}
    assert Enrolment.objects.get() == waiting


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("nonce", "short"),
        ("nonce", "with/slash"),
        ("nonce", f"{NONCE}\n"),
        ("nonce", "x" * 65),
        ("challenge", "two words"),
        ("challenge", "<b>bold</b> and other markup"),
        ("hostname", "nul\0"),
        ("hostname", "x" * 256),
        ("scope", ""),
        ("surplus", "x"),
    ],
)
def test_wrong_fields_are_named(server: LiveServer, field: str, value: str) -> None:
    answer = ask(server, **{field: value})
    assert (answer.status_code, list(answer.json()["validation_errors"])) == (400, [field])
    assert not Enrolment.objects.exists()


@pytest.mark.parametrize(
    ("data", "content_type", "words"),
    [
        (b"{}", "application/json; charset=utf-8", "content type"),
        (b"{", "application/json", "no JSON"),
        (b"[" * 4000, "application/json", "no JSON"),
        (b" " * 4097, "application/json", "4096"),
    ],
)
def test_wrong_bodies_are_refused(
    server: LiveServer, data: bytes, content_type: str, words: str
) -> None:
    answer = requests.post(
        f"{server.url}/api/enroll/",
        data=data,
        headers={"Content-Type": content_type},
        timeout=PATIENCE_S,
    )
    assert (answer.status_code, words in answer.json()["detail"]) == (400, True)
    assert answer.headers["Content-Type"] == "application/problem+json"


def test_nobody_is_asked_to_log_in(waiting: Enrolment) -> None:
    answer = Client().get(PAGE)
    assert answer.status_code == 302
    assert answer["Location"] == f"/-/login/?next={PAGE.replace('/', '%2F')}"


def test_nobody_decides(waiting: Enrolment) -> None:
    assert Client().post(PAGE, {"outcome": "confirm"}).status_code == 403
    assert Enrolment.objects.get().outcome == ""


def test_a_form_of_another_site_decides_nothing(waiting: Enrolment, browser: Client) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = browser.cookies
    assert strict.post(PAGE, {"outcome": "confirm"}).status_code == 403
    assert Enrolment.objects.get().outcome == ""


def test_the_page_warns_of_a_scope_that_is_not_there(browser: Client) -> None:
    Enrolment.objects.create(**{**WANTED, "scope": "other"}, created_at=NOW)
    assert b"no scope of that name" in browser.get(PAGE).content


def test_what_a_client_says_is_no_markup(browser: Client) -> None:
    Enrolment.objects.create(**{**WANTED, "hostname": "<b>bold</b>"}, created_at=NOW)
    assert b"&lt;b&gt;bold" in browser.get(PAGE).content


def test_a_decision_is_made_once(waiting: Enrolment, browser: Client) -> None:
    assert browser.post(PAGE, {"outcome": "cancel"}).status_code == 200
    assert browser.post(PAGE, {"outcome": "confirm"}).status_code == 404
    assert Enrolment.objects.get().outcome == "cancel"


def test_a_form_that_says_nothing_decides_nothing(waiting: Enrolment, browser: Client) -> None:
    assert browser.post(PAGE, {"outcome": "perhaps"}).status_code == 400
    assert Enrolment.objects.get().outcome == ""


def test_what_a_killed_server_left_goes_at_night(waiting: Enrolment) -> None:
    assert remove_enrolments(NOW + ENROLMENT_MAX_AGE) == 0
    assert remove_enrolments(NOW + ENROLMENT_MAX_AGE + timedelta(seconds=1)) == 1
