# SPDX-License-Identifier: GPL-3.0-or-later
"""What a person sees while something runs: steps, warnings, logs, bytes on their way."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn
from rich.text import Text

from debusine.cli.output import make_console
from debusine.util.terminal import LineDecoder


class Screen:
    """
    Where progress is shown: coloured and moving on a terminal, plain lines elsewhere.

    :param stream: standard output if None; standard error when standard output is for a document
    :param quiet: only warnings
    """

    def __init__(self, stream: TextIO | None = None, *, quiet: bool = False) -> None:
        self.stream = stream or sys.stdout
        self.quiet = quiet
        self.warnings: list[str] = []
        self.console: Console = make_console(self.stream)
        self._decoder = self._new_decoder()

    @property
    def is_terminal(self) -> bool:
        """Whether colours and movement are fine."""
        return self.stream.isatty()

    def _new_decoder(self) -> LineDecoder:
        return LineDecoder(colour=self.stream.isatty())

    def step(self, text: str) -> None:
        """Say what begins now."""
        if not self.quiet:
            self.console.print(Text(f"==> {text}", style="bold cyan"))

    def note(self, text: str) -> None:
        """Say something that is good to know."""
        if not self.quiet:
            self.console.print(Text(f"    {text}"))

    def warn(self, text: str) -> None:
        """Say something a person should act on; kept in ``warnings``."""
        self.warnings.append(text)
        self.console.print(Text(f"Warning: {text}", style="yellow"))

    def log(self, data: bytes) -> None:
        """Show a piece of a log, as soon as its lines are whole."""
        if not self.quiet:
            self._write(self._decoder.feed(data))

    def log_end(self) -> None:
        """Show the last line of a log even if it has no end."""
        if not self.quiet:
            self._write(self._decoder.close())
        self._decoder = self._new_decoder()

    def _write(self, text: str) -> None:
        if text:
            self.stream.write(text)
            self.stream.flush()

    @contextmanager
    def transfer(self, label: str, total_bytes: int) -> Iterator[Callable[[int], None]]:
        """
        Show bytes on their way; a bar on a terminal, nothing elsewhere.

        :returns: to be called with the number of bytes that newly moved
        """
        if self.quiet or not self.is_terminal:
            yield lambda _count: None
            return
        columns = (
            TextColumn("    {task.description}"),
            BarColumn(),
            DownloadColumn(),
            TransferSpeedColumn(),
        )
        with Progress(*columns, console=self.console, transient=True) as bars:
            task = bars.add_task(label, total=total_bytes)
            yield lambda count: bars.update(task, advance=count)
