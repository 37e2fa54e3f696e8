# SPDX-License-Identifier: GPL-3.0-or-later
"""
Structured logging: a constant event name plus fields, secrets masked.

>>> mask_secrets(None, "info", {"event": "connected", "token": "abc", "worker": "a1"})
{'event': 'connected', 'token': '***', 'worker': 'a1'}
"""

from __future__ import annotations

import logging
import re
import socket
import sys
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any, TextIO

import structlog
from typing_extensions import override

JOURNAL_SOCKET = Path("/run/systemd/journal/socket")
LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")

_SECRET = re.compile(r"(^|_)(token|key|password|secret)$")
_PRIORITIES = {"DEBUG": 7, "INFO": 6, "WARNING": 4, "ERROR": 3, "CRITICAL": 2}

Event = MutableMapping[str, Any]


def mask_secrets(logger: Any, method: str, event: Event) -> Event:
    """Replace the values of fields whose names say that they are secret."""
    del logger, method
    return {name: "***" if _SECRET.search(name) else value for name, value in event.items()}


class JournalHandler(logging.Handler):
    """Sends messages to the systemd journal by its native protocol."""

    def __init__(self, identifier: str, path: Path = JOURNAL_SOCKET) -> None:
        super().__init__()
        self._identifier = identifier
        self._path = str(path)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)

    @override
    def emit(self, record: logging.LogRecord) -> None:
        try:
            message = self.format(record).encode(errors="replace")
            head = (
                f"PRIORITY={_PRIORITIES.get(record.levelname, 6)}\n"
                f"SYSLOG_IDENTIFIER={self._identifier}\nMESSAGE\n"
            )
            # a value that may hold newlines comes with its length
            length = len(message).to_bytes(8, "little")
            self._socket.sendto(head.encode() + length + message + b"\n", self._path)
        except OSError:
            self.handleError(record)

    @override
    def close(self) -> None:
        self._socket.close()
        super().close()


def configure_logging(level: str, *, identifier: str = "", stream: TextIO | None = None) -> None:
    """
    Send log messages to the systemd journal or to a stream.

    :param level: one of :data:`LEVELS`
    :param identifier: name of the program in the journal
    :param stream: where to write instead of the journal; standard error is also
        taken when there is no journal
    """
    handler: logging.Handler
    if stream is None and JOURNAL_SOCKET.exists():
        handler = JournalHandler(identifier)
        shared: list[Any] = []
    else:
        handler = logging.StreamHandler(stream or sys.stderr)
        shared = [structlog.processors.TimeStamper(fmt="iso", utc=True)]
    shared += [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        mask_secrets,
    ]
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                structlog.processors.KeyValueRenderer(
                    key_order=["timestamp", "level", "event"], drop_missing=True
                ),
            ],
        )
    )
    logging.basicConfig(level=level, handlers=[handler], force=True)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
