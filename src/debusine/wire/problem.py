# SPDX-License-Identifier: GPL-3.0-or-later
"""Errors on the wire: RFC 9457 documents with the only keys clients accept."""

from __future__ import annotations

from typing import Any

from debusine.wire.base import WireModel

PROBLEM_CONTENT_TYPE = "application/problem+json"


class Problem(WireModel):
    """
    An error answer.

    Clients of 0.16 crash on any other key, so an error's code and remedy stand
    inside ``detail``.
    """

    title: str
    detail: str | list[Any] | dict[str, Any] | None = None
    validation_errors: dict[str, Any] | None = None
