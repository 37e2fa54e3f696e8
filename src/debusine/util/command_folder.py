# SPDX-License-Identifier: GPL-3.0-or-later
"""A click group whose commands are the modules of a package; only the used one is imported."""

from __future__ import annotations

import ast
import importlib
import pkgutil
from pathlib import Path
from types import ModuleType

import click
from typing_extensions import override


def command_folder(package: ModuleType) -> type[click.Group]:
    """
    Make the class of a group.

    A module exports ``command``, or a command of the module's own name. Its docstring begins
    with ``PROGRAM COMMAND: what it does``. Underscores and hyphens in names are the same.
    """

    class CommandFolder(click.Group):
        """Commands by the names of modules, which keeps help and completion fast."""

        @override
        def list_commands(self, ctx: click.Context) -> list[str]:
            return sorted(_modules(package))

        @override
        def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
            module = _modules(package).get(cmd_name.replace("_", "-"))
            if module is None:
                return None
            found = vars(importlib.import_module(f"{package.__name__}.{module}"))
            command = found.get("command") or found[module]
            assert isinstance(command, click.Command)
            return command

        @override
        def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
            modules = sorted(_modules(package).items())
            rows = [(name, _summary(package, module)) for name, module in modules]
            with formatter.section("Commands"):
                formatter.write_dl(rows)

    return CommandFolder


def _modules(package: ModuleType) -> dict[str, str]:
    found = (info.name for info in pkgutil.iter_modules(package.__path__))
    return {name.replace("_", "-"): name for name in found}


def _summary(package: ModuleType, module: str) -> str:
    """Take the first line of a module's docstring without importing the module."""
    path = Path(next(iter(package.__path__))) / f"{module}.py"
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    first = text.splitlines()[0] if text else ""
    # ``debusine build``: build a package.
    return first.partition(": ")[2].rstrip(".") or first
