# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of ``python -m debusine.standalone``."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from debusine.client.listen import Listen, parse_listen
from debusine.client.local_server import DataDir
from debusine.settings import default_data_dir


@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    """What the program was asked for."""

    data_dir: DataDir
    listen: Listen
    ready_fd: int | None
    while_used: Path | None
    client_config: Path | None
    with_worker: bool
    with_signing: bool = False
    slots: int | None = None


def parse_options(argv: Sequence[str]) -> Options:
    """
    Read the command line.

    :raises UserError: for an address that is none
    """
    parser = argparse.ArgumentParser(
        prog="debusine.standalone",
        description="Server, jobs and one worker in one process tree.",
    )
    parser.add_argument(
        "--data-dir", type=Path, default=default_data_dir(), help="default: %(default)s"
    )
    parser.add_argument("--listen", default="127.0.0.1:8000", help="default: %(default)s")
    parser.add_argument("--ready-fd", type=int, help="write one JSON line here when it answers")
    parser.add_argument("--while-used", type=Path, help="end when nobody holds a lock on this file")
    parser.add_argument("--client-config", type=Path, help="also write how to reach it here")
    parser.add_argument("--no-worker", action="store_true", help="start no agent")
    parser.add_argument("--slots", type=int, help="how many tasks the agent runs at once")
    parser.add_argument("--signing", action="store_true", help="also start a signing worker")
    given = parser.parse_args(argv)
    return Options(
        data_dir=DataDir(given.data_dir.absolute()),
        listen=parse_listen(given.listen),
        ready_fd=given.ready_fd,
        while_used=given.while_used,
        client_config=given.client_config,
        with_worker=not given.no_worker,
        with_signing=given.signing,
        slots=given.slots,
    )
