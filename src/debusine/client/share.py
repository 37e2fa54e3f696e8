# SPDX-License-Identifier: GPL-3.0-or-later
"""Shares of users and workspaces, for administrators."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import TypeAdapter

from debusine.client.answer import parse, parse_list
from debusine.client.http import Transport
from debusine.wire.share import ShareRecord, ShareUpdate

_SHARES = TypeAdapter(list[ShareRecord])


@dataclass(frozen=True, kw_only=True, slots=True)
class Shares:
    """What users and workspaces are entitled to."""

    transport: Transport

    def all(self) -> list[ShareRecord]:
        """All shares, users first, who has had most first."""
        return parse_list(_SHARES, self.transport.call("GET", "share/"))

    def set_weight(self, wanted: ShareUpdate) -> ShareRecord:
        """Set the weight of a user or a workspace."""
        body = wanted.model_dump(mode="json")
        return parse(ShareRecord, self.transport.call("PUT", "share/", json=body))
