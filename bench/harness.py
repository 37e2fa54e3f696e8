# SPDX-License-Identifier: GPL-3.0-or-later
"""Start a server of its own for a measurement, and read what its processes cost."""

from __future__ import annotations

import configparser
import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from debusine.client.debusine import Debusine
from debusine.client.local_server import DataDir
from debusine.util.command import Command, run


@dataclass(frozen=True, kw_only=True, slots=True)
class Server:
    """A server under measurement; ``ready_s`` is from start to its first answer."""

    process: subprocess.Popen[bytes]
    data_dir: Path
    url: str
    token: str
    ready_s: float

    def client(self) -> Debusine:
        """A client that acts as the administrator."""
        return Debusine(self.url, self.token)

    def processes(self) -> list[psutil.Process]:
        """The server and everything it started."""
        root = psutil.Process(self.process.pid)
        return [root, *root.children(recursive=True)]

    def pss_mib(self) -> float:
        """Resident memory in MiB, shared pages divided among those who share them."""
        return sum(process.memory_full_info().pss for process in self.processes()) / 2**20

    def cpu_s(self) -> float:
        """Seconds of CPU used so far, ended children included."""
        total = 0.0
        for process in self.processes():
            with contextlib.suppress(psutil.NoSuchProcess):
                times = process.cpu_times()
                total += times.user + times.system + times.children_user + times.children_system
        return total


@contextlib.contextmanager
def server(
    data_dir: Path, *options: str, environment: Mapping[str, str] | None = None
) -> Iterator[Server]:
    """
    Run ``python -m debusine.standalone`` for a while.

    :param data_dir: its data directory; kept
    :param options: further options of the program
    :param environment: variables beside ours
    """
    log = DataDir(data_dir).log
    read_end, write_end = os.pipe()
    began = time.monotonic()
    process = subprocess.Popen(
        [
            sys.executable, "-m", "debusine.standalone", "--data-dir", str(data_dir),
            "--listen", "127.0.0.1:0", "--ready-fd", str(write_end), *options,
        ],
        pass_fds=[write_end],
        env={**os.environ, **(environment or {})},
        stdout=subprocess.DEVNULL,
        stderr=log.open("wb"),
    )  # fmt: skip
    os.close(write_end)
    try:
        with os.fdopen(read_end) as ready:
            line = ready.readline()
        if not line:
            raise SystemExit(f"the server did not start:\n{log.read_text()}")
        url = json.loads(line)["url"]
        config = configparser.ConfigParser()
        config.read(data_dir / "client.ini")
        section = config[f"server:{config['General']['default-server']}"]
        yield Server(
            process=process,
            data_dir=data_dir,
            url=section.get("api-url", f"{url}/api"),
            token=section["token"],
            ready_s=time.monotonic() - began,
        )
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def measure_inside(script: str, *arguments: int, database_url: str | None) -> Any:
    """
    Run a file of this folder in a process of its own, as Django knows one database.

    :param database_url: None for SQLite
    :returns: what its last line says, in JSON; what the server logs comes before
    """
    with tempfile.TemporaryDirectory(prefix="debusine-bench-") as data_dir:
        environment = {**os.environ, "DEBUSINE_DATA_DIR": data_dir}
        if database_url is not None:
            environment["DEBUSINE_DATABASE_URL"] = database_url
        path = Path(__file__).with_name(script)
        argv = [sys.executable, str(path), *map(str, arguments)]
        done = run(Command(argv, env=environment))
    return json.loads(done.stdout.splitlines()[-1])
