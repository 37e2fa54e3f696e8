# SPDX-License-Identifier: GPL-3.0-or-later
"""The tutorial on tasks of one's own, word by word: its files, its commands, what it shows."""

from __future__ import annotations

import doctest
import re
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from debusine.testing.own_environment import OwnEnvironment, make_own_environment
from debusine.testing.ports import free_port
from debusine.testing.waiting import wait_for
from debusine.util.userns import remove_tree

PAGE = Path(__file__).parents[2] / "docs" / "tutorials" / "your-own-task.md"
BLOCK = re.compile(r"^```(?P<language>\w+)\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE)
FILE_NAME = re.compile(r"`([\w-]+\.\w+)`:\s*\Z")
PORT = "8000"
COMMAND_S = 1200


@dataclass(frozen=True, kw_only=True)
class Step:
    """A file to write, or commands to run and what they show."""

    file: str = ""
    text: str = ""
    shown: str | None = None


def read_steps(page: str) -> list[Step]:
    """
    Blocks in order; output belongs to the commands before it.

    A block that is a file stands below a sentence that ends with the file's name.
    """
    steps: list[Step] = []
    for match in BLOCK.finditer(page):
        named = FILE_NAME.search(page[: match.start()])
        match match["language"]:
            case "text":
                steps[-1] = Step(text=steps[-1].text, shown=match["text"])
            case "sh":
                steps.append(Step(text=match["text"]))
            case _:
                assert named is not None, f"no file name above:\n{match['text']}"
                steps.append(Step(file=named[1], text=match["text"]))
    return steps


class Reader:
    """Somebody who does what the page says, in a folder, with a second terminal for servers."""

    def __init__(self, environment: OwnEnvironment, port: int) -> None:
        # a reader has pytest without the plug-ins that our own tests need
        self._variables = {**environment.variables(), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
        self._folder = environment.home
        self._port = str(port)
        self._servers: list[subprocess.Popen[bytes]] = []

    def do(self, step: Step) -> None:
        if step.file:
            (self._folder / step.file).write_text(step.text)
            return
        said = ""
        for line in self._here(step.text).splitlines():
            if line.startswith("cd "):
                self._folder /= line.removeprefix("cd ")
            elif line.startswith("debusine up"):
                self._serve(line)
            else:
                said += self._run(line)
        if step.shown is not None:
            flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
            shown = self._here(step.shown)
            matches = doctest.OutputChecker().check_output(shown, said, flags)
            assert matches, f"{step.text}\nthe page shows:\n{shown}\nit was:\n{said}"

    def _here(self, text: str) -> str:
        """What the page says, with a port that is free."""
        return text.replace(f":{PORT}", f":{self._port}")

    def _run(self, line: str) -> str:
        done = subprocess.Popen(
            ["sh", "-c", line],
            cwd=self._folder,
            env=self._variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        output, _ = done.communicate(timeout=COMMAND_S)
        assert done.returncode == 0, f"{line}\n{output}\n{self._server_log()[-4000:]}"
        return output

    def _serve(self, line: str) -> None:
        output = self._folder / "up.txt"
        with output.open("wb") as file:
            self._servers.append(
                subprocess.Popen(
                    ["sh", "-c", f"exec {line}"],
                    cwd=self._folder,
                    env=self._variables,
                    stdout=file,
                    stderr=file,
                )
            )

        def is_ready() -> bool:
            assert self._servers[-1].poll() is None, output.read_text()
            return "debusine is running at" in output.read_text()

        wait_for(is_ready, instead=output.read_text)

    def _server_log(self) -> str:
        log = self._folder / "server" / "server.log"
        return log.read_text(errors="replace") if log.exists() else ""

    def leave(self) -> None:
        """Press Ctrl-C in the second terminal."""
        for server in self._servers:
            server.send_signal(signal.SIGINT)
            server.wait(60)


@pytest.fixture
def reader() -> Iterator[Reader]:
    root = Path(tempfile.mkdtemp(prefix="debusine-tutorial-"))
    root.chmod(0o755)
    made = Reader(make_own_environment(root), free_port())
    yield made
    made.leave()
    remove_tree(root)


@pytest.mark.timeout(2 * COMMAND_S)
def test_the_tutorial_is_true(reader: Reader) -> None:
    for step in read_steps(PAGE.read_text()):
        reader.do(step)
