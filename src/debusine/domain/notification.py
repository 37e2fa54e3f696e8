# SPDX-License-Identifier: GPL-3.0-or-later
"""What a notification says: its channel's data, and what the request wants otherwise."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from string import Template
from typing import Any

NAME = re.compile(r"[A-Za-z][A-Za-z0-9+._-]{0,19}")
DEFAULT_SUBJECT = "WorkRequest $work_request_id completed in $work_request_result"
BODY = "Sent by debusine\n"
# an address, or a name with an address behind it
_ADDRESS = re.compile(r"(?P<name>[^@<>,;]*<)?[^\s@<>,;]+@[^\s@<>,;]+(?(name)>)")


@dataclass(frozen=True, kw_only=True, slots=True)
class Mail:
    """An e-mail before it is sent; ``sender`` is empty for the server's own address."""

    sender: str
    to: tuple[str, ...]
    cc: tuple[str, ...]
    subject: str


def compose(
    channel: Mapping[str, Any], wanted: Mapping[str, Any], *, work_request: int, result: str
) -> Mail:
    """
    Put a notification together.

    :param channel: data of the channel: ``from``, ``to``, ``cc``, ``subject``
    :param wanted: the same keys; what is null is left to the channel

    >>> compose({"to": ["a@example.org"]}, {}, work_request=3, result="failure").subject
    'WorkRequest 3 completed in failure'
    """
    data = dict(channel) | {key: value for key, value in wanted.items() if value is not None}
    subject = Template(data.get("subject") or DEFAULT_SUBJECT)
    return Mail(
        sender=data.get("from") or "",
        to=tuple(data.get("to") or ()),
        cc=tuple(data.get("cc") or ()),
        subject=subject.safe_substitute(work_request_id=work_request, work_request_result=result),
    )


def problems_of(data: Mapping[str, Any]) -> list[str]:
    """
    Say what is wrong with addresses and subject; what is absent is not.

    >>> problems_of({"to": ["nobody"], "subject": "fine"})
    ["to: 'nobody' is no address"]
    """
    addresses = [("from", data.get("from"))]
    addresses += [(key, each) for key in ("to", "cc") for each in data.get(key) or ()]
    found = [
        f"{key}: {address!r:.80} is no address"
        for key, address in addresses
        if address is not None and not _is_address(address)
    ]
    if not (data.get("subject") or "").isprintable():
        found.append("subject: must be one line")
    return found


def _is_address(text: str) -> bool:
    """Whether it is one address, with a name or without."""
    return text.isprintable() and _ADDRESS.fullmatch(text) is not None
