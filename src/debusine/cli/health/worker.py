# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the worker that is started for a build would be able to build."""

from __future__ import annotations

from pathlib import Path

from debusine.cli.connection import running_server
from debusine.cli.context import Globals
from debusine.cli.health.machine import Trouble, namespace_trouble
from debusine.errors import NotPossibleError


def require_worker(given: Globals, data_dir: Path | None) -> None:
    """
    Find out before anything is fetched whether this machine can build, if it shall.

    :raises NotPossibleError: if the server would be started here, and its worker could not
        have the namespaces it needs
    """
    running = running_server(given, data_dir)
    if running is None or not running.stays:
        refuse_trouble(namespace_trouble())


def refuse_trouble(trouble: Trouble | None) -> None:
    """
    Refuse a machine that cannot have an environment.

    :raises NotPossibleError: says what mends it
    """
    if trouble is not None:
        raise NotPossibleError(
            f"this machine cannot build: {trouble.brief}",
            resolution=f"{trouble.remedy}\n`debusine doctor` checks this machine.".strip(),
        )
