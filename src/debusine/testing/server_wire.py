# SPDX-License-Identifier: GPL-3.0-or-later
"""How a server in memory is asked and answers, and the faults that tests order."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias
from urllib.parse import parse_qs, unquote, urlsplit

import requests
import urllib3
from requests.adapters import BaseAdapter
from requests.structures import CaseInsensitiveDict
from typing_extensions import override

from debusine.wire.problem import PROBLEM_CONTENT_TYPE

Json: TypeAlias = Any


@dataclass(frozen=True, kw_only=True)
class Request:
    """What a client asked."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, kw_only=True)
class Answer:
    """
    What the server says.

    :param broken_after: the connection breaks after so many bytes of the body
    """

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    broken_after: int | None = None


def as_json(content: Json, status: int = 200, **headers: str) -> Answer:
    """Answer with a JSON document."""
    return Answer(
        status=status,
        body=json.dumps(content).encode(),
        headers={"Content-Type": "application/json", **headers},
    )


def problem(title: str, status: int, **more: Json) -> Answer:
    """Answer with a problem document."""
    return Answer(
        status=status,
        body=json.dumps({"title": title, **more}).encode(),
        headers={"Content-Type": PROBLEM_CONTENT_TYPE},
    )


@dataclass(kw_only=True)
class Fault:
    """
    Something that goes wrong.

    :param path: regular expression that the path of the request contains
    :param what: an answer in place of the right one, an exception, or a function that
        changes the right answer
    :param times: how often
    """

    path: str
    what: Answer | Exception | Callable[[Answer], Answer]
    times: int = 1
    method: str = ""

    def hits(self, request: Request) -> bool:
        """Whether it is the turn of this fault."""
        fits = self.method in ("", request.method) and re.search(self.path, request.path)
        return self.times > 0 and bool(fits)


Handler = Callable[..., Answer]


def route(method: str, pattern: str) -> Callable[[Handler], Handler]:
    """Mark a method as the answer to requests whose whole path fits a regular expression."""

    def mark(handler: Handler) -> Handler:
        vars(handler)["route"] = (method, re.compile(pattern))
        return handler

    return mark


def find_answer(parts: tuple[object, ...], request: Request) -> Answer:
    """Have the right method of one of several objects answer a request."""
    for part in parts:
        for handler in vars(type(part)).values():
            method, pattern = getattr(handler, "route", (None, None))
            if method == request.method and pattern is not None:
                match = pattern.fullmatch(request.path)
                if match is not None:
                    answer: Answer = handler(part, request, *match.groups())
                    return answer
    return problem("Object not found", 404)


class Answering(Protocol):
    """What answers requests."""

    def handle(self, request: Request) -> Answer:
        """Answer a request."""
        ...


class _BreakingBody(io.BytesIO):
    """A body that ends with a reset of the connection."""

    @override
    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(size)
        if not data:
            message = "connection reset"
            raise ConnectionResetError(message)
        return data


class MemoryAdapter(BaseAdapter):
    """Hands the requests of a session to a server in memory."""

    def __init__(self, server: Answering) -> None:
        super().__init__()
        self._server = server

    @override
    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> Any:
        assert request.url is not None
        parts = urlsplit(request.url)
        answer = self._server.handle(
            Request(
                method=request.method or "GET",
                path=re.sub("/+", "/", unquote(parts.path)),
                query={name: values[0] for name, values in parse_qs(parts.query).items()},
                headers=CaseInsensitiveDict(request.headers),
                body=_read_body(request.body),
            )
        )
        response = requests.Response()
        response.status_code = answer.status
        response.headers = CaseInsensitiveDict(answer.headers)
        response.url = request.url
        response.request = request
        whole = answer.broken_after is None
        body = (
            io.BytesIO(answer.body) if whole else _BreakingBody(answer.body[: answer.broken_after])
        )
        response.raw = urllib3.HTTPResponse(
            body, status=answer.status, headers=dict(answer.headers), preload_content=False
        )
        return response

    @override
    def close(self) -> None:
        """Nothing is open."""


def _read_body(body: Any) -> bytes:
    if body is None:
        return b""
    if isinstance(body, str):
        return body.encode()
    # an iterator may give the same buffer again and again
    return body if isinstance(body, bytes) else b"".join([bytes(block) for block in body])
