# SPDX-License-Identifier: GPL-3.0-or-later
"""Hints by way of Redis, which is taken away and brought back."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import override_settings

from debusine.api.sockets.hints import Hints
from debusine.server import wake
from debusine.testing.redis import RedisServer, redis_server

GROUP = "worker.1"


@pytest.fixture
def redis() -> Iterator[RedisServer]:
    with redis_server() as server:
        layer = {
            "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
            "CONFIG": {"hosts": [server.url]},
        }
        with override_settings(CHANNEL_LAYERS={"default": layer}):
            yield server


async def wake_until(hints: Hints, message: dict[str, Any]) -> dict[str, Any]:
    """Send a hint as another process would, again and again until one arrives."""
    waiting = asyncio.ensure_future(hints.next())
    while not waiting.done():
        await hints.join_missing()
        await asyncio.to_thread(wake.wake, GROUP, message)
        await asyncio.wait({waiting}, timeout=0.1)
    return waiting.result()


async def test_hint_of_another_process(redis: RedisServer) -> None:
    hints = Hints()
    await hints.join(GROUP)
    message = {"type": "work.available"}
    assert await wake_until(hints, message) == message
    await hints.leave()


async def test_socket_outlives_redis(redis: RedisServer) -> None:
    hints = Hints()
    await hints.join(GROUP)
    await wake_until(hints, {"type": "before"})
    redis.stop()
    # neither who sends nor who waits fails
    await hints.tell(GROUP, {"type": "lost"})
    await asyncio.to_thread(wake.wake, GROUP, {"type": "lost"})
    await hints.join("worker.2")
    waiting = asyncio.ensure_future(hints.next())
    redis.start()
    again = {"type": "again"}
    while not waiting.done():
        await hints.join_missing()
        await asyncio.to_thread(wake.wake, GROUP, again)
        await asyncio.wait({waiting}, timeout=0.1)
    while (found := waiting.result()) != again:
        assert found == {"type": "before"}
        waiting = asyncio.ensure_future(hints.next())
        await waiting
    await hints.leave()


async def test_socket_opened_without_redis(redis: RedisServer) -> None:
    redis.stop()
    hints = Hints()
    await hints.join(GROUP)
    redis.start()
    message = {"type": "work.available"}
    assert await wake_until(hints, message) == message
    await hints.leave()
