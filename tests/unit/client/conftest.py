# SPDX-License-Identifier: GPL-3.0-or-later
"""A client of a server in memory."""

from __future__ import annotations

import pytest

from debusine.client.debusine import Debusine
from debusine.client.http import Transport
from debusine.testing.server import MemoryServer

TOKEN = "k" * 64


@pytest.fixture
def server() -> MemoryServer:
    return MemoryServer()


@pytest.fixture
def pauses() -> list[float]:
    """How long the client slept, in place of sleeping."""
    return []


@pytest.fixture
def transport(server: MemoryServer, pauses: list[float]) -> Transport:
    return Transport(
        base_api_url=f"{server.base_url}/",
        token=TOKEN,
        scope="debusine",
        session=server.session(),
        sleep=pauses.append,
    )


@pytest.fixture
def client(transport: Transport) -> Debusine:
    return Debusine.over(transport)
