# SPDX-License-Identifier: GPL-3.0-or-later
"""The log of the commands of a task, in the form that readers of logs know."""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from debusine.tasks.process import Ended


def write_header(log: IO[bytes], cmd: Sequence[str], *, captured: bool) -> None:
    """Say which command comes, and which of its outputs stand below."""
    what = "stderr only, stdout was captured" if captured else "stdout and stderr"
    _write(log, f"cmd: {shlex.join(cmd)}\noutput (contains {what}):\n")


def write_ending(log: IO[bytes], ended: Ended) -> None:
    """Say how the command ended."""
    _write(log, f"\naborted: {ended.aborted}\nreturncode: {ended.returncode}\n")


def write_trailer(log: IO[bytes], directory: Path, *, capture: Path | None, separator: str) -> None:
    """Say what lies in the directory, and what was captured; each part ends with a separator."""
    paths = sorted(path.relative_to(directory).as_posix() for path in directory.rglob("*"))
    listing = "".join(f"{path}\n" for path in paths)
    _write(log, f"\nFiles in working directory:\n{listing}{separator}\n")
    if capture is not None:
        if capture.is_file():
            with capture.open("rb") as file:
                shutil.copyfileobj(file, log)
        _write(log, f"\n{separator}\n")


def _write(log: IO[bytes], text: str) -> None:
    log.write(text.encode(errors="replace"))
    log.flush()
