# SPDX-License-Identifier: GPL-3.0-or-later
"""The folder is the registry: nobody keeps a list of what is in it."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from debusine.testing.project import Project

FOLDERS = [
    "artifacts/assets",
    "artifacts/bare_data",
    "artifacts/kinds",
    "tasks/kinds",
    "tasks/signing",
    "api/endpoints",
    "cli/commands",
    "server/jobs",
    "server/tasks",
    "server/timers",
    "server/reactions",
    "server/collections",
    "web/pages",
]
MANY = 3


def _modules_named(tree: ast.Module, package: str) -> set[str]:
    """Modules of a package that a file imports."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == package:
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith(f"{package}."):
            found.add((node.module or "").removeprefix(f"{package}.").partition(".")[0])
        elif isinstance(node, ast.Import):
            found |= {
                alias.name.removeprefix(f"{package}.").partition(".")[0]
                for alias in node.names
                if alias.name.startswith(f"{package}.")
            }
    return found - {"base"}


def _may_build_on_kinds(path: Path) -> bool:
    """Kinds build on other kinds, and so does what several tasks share."""
    builders = ("src/debusine/tasks", "src/debusine/server/collections")
    return "kinds" in path.parts or any(map(path.is_relative_to, builders))


@pytest.mark.parametrize("folder", FOLDERS)
def test_nobody_names_many_of_a_folder(project: Project, folder: str) -> None:
    package = "debusine." + folder.replace("/", ".")
    found = {
        str(path): names
        for path in project.python("src/debusine")
        if not path.is_relative_to(Path("src/debusine") / folder)
        and not _may_build_on_kinds(path)
        and len(names := _modules_named(project.tree(path), package)) >= MANY
    }
    assert found == {}
