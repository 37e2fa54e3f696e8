# SPDX-License-Identifier: GPL-3.0-or-later
"""
Wake-ups: short messages to whoever waits at a socket.

A wake-up is a hint. Everything it says stands in the database, and whoever misses one
finds out a little later by looking.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

import structlog
from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from django.db import transaction

log = structlog.get_logger(__name__)

_loop: asyncio.AbstractEventLoop | None = None

EVENTS = "events"


def worker_group(worker_id: int) -> str:
    """Group of the sockets of one worker."""
    return f"worker.{worker_id}"


def log_group(work_request_id: int) -> str:
    """Group of those who read the log of one work request."""
    return f"log.{work_request_id}"


def terminal_group(terminal_id: int) -> str:
    """Group of the connection of one person to a terminal."""
    return f"terminal.{terminal_id}"


def enrolment_group(enrolment_id: int) -> str:
    """Group of the connection on which one client waits to be let in."""
    return f"enrolment.{enrolment_id}"


def set_loop(loop: asyncio.AbstractEventLoop | None) -> None:
    """
    Say in which event loop the sockets of this process live.

    :param loop: None once it has stopped
    """
    global _loop  # noqa: PLW0603  one per process, like the layer itself
    _loop = loop


def wake(group: str, message: dict[str, Any]) -> None:
    """
    Send a message to a group, from any thread; returns at once and never fails.

    :param group: one of the groups of this module
    :param message: ``type`` names the consumer's method; values are plain JSON
    """
    layer = get_channel_layer()
    if layer is None:
        return
    try:
        if _loop is not None and not _loop.is_closed():
            # the in-memory layer called from here would wait for the loop's next turn
            asyncio.run_coroutine_threadsafe(layer.group_send(group, message), _loop)
        elif not _in_event_loop():
            async_to_sync(layer.group_send)(group, message)
    except Exception as error:  # noqa: BLE001  a hint may get lost, the change behind it may not
        log.warning("wake-up-lost", group=group, error=str(error))


def wake_on_commit(group: str, message: dict[str, Any]) -> None:
    """
    Send a message once the transaction is committed.

    :param group: as for :func:`wake`
    :param message: as for :func:`wake`
    """
    transaction.on_commit(partial(wake, group, message))


def _in_event_loop() -> bool:
    """Whether this thread runs an event loop, where waiting would block it."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
