# SPDX-License-Identifier: GPL-3.0-or-later
"""Shares on the wire: an addition of ours to the API."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from debusine.domain.fair_share import MAX_WEIGHT, MIN_WEIGHT
from debusine.domain.text import StorableText
from debusine.wire.base import StrictWireModel, WireModel


class ShareKind(StrEnum):
    """Who has a share."""

    USER = "user"
    WORKSPACE = "workspace"


class ShareRecord(WireModel):
    """
    What a user or a workspace is entitled to, and has had.

    :param kind: ``user`` or ``workspace``
    :param name: of the user, or of scope and workspace with a slash between them
    :param weight: who has twice the weight may have twice as much
    :param used_s: seconds of slots, as far as they still count
    """

    kind: ShareKind
    name: str
    weight: float
    used_s: float


class ShareUpdate(StrictWireModel):
    """
    What a user or a workspace is to be entitled to.

    :param kind: ``user`` or ``workspace``
    :param name: of the user, or of scope and workspace with a slash between them
    :param weight: who has twice the weight may have twice as much; 1 unless set
    """

    kind: ShareKind
    name: Annotated[StorableText, Field(max_length=400)]
    weight: Annotated[float, Field(ge=MIN_WEIGHT, le=MAX_WEIGHT, allow_inf_nan=False)]
