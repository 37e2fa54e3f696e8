# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import socket

import pytest
import requests

from debusine.client.debusine import Debusine
from debusine.client.http import Transport, make_session, same_origin
from debusine.errors import (
    ConflictError,
    DebusineError,
    NotFoundError,
    PermissionDeniedError,
    UpstreamError,
    UserError,
)
from debusine.testing.server import MemoryServer
from debusine.testing.server_wire import Answer, Fault, as_json, problem
from debusine.wire.work_request import WorkRequestCreate


def test_token_and_scope_go_along(client: Debusine, server: MemoryServer) -> None:
    assert client.whoami().user == "alice"
    [request] = server.requests
    assert request.path == "/api/1.0/whoami/"
    assert request.headers["Token"] == "k" * 64
    assert request.headers["X-Debusine-Scope"] == "debusine"


def test_anonymous(server: MemoryServer) -> None:
    transport = Transport(base_api_url=server.base_url, session=server.session())
    assert Debusine.over(transport).whoami().user == "<anonymous>"
    assert "Token" not in server.requests[0].headers


def test_architectures_of_the_workers_that_are_there(
    client: Debusine, server: MemoryServer
) -> None:
    groups = {
        "i386": {"connected": 1},
        "amd64": {"connected": 2},
        "armhf": {"registered": 1},
        "None": {"connected": 1},
    }
    answer = as_json({"external_workers_arch": groups})
    server.faults.append(Fault(path="service-status", what=answer))
    assert client.service_status().architectures == ["amd64", "i386"]


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, UserError),
        (403, PermissionDeniedError),
        (404, NotFoundError),
        (409, ConflictError),
        (500, UpstreamError),
    ],
)
def test_problem_becomes_error(
    client: Debusine, server: MemoryServer, status: int, kind: type[DebusineError]
) -> None:
    answer = problem("Bad", status, detail="why", validation_errors={"a.b": ["wrong"]})
    server.faults.append(Fault(path="whoami", what=answer))
    with pytest.raises(kind) as raised:
        client.whoami()
    assert raised.value.brief == "Bad"
    assert raised.value.details == "why"
    assert raised.value.validation_errors == {"a.b": ["wrong"]}
    assert len(server.requests) == 1


def test_problem_with_structured_detail(client: Debusine, server: MemoryServer) -> None:
    server.faults.append(Fault(path="whoami", what=problem("Bad", 400, detail=["a", "é"])))
    with pytest.raises(UserError) as raised:
        client.whoami()
    assert raised.value.details == '["a", "é"]'


@pytest.mark.parametrize(
    ("answer", "kind", "text"),
    [
        (Answer(status=403), PermissionDeniedError, "refuses the token"),
        (Answer(status=404), NotFoundError, "not found: http://memory.example.org/api/1.0/whoami/"),
        (
            Answer(
                status=404,
                headers={"Content-Type": "text/plain; charset=utf-8"},
                body=b"scope not found: nope",
            ),
            NotFoundError,
            "^scope not found: nope$",
        ),
        (
            Answer(status=404, headers={"Content-Type": "text/plain"}, body=b"\x1b[31m"),
            NotFoundError,
            "not found: http",
        ),
        (Answer(status=418, body=b"tea"), UpstreamError, "unexpected answer 418"),
        (as_json({"nonsense": 1}), UpstreamError, "cannot understand the answer"),
        (Answer(body=b"<html>"), UpstreamError, "cannot understand the answer"),
    ],
)
def test_answers_without_problem(
    client: Debusine, server: MemoryServer, answer: Answer, kind: type[DebusineError], text: str
) -> None:
    server.faults.append(Fault(path="whoami", what=answer))
    with pytest.raises(kind, match=text):
        client.whoami()


def test_asks_again_when_unreachable_or_busy(
    client: Debusine, server: MemoryServer, pauses: list[float]
) -> None:
    server.faults += [
        Fault(path="whoami", what=requests.ConnectionError("reset"), times=2),
        Fault(path="whoami", what=Answer(status=503), times=1),
    ]
    assert client.whoami().user == "alice"
    assert len(server.requests) == 4
    assert len(pauses) == 3


def test_gives_up_when_patience_is_over(server: MemoryServer) -> None:
    transport = Transport(base_api_url=server.base_url, session=server.session(), patience_s=0)
    server.faults.append(Fault(path="", what=requests.ConnectionError("refused"), times=99))
    with pytest.raises(UpstreamError, match="cannot reach the server at http"):
        Debusine.over(transport).whoami()
    assert len(server.requests) == 1


def test_who_does_not_listen_is_named_without_login() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    transport = Transport(base_api_url=f"http://me:pw-7@127.0.0.1:{port}/api", patience_s=0)
    with pytest.raises(UpstreamError) as caught:
        Debusine.over(transport).whoami()
    assert caught.value.brief == f"cannot reach the server at http://127.0.0.1:{port}/api"
    assert caught.value.details == "Connection refused"


def test_never_creates_work_twice(client: Debusine, server: MemoryServer) -> None:
    server.faults.append(Fault(path="work-request", what=requests.ConnectionError("reset")))
    with pytest.raises(UpstreamError):
        client.work_request_create(WorkRequestCreate(task_name="noop"))
    assert len(server.requests) == 1


def test_creates_work_once_the_server_listens(client: Debusine, server: MemoryServer) -> None:
    refused = requests.ConnectionError("NewConnectionError: connection refused")
    server.faults.append(Fault(path="work-request", what=refused, times=2))
    assert client.work_request_create(WorkRequestCreate(task_name="noop")).id == 1
    assert len(server.requests) == 3


def test_token_stays_with_its_origin() -> None:
    base = "https://debusine.example.org/api"
    assert same_origin("https://debusine.example.org/x/y", base)
    assert not same_origin("http://debusine.example.org/x", base)
    assert not same_origin("https://debusine.example.org:8443/x", base)
    assert not same_origin("https://store.example.org/x", base)


@pytest.mark.parametrize(
    ("url", "trusted"),
    [("http://127.0.0.1:8000/api", False), ("https://debusine.example.org/api", True)],
)
def test_no_proxy_for_this_machine(url: str, *, trusted: bool) -> None:
    with make_session(url) as session:
        assert session.trust_env is trusted
