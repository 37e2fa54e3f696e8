# SPDX-License-Identifier: GPL-3.0-or-later
"""How much of the disk a tree takes, files of subordinate ids included."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from debusine.util.command import Command, run
from debusine.util.userns import OWNER_AND_SUBIDS

_TIMEOUT_S = 300


def size_command(*paths: Path) -> list[str]:
    """
    Compose a command that prints the bytes of trees, and of all of them in the last line.

    :source: du(1)
    """
    prefix = () if os.geteuid() == 0 else OWNER_AND_SUBIDS
    return [
        *prefix, "du", "--summarize", "--one-file-system", "--total", "--block-size=1", "--",
        *map(str, paths),
    ]  # fmt: skip


def read_size(output: bytes) -> int | None:
    """
    Read what the command printed.

    :returns: None if it could not tell
    """
    lines = output.splitlines()
    number = lines[-1].split(b"\t")[0] if lines else b""
    return int(number) if number.isdigit() else None


def tree_bytes(*paths: Path) -> int | None:
    """Measure trees; what vanishes meanwhile does not count; None if that is not possible."""
    done = run(Command(size_command(*paths), check=False, timeout_s=_TIMEOUT_S))
    return read_size(done.stdout)


class TreeMeter:
    """
    Measures trees beside other work, as it may take long.

    :param paths: of them; they may vanish
    """

    def __init__(self, *paths: Path) -> None:
        self._paths = paths
        self._process: subprocess.Popen[bytes] | None = None

    def poll(self) -> int | None:
        """
        Begin to measure, or go on; never waits.

        :returns: bytes once a measurement has ended, None otherwise
        """
        if self._process is None:
            self._process = subprocess.Popen(
                size_command(*self._paths),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
            return None
        # what it prints fits a pipe; somebody else may have reaped it
        if self._process.poll() is None:
            return None
        assert self._process.stdout is not None
        with self._process.stdout as output:
            size = read_size(output.read())
        self._process = None
        return size
