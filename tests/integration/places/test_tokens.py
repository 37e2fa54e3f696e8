# SPDX-License-Identifier: GPL-3.0-or-later
"""What tokens of each type are good for."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.test import Client
from tests.integration.conftest import ApiClient

from debusine.db.models import Enrolment, Token, TokenType, Workspace
from debusine.errors import ConflictError
from debusine.server.actions.begin_enrolment import MAX_WAITING, PATIENCE, begin_enrolment
from debusine.server.actor import ANONYMOUS, hash_key
from debusine.testing import factories
from debusine.util.clock import SystemClock
from debusine.wire.enrolment import EnrolmentRequest

NOW = SystemClock().now()
KEY = "5e" * 32


def make(token_type: TokenType, **fields: Any) -> str:
    values: dict[str, Any] = {"created_at": NOW, "enabled": True, "hash": hash_key(KEY)}
    Token.objects.create(token_type=token_type, **(values | fields))
    return KEY


@pytest.fixture
def public(workspace: Workspace) -> Workspace:
    return factories.make_workspace("shown", public=True)


def test_a_token_is_for_what_its_type_says(db: None) -> None:
    user = factories.make_user()
    wrong: list[dict[str, Any]] = [
        {"token_type": TokenType.USER},
        {"token_type": TokenType.USER, "user": user, "external_username": "x"},
        {"token_type": TokenType.EXTERNAL_USER, "external_username": "x"},
        {"token_type": TokenType.EXTERNAL_USER, "explicit_grants_only": True},
        {"token_type": TokenType.WORKER, "user": user},
        {"token_type": TokenType.WORKER, "explicit_grants_only": True},
        {"token_type": TokenType.WORKER_ACTIVATION, "external_username": "x"},
        {"token_type": TokenType.WORK_REQUEST, "user": user},
    ]
    for fields in wrong:
        with pytest.raises(IntegrityError), transaction.atomic():
            make(**fields)
    assert not Token.objects.exists()


@pytest.mark.parametrize("is_external", [False, True])
def test_tokens_with_grants_only_are_nobody_elsewhere(
    *, is_external: bool, public: Workspace
) -> None:
    root = factories.make_user("root", superuser=True)
    fields: dict[str, Any] = {"token_type": TokenType.USER, "user": root}
    if is_external:
        fields = {"token_type": TokenType.EXTERNAL_USER, "external_username": "apt"}
    caller = ApiClient(make(**fields, explicit_grants_only=True))
    answers = [
        caller.get("/collection/shown/"),
        caller.get("/share/"),
        caller.get("/worker/"),
        caller.get("/work-request/"),
        caller.get("/workspace/shown/inheritance/"),
    ]
    assert {answer.status_code for answer in answers} == {403}
    # the name is said, no more
    name = "apt" if is_external else "root"
    assert answers[0].content.decode() == f"{name} cannot display scope debusine\n"


@pytest.mark.parametrize("token_type", [TokenType.WORKER, TokenType.WORKER_ACTIVATION])
def test_tokens_of_workers_that_are_no_workers_see_nothing(
    token_type: TokenType, public: Workspace
) -> None:
    caller = ApiClient(make(token_type))
    assert caller.get("/collection/shown/").status_code == 403
    assert caller.get("/work-request/").status_code == 403


def test_tokens_end(public: Workspace) -> None:
    user = factories.make_user("alice", superuser=True)
    caller = ApiClient(make(TokenType.USER, user=user, expire_at=NOW + timedelta(days=1)))
    assert caller.get("/whoami/").json()["user"] == "alice"
    for change in ({"expire_at": NOW - timedelta(seconds=1)}, {"enabled": False}):
        Token.objects.update(**({"expire_at": None, "enabled": True} | change))
        assert caller.get("/whoami/").json()["user"] == "<anonymous>"
        assert caller.get("/collection/System/").status_code == 403


def test_a_token_is_not_mixed_with_a_session(public: Workspace) -> None:
    user = factories.make_user("alice", superuser=True)
    browser = Client()
    browser.force_login(user)
    mixed = browser.get("/api/1.0/whoami/", headers={"Token": make(TokenType.USER, user=user)})
    assert (mixed.status_code, mixed.content) == (
        403,
        b"send a token or the cookie of a session, not both\n",
    )
    assert ApiClient(KEY).get("/whoami/").json()["user"] == "alice"


def test_so_many_clients_wait_to_be_let_in_at_most(db: None) -> None:
    def wait(number: int, at: Any = NOW) -> None:
        wanted = EnrolmentRequest(
            nonce=f"nonce-{number:08}",
            challenge="some words here",
            scope="debusine",
            hostname="host.example.org",
        )
        begin_enrolment(ANONYMOUS, wanted=wanted, now=at)

    for number in range(MAX_WAITING):
        wait(number)
    with pytest.raises(ConflictError, match="Cannot enrol client"):
        wait(MAX_WAITING)
    assert Enrolment.objects.count() == MAX_WAITING
    wait(MAX_WAITING, NOW + PATIENCE)
