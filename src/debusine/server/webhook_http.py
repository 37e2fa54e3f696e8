# SPDX-License-Identifier: GPL-3.0-or-later
"""
Send messages to addresses that somebody outside chose.

A name is resolved once; every address that comes of it must be allowed, and the connection
goes to one of these. Redirects are not followed, proxies not asked, bodies of answers not read.
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address
from urllib.parse import urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from typing_extensions import override

from debusine import __version__
from debusine.domain.address import Network, may_call
from debusine.domain.webhook import signature_of
from debusine.util.network_error import reason_of

TIME_LIMIT_S = 10.0
# of those to one webhook
_AT_ONCE = 4
_SUCCESSES = range(200, 300)
_REDIRECTS = range(300, 400)

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]


class NotAllowedError(OSError):
    """An address that must not be called."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Message:
    """
    What is to be sent to whom.

    :param delivery: id of the row; the same at each try, and so is that of the message
    :param webhook: id of the row
    """

    delivery: int
    webhook: int
    url: str
    secret: str = field(repr=False)
    body: bytes

    @property
    def message_id(self) -> str:
        """By which receivers know what they have already."""
        return f"msg_{self.delivery}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """
    What came of a try.

    :param status: of the answer, if there was one
    :param error: empty if it was delivered
    """

    status: int | None = None
    error: str = ""
    duration_s: float = 0.0


async def resolve_with_system(host: str, port: int) -> Sequence[str]:
    """Ask the system for the addresses of a host."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(address[0]) for *_, address in found]


class _Checked(AbstractResolver):
    """Finds only addresses that may be called."""

    def __init__(self, resolve: Resolve, allowed: tuple[Network, ...]) -> None:
        self._resolve = resolve
        self._allowed = allowed

    @override
    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = await self._resolve(host, port)
        for address in found:
            self.require(address)
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
            for address in found
        ]

    def require(self, address: str) -> None:
        """
        Check an address.

        :raises NotAllowedError: if it must not be called
        """
        if not may_call(address, allowed=self._allowed):
            raise NotAllowedError(f"{address} is no public address, and none that is allowed")

    @override
    async def close(self) -> None:
        pass


@dataclass(frozen=True, kw_only=True, slots=True)
class Sender:
    """
    Sends messages.

    :param allowed: networks that may be called although they are not public
    :param time_limit_s: of each try, in seconds
    """

    allowed: tuple[Network, ...] = ()
    resolve: Resolve = resolve_with_system
    time_limit_s: float = TIME_LIMIT_S

    def send_all(self, messages: Sequence[Message], *, timestamp: int) -> list[Outcome]:
        """
        Try to send each once, many at the same time; returns once each has an outcome.

        :param timestamp: seconds since 1970; receivers refuse old ones
        :returns: in the order of the messages
        """
        return asyncio.run(self._send_all(messages, timestamp))

    async def _send_all(self, messages: Sequence[Message], timestamp: int) -> list[Outcome]:
        turns = {message.webhook: asyncio.Semaphore(_AT_ONCE) for message in messages}
        checked = _Checked(self.resolve, self.allowed)
        async with aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                resolver=checked, use_dns_cache=False, force_close=True, limit=0
            ),
            timeout=aiohttp.ClientTimeout(total=self.time_limit_s),
            cookie_jar=aiohttp.DummyCookieJar(),
        ) as session:

            async def send(message: Message) -> Outcome:
                async with turns[message.webhook]:
                    return await self._send(session, checked, message, timestamp)

            return list(await asyncio.gather(*map(send, messages)))

    async def _send(
        self, session: aiohttp.ClientSession, checked: _Checked, message: Message, timestamp: int
    ) -> Outcome:
        began = time.monotonic()
        status: int | None = None
        try:
            _require_literal(message.url, checked)
            async with session.post(
                message.url,
                data=message.body,
                headers=_headers(message, timestamp),
                allow_redirects=False,
            ) as answer:
                status = answer.status
                # what it says beside is nobody's business; do not wait for it
                answer.close()
            error = _judge(status)
        except TimeoutError:
            error = f"no answer within {self.time_limit_s:g} s"
        except (aiohttp.ClientError, OSError, ValueError) as problem:
            error = reason_of(problem)[:500]
        return Outcome(status=status, error=error, duration_s=round(time.monotonic() - began, 3))


def _require_literal(url: str, checked: _Checked) -> None:
    """
    Check an address that the URL itself names, which nobody resolves.

    :raises NotAllowedError: if it must not be called
    """
    host = urlsplit(url).hostname or ""
    try:
        address = str(ip_address(host))
    except ValueError:
        return
    checked.require(address)


def _headers(message: Message, timestamp: int) -> dict[str, str]:
    return {
        "Content-Type": "application/json",
        "User-Agent": f"debusine/{__version__}",
        "webhook-id": message.message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": signature_of(
            message.secret,
            message_id=message.message_id,
            timestamp=timestamp,
            body=message.body,
        ),
    }


def _judge(status: int) -> str:
    """Say what is wrong with an answer; empty if nothing is."""
    if status in _SUCCESSES:
        return ""
    if status in _REDIRECTS:
        return f"answered {status}; redirects are not followed"
    return f"answered {status}"
