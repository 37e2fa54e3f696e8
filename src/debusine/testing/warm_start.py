# SPDX-License-Identifier: GPL-3.0-or-later
"""
Start programs of ours from a process that has imported what they import.

Of a start, the imports last longest, and are of least interest to a test that kills
programs again and again. What is forked can be killed like any other process.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import runpy
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import psutil

from debusine.artifacts.base import all_kinds
from debusine.tasks.registry import load_kinds

# Django first: what others import of it wants its settings
_MODULES = (
    "debusine.site.asgi",
    "debusine.site.urls",
    "debusine.server.job_runner",
    "debusine.signing.main",
    "debusine.standalone.jobs_worker",
    "debusine.worker.main",
    "uvicorn.main",
)


@dataclass(frozen=True, kw_only=True, slots=True)
class WarmStart:
    """The process that forks; everything it forks has its environment."""

    requests: IO[str]
    answers: IO[str]

    def start(self, module: str, *arguments: str, log: Path) -> psutil.Process:
        """
        Start ``python -m MODULE ARGUMENT...``.

        :param log: what it prints is added to it
        """
        print(json.dumps([str(log), module, *arguments]), file=self.requests, flush=True)
        return psutil.Process(int(self.answers.readline()))


@contextlib.contextmanager
def warm_start(environment: Mapping[str, str]) -> Iterator[WarmStart]:
    """
    Have programs started for a while; whoever started them ends them.

    :param environment: their settings
    """
    process = subprocess.Popen(
        [sys.executable, "-m", __name__],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    with process:
        yield WarmStart(requests=process.stdin, answers=process.stdout)


def _serve() -> None:
    # nobody waits for what is forked; it is gone once it has ended
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for line in sys.stdin:
        if (child := os.fork()) == 0:
            _become(*json.loads(line))
        print(child, flush=True)  # noqa: T201  the answer


def _become(log: str, module: str, *arguments: str) -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    nothing = os.open(os.devnull, os.O_RDONLY)
    output = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    for number, descriptor in enumerate((nothing, output, output)):
        os.dup2(descriptor, number)
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)
    sys.exit(0)


if __name__ == "__main__":
    for name in _MODULES:
        importlib.import_module(name)
    load_kinds()
    all_kinds()
    _serve()
