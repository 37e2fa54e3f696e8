# SPDX-License-Identifier: GPL-3.0-or-later
"""Read the bodies of requests."""

from __future__ import annotations

import json
from typing import Any

from django.http import HttpRequest
from ninja.parser import Parser
from typing_extensions import override

from debusine.domain.text import require_storable


class StrictParser(Parser):
    """Reads bodies with :func:`parse_json`."""

    @override
    def parse_body(self, request: HttpRequest) -> Any:
        return parse_json(request.body)


def parse_json(data: bytes) -> Any:
    """
    Read JSON as the standard has it, with text that can be stored.

    Python reads more: numbers that are none, and characters on which databases choke.

    :raises UserError: naming the fields whose text cannot be stored
    :raises ValueError: if it is no JSON
    :raises RecursionError: if it is too deep
    :source: RFC 8259, sections 6 and 8.2
    """
    # given bytes, json takes more than UTF-8, and halves of characters in it
    document = json.loads(data.decode("utf-8-sig"), parse_constant=_refuse)
    # what cannot be stored comes in no other way
    if b"\\u" in data:
        require_storable(document)
    return document


def _refuse(name: str) -> None:
    message = f"{name} is not a number"
    raise ValueError(message)
