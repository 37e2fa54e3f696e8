# SPDX-License-Identifier: GPL-3.0-or-later
"""Workspaces: what they inherit from."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from debusine.domain.permission import MAX_ID
from debusine.domain.text import StorableText
from debusine.wire.base import Links, WireModel

MAX_CHAIN = 100


class ChainElement(WireModel):
    """
    A workspace that another inherits from.

    :param id: of the workspace
    :param scope: name of its scope
    :param workspace: its name
    """

    id: int
    scope: str
    workspace: str


class InheritanceChain(WireModel):
    """
    What a workspace inherits from.

    :param links: none so far
    :param chain: in the order in which names are looked for
    """

    links: Links = Field(default_factory=dict)
    chain: list[ChainElement]


class ChainElementWanted(WireModel):
    """
    A workspace to inherit from, by id or by name; both may be given.

    :param id: of the workspace
    :param scope: name of its scope; the scope of the request if it is not given
    :param workspace: its name
    """

    id: Annotated[int | None, Field(ge=1, le=MAX_ID)] = None
    scope: Annotated[StorableText | None, Field(max_length=255)] = None
    workspace: Annotated[StorableText | None, Field(max_length=255)] = None


class InheritanceChainWanted(WireModel):
    """
    What a workspace is to inherit from, all of it.

    :param chain: in the order in which names are to be looked for
    """

    chain: Annotated[list[ChainElementWanted], Field(max_length=MAX_CHAIN)]
