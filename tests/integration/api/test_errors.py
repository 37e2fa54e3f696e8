# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

PROBLEM = "application/problem+json"


def test_unknown_path_is_a_problem(api: Any) -> None:
    answer = api.get("/no-such-thing/")
    assert answer.status_code == 404
    assert answer["Content-Type"] == PROBLEM
    assert answer.json() == {"title": "Not found", "detail": "/api/1.0/no-such-thing/"}


def test_unknown_scope_is_refused_before_the_view(api: Any) -> None:
    answer = api.get("/no-such-thing/", **{"X-Debusine-Scope": "nowhere"})
    assert (answer.status_code, answer["Content-Type"]) == (404, "text/plain; charset=utf-8")


def test_answers_vary_by_who_asks(api: Any) -> None:
    assert api.get("/no-such-thing/")["Vary"] == "Cookie, Token"


def test_openapi_is_published(api: Any) -> None:
    answer = api.get("/openapi.json")
    assert answer.status_code == 200
    assert answer.json()["info"]["title"] == "Debusine"
