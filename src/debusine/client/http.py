# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests to the server: who asks, what an answer means, when to ask again."""

from __future__ import annotations

import ipaddress
import json
import os
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests
from pydantic import ValidationError
from requests.adapters import HTTPAdapter
from typing_extensions import override

from debusine.client.identity import DEFAULT_TIMEOUT, USER_AGENT, Timeout
from debusine.errors import (
    ConflictError,
    DebusineError,
    NotFoundError,
    PermissionDeniedError,
    UpstreamError,
    UserError,
)
from debusine.util.apt_sources import strip_credentials
from debusine.util.network_error import reason_of
from debusine.util.retry import Backoff
from debusine.wire.problem import PROBLEM_CONTENT_TYPE, Problem

SYSTEM_CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")

_BLOCK_BYTES = 1024 * 1024
_BUSY = frozenset({429, 500, 502, 503, 504})
_UNAVAILABLE = 503
_MAX_REDIRECTS = 5
_ERRORS: dict[int, type[DebusineError]] = {
    400: UserError,
    403: PermissionDeniedError,
    404: NotFoundError,
    409: ConflictError,
    410: NotFoundError,
}


class _BlockAdapter(HTTPAdapter):
    """Sends bodies in large blocks: the default of 16 KiB costs half the speed."""

    @override
    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, blocksize=_BLOCK_BYTES, **kwargs)


def make_session(base_url: str) -> requests.Session:
    """
    Make a session that keeps connections open.

    Certificates come from the system, so that an authority the administrator
    added counts. A proxy is never asked for this very machine.
    """
    session = requests.Session()
    adapter = _BlockAdapter()
    session.mount("http://", adapter)
    session.mount("https://", adapter)
    if SYSTEM_CERTIFICATES.is_file() and not os.environ.get("REQUESTS_CA_BUNDLE"):
        session.verify = str(SYSTEM_CERTIFICATES)
    session.trust_env = not is_loopback(urlsplit(base_url).hostname or "")
    return session


def is_loopback(host: str) -> bool:
    """
    Whether a host name can only mean this machine.

    >>> is_loopback("127.0.0.1"), is_loopback("localhost"), is_loopback("example.org")
    (True, True, False)
    """
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def same_origin(url: str, other: str) -> bool:
    """Whether two URLs name the same server, so that a token for one may go to the other."""
    return urlsplit(url)[:2] == urlsplit(other)[:2]


def error_from(response: requests.Response) -> DebusineError:
    """Make the error that an answer stands for."""
    problem = _problem(response)
    kind = _ERRORS.get(response.status_code, UpstreamError)
    if problem is not None:
        detail = problem.detail
        if detail is not None and not isinstance(detail, str):
            detail = json.dumps(detail, ensure_ascii=False)
        return kind(problem.title, details=detail, validation_errors=problem.validation_errors)
    if kind is PermissionDeniedError:
        return kind(
            f"the server refuses the token (403): {response.url}",
            resolution="The token is wrong, expired or disabled; make a new one.",
        )
    if kind is NotFoundError:
        said = _plain_text(response)
        url = strip_credentials(response.url)
        return kind(said, details=f"asked for {url}") if said else kind(f"not found: {url}")
    return UpstreamError(
        f"unexpected answer {response.status_code} of the server: {response.url}",
        details=response.text[:500] or None,
    )


def _plain_text(response: requests.Response) -> str | None:
    """What a server says in one line of plain text, such as that it lacks the scope."""
    if not response.headers.get("Content-Type", "").startswith("text/plain"):
        return None
    line = response.text[:500].strip()
    return line if line.isprintable() else None


def _problem(response: requests.Response) -> Problem | None:
    content_type = response.headers.get("Content-Type", "").partition(";")[0].strip()
    if content_type != PROBLEM_CONTENT_TYPE:
        return None
    try:
        return Problem.model_validate_json(response.content)
    except ValidationError:
        return None


