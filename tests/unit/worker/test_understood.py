# SPDX-License-Identifier: GPL-3.0-or-later
"""Reports hold only what the server understands."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import pytest

from debusine.domain.result import WorkRequestResults
from debusine.wire.work_request import OutputData, WorkRequestCompleted
from debusine.wire.worker import Message
from debusine.worker.connection import Connection, Handlers

INDEXES = {"deb.example.org_debian_dists_sid_InRelease": "a" * 64}


def nothing(*_given: Any) -> None:
    """Do nothing."""


@pytest.mark.parametrize(
    ("version", "kept"),
    [("0.1.0", {"apt_indexes": INDEXES, "emulated": True, "network": True}), (None, {})],
)
@pytest.mark.parametrize("field", ["apt_indexes", "emulated", "network"])
def test_only_our_servers_hear_of_additions(
    field: str, version: str | None, kept: dict[str, Any]
) -> None:
    value = {"apt_indexes": INDEXES}.get(field, True)
    report = WorkRequestCompleted(
        result=WorkRequestResults.SUCCESS,
        output_data=OutputData.model_validate({field: value}),
    )

    async def ask() -> WorkRequestCompleted:
        async with aiohttp.ClientSession() as session:
            connection = Connection(
                session=session,
                url="ws://debusine.example.org/",
                key="k",
                handlers=Handlers(
                    work_available=nothing,
                    metadata_wanted=nothing,
                    abort=nothing,
                    drain=nothing,
                    enable=nothing,
                ),
            )
            message = Message(type="websocket.send", text="connected", version=version)
            connection._obey(message)
            return connection.understood(report)

    understood = asyncio.run(ask())
    assert understood.output_data is not None
    found = understood.output_data.model_dump(mode="json", exclude_none=True)
    assert found == {name: kept[name] for name in [field] if name in kept}
