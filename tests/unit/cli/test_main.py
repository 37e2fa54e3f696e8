# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
import yaml
from click.shell_completion import ShellComplete

from debusine.cli import commands
from debusine.cli.main import cli, run
from debusine.cli.output import to_yaml
from debusine.cli.progress import Screen
from debusine.util.terminal import LineDecoder, tame


def test_every_file_is_a_command(capsys: pytest.CaptureFixture[str]) -> None:
    files = {path.stem for path in Path(commands.__path__[0]).glob("[a-z]*.py")}
    context = cli.make_context("debusine", [], resilient_parsing=True)
    names = cli.list_commands(context)
    assert {name.replace("-", "_") for name in names} == files
    for name in names:
        command = cli.get_command(context, name)
        assert command is not None
        assert command.help
        assert "Examples:" in (command.epilog or "")
    assert run(["--help"]) == 0
    shown = capsys.readouterr().out
    assert all(f"\n  {name} " in shown for name in names)


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (["--version"], 0),
        (["build", "--help"], 0),
        (["nonsense"], 2),
        (["build"], 2),
        (["build", "/nonexistent"], 2),
        (["--config-file", "/nonexistent", "work-request", "list"], 3),
        (["work-request", "show", "x"], 2),
        (["completion", "bash"], 0),
        (["completion", "tcsh"], 2),
        (["up", "--service", "--listen", "127.0.0.1:http"], 2),
    ],
)
def test_exit_status(arguments: list[str], status: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(arguments) == status
    shown = capsys.readouterr()
    assert "Traceback" not in shown.err
    assert bool(shown.err) is (status != 0)


@pytest.mark.parametrize(
    ("words", "incomplete", "offered"),
    [
        ([], "work-", [("plain", "work-request")]),
        (["build"], "--suit", [("plain", "--suite")]),
        (["build"], "./he", [("file", "./he")]),
        (["build", "hello", "--extra-package"], "./li", [("file", "./li")]),
        (["build", "hello", "--output"], "./o", [("dir", "./o")]),
    ],
)
def test_what_shells_complete(
    words: list[str], incomplete: str, offered: list[tuple[str, str]]
) -> None:
    shell = ShellComplete(cli, {}, "debusine", "_DEBUSINE_COMPLETE")
    found = shell.get_completions(words, incomplete)
    assert [(item.type, item.value) for item in found] == offered


def test_errors_in_the_format_of_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["build", "/nonexistent", "--json"]) == 2
    assert json.loads(capsys.readouterr().out) == {
        "result": "failure",
        "error": {
            "title": "no such file or directory: /nonexistent",
            "detail": ("Name a .dsc file, its URL, a directory with debian/, or a source package."),
        },
    }
    assert run(["--config-file", "/nonexistent", "artifact", "show", "1", "--yaml"]) == 3
    shown = yaml.safe_load(capsys.readouterr().out)
    assert shown["error"]["title"] == "no server is configured: there is no /nonexistent"


def test_yaml_shows_text_of_several_lines_as_a_block() -> None:
    assert to_yaml({"b": "x\ny\n", "a": None}) == "b: |\n  x\n  y\na: null\n"


@pytest.mark.parametrize(
    ("text", "plain", "colourful"),
    [
        ("\x1b[1;31mred\x1b[0m", "red", "\x1b[1;31mred\x1b[0m"),
        ("\x1b]52;c;ZXZpbA==\x07x", "x", "x"),
        ("\x1b[2J\x1b[10;10Hx\x1b[6n", "x", "x"),
        ("a\rb\r\nc\x08\x7f\x9b31m", "a\nb\nc31m", "a\nb\nc31m"),
        ("\x1bPq\x1b\\\x1b(0\x1bc", "q", "q"),
        ("tab\tend\n", "tab\tend\n", "tab\tend\n"),
    ],
)
def test_terminals_are_not_steered(text: str, plain: str, colourful: str) -> None:
    assert tame(text) == plain
    assert tame(text, colour=True) == colourful


def test_lines_that_come_in_pieces() -> None:
    decoder = LineDecoder(limit=10)
    assert decoder.feed("häl".encode()[:2]) == ""
    assert decoder.feed("häl".encode()[2:] + b"lo\nwor") == "hällo\n"
    assert decoder.feed(b"ld" * 10) == "wor" + "ld" * 10
    assert decoder.feed(b"x\xff") == ""
    assert decoder.close() == "x\N{REPLACEMENT CHARACTER}\n"
    assert decoder.close() == ""


def test_only_warnings_when_silent() -> None:
    stream = io.StringIO()
    screen = Screen(stream, quiet=True)
    screen.step("a")
    screen.note("b")
    screen.log(b"c\n")
    screen.log_end()
    screen.warn("[red]d")
    assert stream.getvalue() == "Warning: [red]d\n"
    assert screen.warnings == ["[red]d"]
