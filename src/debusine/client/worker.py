# SPDX-License-Identifier: GPL-3.0-or-later
"""Workers, for administrators."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

from pydantic import TypeAdapter

from debusine.client.answer import parse, parse_list
from debusine.client.http import Transport
from debusine.wire.base import JsonObject
from debusine.wire.worker_care import DrainWanted, WorkerRecord

_WORKERS = TypeAdapter(list[WorkerRecord])


@dataclass(frozen=True, kw_only=True, slots=True)
class Workers:
    """The workers of a server; each method that changes one returns it as it is then."""

    transport: Transport

    def all(self) -> list[WorkerRecord]:
        """All workers, by name."""
        return parse_list(_WORKERS, self.transport.call("GET", "worker/"))

    def drain(self, name: str, *, reason: str = "") -> WorkerRecord:
        """Let a worker finish what it runs, and give it nothing new."""
        return self._change(name, "drain", DrainWanted(reason=reason).model_dump(mode="json"))

    def enable(self, name: str) -> WorkerRecord:
        """Let a worker work that is new, drained or disabled."""
        return self._change(name, "enable", {})

    def disable(self, name: str) -> WorkerRecord:
        """Disconnect a worker; others may do at once what it runs."""
        return self._change(name, "disable", {})

    def _change(self, name: str, verb: str, body: JsonObject) -> WorkerRecord:
        path = f"worker/{quote(name, safe='')}/{verb}/"
        return parse(WorkerRecord, self.transport.call("POST", path, json=body))
