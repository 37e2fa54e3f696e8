# SPDX-License-Identifier: GPL-3.0-or-later
"""Imports point down (.importlinter), and stand at the top of the file."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

from debusine.testing.project import Project


def test_import_contracts(project: Project) -> None:
    program = Path(sys.executable).parent / "lint-imports"
    done = subprocess.Popen(
        [program, "--no-cache"],
        cwd=project.root,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    output, _ = done.communicate()
    assert done.returncode == 0, output


def test_every_package_of_ours_has_a_layer(project: Project) -> None:
    layers = project.text(Path(".importlinter"))
    packages = {path.parts[2].removesuffix(".py") for path in project.python("src/debusine")}
    # fakes are for tests; they may use everything
    assert {
        name for name in packages - {"__init__", "testing"} if f".{name}" not in layers
    } == set()


def test_no_imports_of_our_own_in_functions(project: Project) -> None:
    found = [
        f"{path}:{inner.lineno}"
        for path in project.python("src/debusine")
        for node in ast.walk(project.tree(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        for inner in ast.walk(node)
        if (isinstance(inner, ast.ImportFrom) and (inner.module or "").startswith("debusine"))
        or (
            isinstance(inner, ast.Import)
            and any(alias.name.startswith("debusine") for alias in inner.names)
        )
    ]
    assert found == []
