# SPDX-License-Identifier: GPL-3.0-or-later
"""The options that stand before the command, and what follows from them."""

from __future__ import annotations

import logging
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from debusine.client.config import DEFAULT_PATH

ARGUMENTS_KEY = "debusine.arguments"
"""Where a command's context keeps all arguments of the program."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Globals:
    """
    Options of the program.

    :param debug: names of subsystems with commas; ``http`` and ``all`` are special
    """

    server: str | None = None
    scope: str | None = None
    config_file: Path | None = None
    silent: bool = False
    debug: str | None = None

    @property
    def config_path(self) -> Path:
        """The configuration of the client, whether it exists or not."""
        return (self.config_file or DEFAULT_PATH).expanduser()

    @property
    def subsystems(self) -> frozenset[str]:
        """What shall be shown in detail."""
        return frozenset(word.strip() for word in (self.debug or "").split(",") if word.strip())

    def with_server(self, server: str) -> Self:
        """The same with a server that was named after the command."""
        return replace(self, server=server)

    def start_logging(self) -> None:
        """Send log events to standard error, as much of them as was asked for."""
        level = logging.WARNING if self.silent else logging.INFO
        logging.basicConfig(stream=sys.stderr, level=level, format="%(message)s", force=True)
        # chatty below warnings, and not about what users do
        logging.getLogger("urllib3").setLevel(logging.WARNING)
        names = self.subsystems
        if "all" in names:
            logging.getLogger().setLevel(logging.DEBUG)
        for name in names - {"all", "http"}:
            logging.getLogger(name).setLevel(logging.DEBUG)
        if names & {"all", "http"}:
            # requests and statuses; headers hold tokens and are not shown
            logging.getLogger("urllib3").setLevel(logging.DEBUG)
