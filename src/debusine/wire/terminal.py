# SPDX-License-Identifier: GPL-3.0-or-later
"""
What passes between somebody at a terminal and a kept environment, through the server.

Either side numbers the bytes that it sends, see :mod:`debusine.util.byte_stream`. The
server passes frames on, in either direction, and keeps what was shown.
"""

from __future__ import annotations

import base64
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, PlainSerializer, TypeAdapter

from debusine.domain.text import StorableText
from debusine.wire.base import Timestamp, WireModel

MAX_PIECE_BYTES = 64 * 1024
MAX_SIDE = 1000
MAX_WORDS = 1000


def _decode(value: object) -> object:
    """
    Read bytes as they are written on the wire.

    :raises ValueError: if they are not base64, or too many
    """
    if not isinstance(value, str):
        return value
    if len(value) > MAX_PIECE_BYTES * 2:
        message = "this piece is too long"
        raise ValueError(message)
    return base64.b64decode(value, validate=True)


def _encode(value: bytes) -> str:
    return base64.b64encode(value).decode()


_Id = Annotated[int, Field(ge=0, lt=1 << 63)]
_Side = Annotated[int, Field(ge=1, le=MAX_SIDE)]
_Bytes = Annotated[
    bytes, BeforeValidator(_decode), PlainSerializer(_encode), Field(max_length=MAX_PIECE_BYTES)
]
_Reason = Annotated[StorableText, Field(max_length=400)]


class _Frame(WireModel):
    """A message about a terminal."""

    type: Literal["terminal"] = "terminal"
    terminal: _Id = 0


class TerminalWanted(WireModel):
    """
    What a person asks for, in the first frame.

    :param is_root: as root of the sandbox, otherwise as the user of the task
    :param term: kind of the person's terminal
    :param command: what runs in it; empty: a shell
    """

    is_root: bool = False
    rows: _Side = 24
    columns: _Side = 80
    term: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.+-]{1,64}$")] = "dumb"
    command: Annotated[list[StorableText], Field(max_length=MAX_WORDS)] = Field(
        default_factory=list
    )


class TerminalOpen(TerminalWanted, _Frame):
    """
    Open a terminal; from the server to the agent.

    :param idle_s: it ends when nothing was typed for so long
    """

    kind: Literal["open"] = "open"
    work_request_id: _Id
    idle_s: Annotated[int, Field(ge=1)] = 900


class TerminalData(_Frame):
    """Bytes that were typed, or shown; base64 on the wire."""

    kind: Literal["data"] = "data"
    offset: _Id
    data: _Bytes


class TerminalAck(_Frame):
    """The other side has all bytes before an offset."""

    kind: Literal["ack"] = "ack"
    offset: _Id


class TerminalResize(_Frame):
    """The person's terminal has another size."""

    kind: Literal["resize"] = "resize"
    rows: _Side
    columns: _Side


class TerminalAlive(_Frame):
    """The person is still there: a terminal that hears nothing ends."""

    kind: Literal["alive"] = "alive"


class TerminalClose(_Frame):
    """The person has left, or the server wants it closed."""

    kind: Literal["close"] = "close"
    reason: _Reason = ""


class TerminalExit(_Frame):
    """
    It has ended.

    :param exit_code: of what ran in it; null if it did not end by itself
    :param reason: why, if it did not
    """

    kind: Literal["exit"] = "exit"
    exit_code: Annotated[int, Field(ge=-255, le=255)] | None = None
    reason: _Reason = ""


ClientFrame = Annotated[
    TerminalData | TerminalAck | TerminalResize | TerminalAlive | TerminalClose,
    Field(discriminator="kind"),
]
"""What may come from a person."""
AgentFrame = Annotated[TerminalData | TerminalAck | TerminalExit, Field(discriminator="kind")]
"""What may come from an agent."""
AnyFrame = Annotated[
    TerminalOpen
    | TerminalData
    | TerminalAck
    | TerminalResize
    | TerminalAlive
    | TerminalClose
    | TerminalExit,
    Field(discriminator="kind"),
]

_CLIENT: TypeAdapter[Any] = TypeAdapter(ClientFrame)
_AGENT: TypeAdapter[Any] = TypeAdapter(AgentFrame)
_ANY: TypeAdapter[Any] = TypeAdapter(AnyFrame)


def parse_client_frame(
    content: object,
) -> TerminalData | TerminalAck | TerminalResize | TerminalAlive | TerminalClose:
    """
    Read what a person's program sends.

    :raises ValueError: if it is something else
    """
    frame: TerminalData | TerminalAck | TerminalResize | TerminalAlive | TerminalClose = (
        _CLIENT.validate_python(content)
    )
    return frame


def parse_agent_frame(content: object) -> TerminalData | TerminalAck | TerminalExit:
    """
    Read what an agent sends.

    :raises ValueError: if it is something else
    """
    frame: TerminalData | TerminalAck | TerminalExit = _AGENT.validate_python(content)
    return frame


def parse_frame(content: object) -> _Frame:
    """
    Read any frame.

    :raises ValueError: if it is none
    """
    frame: _Frame = _ANY.validate_python(content)
    return frame


class TerminalWelcome(WireModel):
    """
    First frame that a person's program gets, if the terminal is opened.

    :param network: whether what runs there reaches the worker's network
    """

    type: Literal["connected"] = "connected"
    terminal: int
    worker: str
    network: bool
    until: Timestamp | None = None
    idle_s: int


class TerminalRecord(WireModel):
    """
    A terminal that was opened.

    :param id: its number
    :param opened_by: name of the user
    :param is_root: whether as root of the sandbox
    :param command: what ran in it; empty: a shell
    :param opened_at: when it was opened
    :param closed_at: null while it is open
    :param exit_code: of what ran in it; null if it did not end by itself
    :param reason: why it ended, if it did not
    :param log_size_bytes: of what was shown
    """

    id: int
    opened_by: str
    is_root: bool
    command: list[str]
    opened_at: Timestamp
    closed_at: Timestamp | None = None
    exit_code: int | None = None
    reason: str = ""
    log_size_bytes: int = 0
