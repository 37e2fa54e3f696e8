# SPDX-License-Identifier: GPL-3.0-or-later
"""
What worker and server say to each other.

Beyond the frames of 0.16, an agent that introduces itself with ``hello`` gets
``abort``, ``drain``, ``enable`` and ``log_ack``, and sends ``heartbeat`` and its logs as
binary frames: four bytes, big endian, the length of a JSON header; the header
(:class:`LogFrameHeader`); the bytes of the log. One that keeps environments gets ``hold``,
``release`` and ``terminal``, and sends ``holds`` and ``terminal``, see
:mod:`debusine.wire.hold` and :mod:`debusine.wire.terminal`.
"""

from __future__ import annotations

import struct
from typing import Annotated, Literal

from pydantic import Field

from debusine.domain.text import StorableText
from debusine.wire.base import JsonObject, StrictWireModel, Timestamp, WireModel
from debusine.wire.hold import HoldWish

FEATURE_LOG_OFFSETS = "log-offsets"
FEATURE_HEARTBEAT = "heartbeat"
FEATURE_ABORT = "abort"
FEATURE_DRAIN = "drain"
FEATURE_RESERVATION = "reservation"
FEATURE_HOLD = "hold"
MAX_LOG_CHUNK_BYTES = 64 * 1024

LogStream = Literal["stdout", "stderr", "internal"]
WorkerTypeName = Literal["external", "signing", "celery", "scheduler"]

# what a row can have; larger numbers make databases fail
_Id = Annotated[int, Field(ge=0, lt=1 << 63)]
_ExitCode = Annotated[int, Field(ge=-(1 << 31), lt=1 << 31)]
_Feature = Annotated[StorableText, Field(max_length=100)]
_Running = Annotated[list[_Id], Field(max_length=1000)]
_Slots = Annotated[int, Field(ge=1, le=1000)]
_Amount = Annotated[int, Field(ge=0, lt=1 << 31)]


class Register(WireModel):
    """A new worker asks to join."""

    token: str = Field(min_length=1, max_length=64)
    fqdn: str = Field(min_length=1, max_length=400)
    worker_type: WorkerTypeName = "external"


class Hello(WireModel):
    """
    First frame of our agent: what it understands and what it is running.

    :param slots: how many requests it runs at once
    :param memory_mib: for all slots together, as the others; None: not limited
    """

    type: Literal["hello"] = "hello"
    version: str
    features: Annotated[list[_Feature], Field(max_length=100)] = Field(default_factory=list)
    running: _Running = Field(default_factory=list)
    slots: _Slots = 1
    memory_mib: _Amount | None = None
    disk_mib: _Amount | None = None
    cpu_count: _Amount | None = None


class Reservation(WireModel):
    """What of a worker is kept for an attempt; 0: there is no limit."""

    memory_mib: int = 0
    disk_mib: int = 0
    cpu_count: int = 0


class NextWanted(WireModel):
    """
    What our agent says when it asks for work; 0.16 says nothing.

    :param running: all that it runs, so that the server knows what it has lost; None: it
        does not say, and runs nothing
    """

    running: _Running | None = None


class Heartbeat(WireModel):
    """Renews the leases of the work requests that the agent runs."""

    type: Literal["heartbeat"] = "heartbeat"
    running: _Running = Field(default_factory=list)


class LogData(WireModel):
    """
    A piece of a log as 0.16 sends it, and as a reader gets it.

    A reader gets where the piece lies in the log of which attempt, and how many bytes
    it has, as text may replace some.
    """

    type: Literal["log_data"] = "log_data"
    work_request_id: _Id | None = None
    data: str
    stream: LogStream
    timestamp: Timestamp
    offset: int | None = None
    length: int | None = None
    attempt: int | None = None


class LogDataEnd(WireModel):
    """The end of a command's output; -1 when there is no exit code."""

    type: Literal["log_data_end"] = "log_data_end"
    work_request_id: _Id | None = None
    exit_code: _ExitCode
    timestamp: Timestamp


class LogFrameHeader(StrictWireModel):
    """Says where the bytes that follow belong; ``offset`` counts bytes of the attempt's log."""

    work_request_id: _Id
    offset: _Id
    stream: LogStream
    timestamp: Timestamp


class Message(WireModel):
    """
    A frame from server to worker.

    ``text`` is ``connected``, ``request_dynamic_metadata``,
    ``work_request_available``, ``abort``, ``drain``, ``enable``, ``log_ack``, ``hold``,
    ``release`` or ``terminal``. A rejection has no text. ``features`` and ``version`` stand
    in ``connected``; ``drain`` says the ``reason``; ``hold`` and ``frame`` go with the words
    of that name and ``terminal``.
    """

    type: str
    text: str | None = None
    reason: str | None = None
    reason_code: str | None = None
    work_request_id: int | None = None
    offset: int | None = None
    features: list[str] | None = None
    version: str | None = None
    hold: HoldWish | None = None
    frame: JsonObject | None = None


def pack_log_frame(header: LogFrameHeader, data: bytes) -> bytes:
    """Make one binary frame."""
    text = header.model_dump_json().encode()
    return struct.pack(">I", len(text)) + text + data


def unpack_log_frame(frame: bytes) -> tuple[LogFrameHeader, bytes]:
    """
    Take a binary frame apart.

    :raises ValueError: if the frame is cut short or its header is not valid
    """
    if len(frame) < 4:  # noqa: PLR2004  the length field itself
        message = "log frame is shorter than its length field"
        raise ValueError(message)
    (length,) = struct.unpack_from(">I", frame)
    text = frame[4 : 4 + length]
    if len(text) != length:
        message = "log frame is shorter than its header"
        raise ValueError(message)
    return LogFrameHeader.model_validate_json(text), frame[4 + length :]


DynamicMetadata = JsonObject
