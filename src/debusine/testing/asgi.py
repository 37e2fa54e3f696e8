# SPDX-License-Identifier: GPL-3.0-or-later
"""Call an ASGI application as a server would, without a network."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

Application = Callable[[Any, Any, Any], Awaitable[None]]


@dataclass(kw_only=True, slots=True)
class Answer:
    """
    What an application sent.

    :param headers: by name in lower case
    :param is_complete: whether the application sent the end of the body
    """

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    is_complete: bool = False


def http_scope(method: str, url: str, headers: Mapping[str, str]) -> dict[str, Any]:
    """
    Make the scope of a request.

    :param url: path and query, percent-encoded
    """
    path, _, query = url.partition("?")
    return {
        "type": "http",
        "method": method,
        "path": unquote(path),
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "headers": [
            (name.lower().encode(), value.encode("latin1")) for name, value in headers.items()
        ],
    }


async def call(
    application: Application,
    method: str,
    url: str,
    *,
    headers: Mapping[str, str] | None = None,
    body: Iterable[bytes] = (),
    goes_away: bool = False,
) -> Answer:
    """
    Make one request.

    :param body: in the pieces in which it arrives
    :param goes_away: the client breaks the connection after these pieces
    """
    answer = Answer()
    pieces = list(body)
    messages = [
        {"type": "http.request", "body": piece, "more_body": goes_away or number < len(pieces)}
        for number, piece in enumerate(pieces or [b""], start=1)
    ]

    async def receive() -> dict[str, Any]:
        return messages.pop(0) if messages else {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            if answer.status:
                raise RuntimeError("an answer can begin only once")
            answer.status = message["status"]
            answer.headers = {
                name.decode(): value.decode("latin1") for name, value in message["headers"]
            }
        else:
            answer.body += message["body"]
            answer.is_complete = not message.get("more_body", False)

    await application(http_scope(method, url, headers or {}), receive, send)
    return answer
