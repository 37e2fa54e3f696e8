# SPDX-License-Identifier: GPL-3.0-or-later
"""Environments that are kept: an addition of ours to the API, and to what agents say."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from debusine.domain.hold import DEFAULT_DURATION, MAX_DURATION, HoldCondition, HoldState
from debusine.domain.text import StorableText
from debusine.wire.base import StrictWireModel, Timestamp, WireModel
from debusine.wire.terminal import TerminalRecord

_Id = Annotated[int, Field(ge=0, lt=1 << 63)]
_Reason = Annotated[StorableText, Field(max_length=400)]
_Seconds = Annotated[int, Field(ge=1, le=int(MAX_DURATION.total_seconds()))]


class HoldWanted(StrictWireModel):
    """
    What somebody asks for.

    :param seconds: how long the environment is kept
    :param condition: after which results
    :param retry: try the request again, and keep the environment of that one
    """

    seconds: _Seconds = int(DEFAULT_DURATION.total_seconds())
    condition: HoldCondition = HoldCondition.FAILURE
    retry: bool = False


class HoldWish(WireModel):
    """
    The same, as an agent is told.

    :param hold: number of the wish, by which the agent answers
    """

    hold: _Id
    seconds: _Seconds
    condition: HoldCondition


class HoldRecord(WireModel):
    """
    What is known about the environment of a request.

    :param work_request: whose it is
    :param state: where the wish stands
    :param text: the same for people: a sentence without its end
    :param condition: after which results it is kept
    :param seconds: for how long
    :param requested_by: name of the user
    :param requested_at: when it was asked for
    :param held_at: since when it is kept
    :param ended_at: when it was ended
    :param worker: name of the worker that has it, or is to have it
    :param until: when it is ended
    :param network: whether what runs in it reaches the worker's network
    :param terminals: that were opened in it, oldest first
    """

    work_request: int | None = None
    state: HoldState = HoldState.NONE
    text: str = ""
    condition: HoldCondition | None = None
    seconds: int | None = None
    requested_by: str | None = None
    requested_at: Timestamp | None = None
    worker: str | None = None
    held_at: Timestamp | None = None
    until: Timestamp | None = None
    ended_at: Timestamp | None = None
    network: bool | None = None
    terminals: list[TerminalRecord] = Field(default_factory=list)


class HeldEnvironment(WireModel):
    """One that an agent keeps."""

    hold: _Id
    work_request_id: _Id
    held_at: Timestamp
    until: Timestamp
    network: bool


class EndedHold(WireModel):
    """One that an agent does not keep, or keeps no longer."""

    hold: _Id
    reason: _Reason


class Holds(WireModel):
    """All that an agent keeps, said anew whenever it changes and after each connect."""

    type: Literal["holds"] = "holds"
    held: Annotated[list[HeldEnvironment], Field(max_length=1000)] = Field(default_factory=list)
    ended: Annotated[list[EndedHold], Field(max_length=1000)] = Field(default_factory=list)
