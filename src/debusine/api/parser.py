# SPDX-License-Identifier: GPL-3.0-or-later
"""Read the bodies of requests."""

from __future__ import annotations

import json
from typing import Any

from django.http import HttpRequest
from ninja.parser import Parser
from typing_extensions import override


class StrictParser(Parser):
    """
    Takes JSON as the standard has it, and text that can be written as UTF-8.

    Python reads more: numbers that are none, and halves of characters, on which
    databases choke later.

    :source: RFC 8259, sections 6 and 8.2
    """

    @override
    def parse_body(self, request: HttpRequest) -> Any:
        body = json.loads(request.body, parse_constant=_refuse)
        if b"\\u" in request.body:
            json.dumps(body, ensure_ascii=False).encode()
        return body


def _refuse(name: str) -> None:
    message = f"{name} is not a number"
    raise ValueError(message)
