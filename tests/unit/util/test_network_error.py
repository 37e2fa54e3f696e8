# SPDX-License-Identifier: GPL-3.0-or-later
"""What users see of errors that libraries wrapped several times."""

from __future__ import annotations

import socket
import ssl

import pytest
import requests
from urllib3.exceptions import MaxRetryError, ProtocolError, SSLError

from debusine.util.network_error import reason_of

CERTIFICATE = ssl.SSLCertVerificationError(
    1, "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: self-signed (_ssl.c:1006)"
)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (socket.gaierror(-2, "Name or service not known"), "Name or service not known"),
        (
            requests.ConnectionError(
                ProtocolError("Connection aborted.", ConnectionResetError(104, "Reset by peer"))
            ),
            "Reset by peer",
        ),
        (
            requests.exceptions.SSLError(
                MaxRetryError(None, "/x", SSLError(CERTIFICATE))  # type: ignore[arg-type]  not used
            ),
            "certificate verify failed: self-signed",
        ),
        (requests.ConnectionError("to http://me:pw-7@a.example.org/"), "to http://a.example.org/"),
        (requests.Timeout(), "Timeout"),
    ],
)
def test_the_innermost_reason_is_said(error: Exception, words: str) -> None:
    assert reason_of(error) == words


def test_errors_that_name_each_other() -> None:
    first, second = ValueError("first"), ValueError("second")
    first.__cause__, second.__cause__ = second, first
    assert reason_of(first) == "second"
