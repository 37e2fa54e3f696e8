# SPDX-License-Identifier: GPL-3.0-or-later
"""Enrolment: how a client without a token gets one, once somebody in a browser lets it."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from debusine.domain.text import StorableText
from debusine.wire.base import StrictWireModel

_Name = Annotated[StorableText, Field(min_length=1, max_length=255)]


class EnrolmentOutcome(StrEnum):
    """What somebody has decided."""

    CONFIRM = "confirm"
    CANCEL = "cancel"


class EnrolmentRequest(StrictWireModel):
    """
    What a client says of itself.

    :param nonce: unique; part of the address of the page on which somebody decides
    :param challenge: words that the client shows, and the page too
    :param scope: in which the client is to work
    :param hostname: of the client's machine, as it says
    """

    nonce: str = Field(pattern=r"\A[A-Za-z0-9_-]{8,64}\z")
    challenge: str = Field(pattern=r"\A\w{4,10}( \w{4,10}){2,7}\z")
    scope: _Name
    hostname: _Name


class EnrolmentAnswer(StrictWireModel):
    """
    What somebody has decided.

    :param outcome: ``confirm`` or ``cancel``
    :param token: key of a new token of whoever confirmed; None unless confirmed
    """

    outcome: EnrolmentOutcome
    token: str | None = Field(default=None, repr=False)
