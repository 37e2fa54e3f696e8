# SPDX-License-Identifier: GPL-3.0-or-later
"""Environments that are kept after their tasks."""

from __future__ import annotations

from dataclasses import dataclass

from debusine.client.answer import parse
from debusine.client.http import Transport
from debusine.client.terminal import TerminalConnection
from debusine.errors import NotFoundError
from debusine.wire.hold import HoldRecord, HoldWanted
from debusine.wire.terminal import TerminalWanted


@dataclass(frozen=True, kw_only=True, slots=True)
class Holds:
    """What of requests is kept, for those who may look at it."""

    transport: Transport

    def get(self, work_request_id: int) -> HoldRecord:
        """What is known; servers of others keep nothing."""
        try:
            return parse(HoldRecord, self.transport.call("GET", _path(work_request_id)))
        except NotFoundError:
            return HoldRecord(work_request=work_request_id)

    def ask(self, work_request_id: int, wanted: HoldWanted) -> HoldRecord:
        """Have an environment kept; the answer names the request whose it will be."""
        body = wanted.model_dump(mode="json")
        return parse(HoldRecord, self.transport.call("POST", _path(work_request_id), json=body))

    def release(self, work_request_id: int) -> HoldRecord:
        """Have an environment ended."""
        return parse(HoldRecord, self.transport.call("DELETE", _path(work_request_id)))

    def terminal_log(self, work_request_id: int, terminal: int) -> bytes:
        """What a terminal has shown."""
        path = f"work-request/{work_request_id}/terminal/{terminal}/log/"
        return self.transport.call("GET", path).content

    def attach(self, work_request_id: int, wanted: TerminalWanted) -> TerminalConnection:
        """Open a terminal; to be used in ``with``."""
        return TerminalConnection(self.transport, work_request_id, wanted)


def _path(work_request_id: int) -> str:
    return f"work-request/{work_request_id}/hold/"
