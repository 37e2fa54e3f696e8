# SPDX-License-Identifier: GPL-3.0-or-later
"""Workspaces, and what they inherit from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote

from debusine.client.answer import parse
from debusine.client.http import Transport
from debusine.wire.workspace import (
    ChainElementWanted,
    InheritanceChain,
    InheritanceChainWanted,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Workspaces:
    """Workspaces of the scope that the transport names."""

    transport: Transport

    def inheritance(self, workspace: str) -> InheritanceChain:
        """Show what a workspace inherits from."""
        return parse(InheritanceChain, self.transport.call("GET", _path(workspace)))

    def set_inheritance(
        self, workspace: str, chain: Sequence[ChainElementWanted]
    ) -> InheritanceChain:
        """
        Set what a workspace inherits from, all of it.

        :param chain: in the order in which names are to be looked for
        """
        body = InheritanceChainWanted(chain=list(chain)).model_dump(mode="json", exclude_none=True)
        answer = self.transport.call("POST", _path(workspace), json=body, repeatable=True)
        return parse(InheritanceChain, answer)


def _path(workspace: str) -> str:
    return f"workspace/{quote(workspace, safe='')}/inheritance/"