@dataclass(kw_only=True)
class Transport:
    """
    Sends requests to one server.

    :param base_api_url: such as ``https://debusine.example.org/api``
    :param token: key to show, or None to ask anonymously
    :param scope: scope of API requests; the server's default if None
    :param timeout: seconds to wait for a connection, and for the next bytes
    :param patience_s: how long to go on asking a server that cannot be reached or is
        busy, in seconds
    :param session: what really sends; tests bring one with an adapter of their own
    :param sleep: waits; tests bring one that does not
    """

    base_api_url: str
    token: str | None = None
    scope: str | None = None
    timeout: Timeout = DEFAULT_TIMEOUT
    patience_s: float = 10
    session: requests.Session | None = None
    sleep: Callable[[float], None] = time.sleep
    backoff: Backoff = field(default=Backoff(first_s=0.2, max_s=5))

    def __post_init__(self) -> None:
        self.base_url = self.base_api_url.rstrip("/")

    @cached_property
    def _connections(self) -> requests.Session:
        """Made at the first request: many a task sends none."""
        return self.session or make_session(self.base_url)

    def call(
        self,
        method: str,
        path: str,
        *,
        expect: Iterable[int] = (200,),
        repeatable: bool | None = None,
        **options: Any,
    ) -> requests.Response:
        """
        Send one API request.

        :param path: path below ``/api/1.0/``, or an absolute URL a server gave as ``next``
        :param expect: statuses that are no error
        :param repeatable: whether it does no harm if the server gets it twice; by
            default true for all methods but POST
        :param options: for :meth:`requests.Session.request`: json, params, data, headers
        :raises DebusineError: the error the server answers with
        :raises UpstreamError: if the server cannot be reached
        """
        headers = dict(options.pop("headers", None) or {})
        if self.scope is not None:
            headers["X-Debusine-Scope"] = self.scope
        url = path if "://" in path else f"{self.base_url}/1.0/{path}"
        if repeatable is None:
            repeatable = method != "POST"
        response = self._persist(method, url, headers, options, repeatable=repeatable)
        if response.status_code not in expect:
            raise error_from(response)
        return response

    def open_stream(
        self, url: str, *, offset: int = 0, headers: Mapping[str, str] | None = None
    ) -> requests.Response:
        """
        Open a download; redirects to other servers are followed without the token.

        :param offset: first byte wanted
        :returns: an answer with status 200 or 206 whose body is still to be read
        :raises DebusineError: the error the server answers with
        :raises UpstreamError: if it redirects without end
        """
        wanted = {"Accept-Encoding": "identity", **(headers or {})}
        if offset:
            wanted["Range"] = f"bytes={offset}-"
        for _ in range(_MAX_REDIRECTS):
            response = self._persist("GET", url, wanted, {"stream": True}, repeatable=True)
            if response.is_redirect:
                response.close()
                url = urljoin(url, response.headers["Location"])
                continue
            if response.status_code not in (200, 206):
                raise error_from(response)
            return response
        raise UpstreamError(f"too many redirects: {url}")

    def send(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        options: Mapping[str, Any],
    ) -> requests.Response:
        """
        Send once, whatever the answer.

        :raises requests.RequestException: if there is no answer
        """
        identity = {"User-Agent": USER_AGENT}
        if self.token is not None and same_origin(url, self.base_url):
            identity["Token"] = self.token
        return self._connections.request(
            method,
            url,
            headers={**identity, **headers},
            timeout=self.timeout,
            allow_redirects=False,
            **options,
        )

    def _persist(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        options: Mapping[str, Any],
        *,
        repeatable: bool,
    ) -> requests.Response:
        give_up_at = time.monotonic() + self.patience_s
        for pause in self.backoff.pauses():
            patient = time.monotonic() + pause < give_up_at
            try:
                response = self.send(method, url, headers, options)
            except (requests.ConnectionError, requests.Timeout) as error:
                if not patient or not (repeatable or _was_never_sent(error)):
                    raise unreachable(self.base_url, error) from error
            except requests.RequestException as error:
                shown = strip_credentials(url)
                raise UserError(f"cannot ask {shown}: {reason_of(error)}") from error
            else:
                # a problem document is the server's considered answer, but 503 means "later"
                busy = response.status_code in _BUSY and (
                    response.status_code == _UNAVAILABLE or _problem(response) is None
                )
                if not (busy and repeatable and patient):
                    return response
                response.close()
            self.sleep(pause)
        raise AssertionError  # pauses have no end


def unreachable(base_url: str, error: Exception) -> UpstreamError:
    """Say that a server cannot be reached."""
    return UpstreamError(
        f"cannot reach the server at {strip_credentials(base_url)}",
        details=reason_of(error),
        resolution="Check that it runs and that its address is right.",
    )


def _was_never_sent(error: requests.RequestException) -> bool:
    return isinstance(error, requests.ConnectTimeout) or "NewConnectionError" in repr(error)
