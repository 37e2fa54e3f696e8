# SPDX-License-Identifier: GPL-3.0-or-later
"""Limits of size: what is larger is two things."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from debusine.testing.project import Project

MODULE_LINES = 400
TEST_MODULE_LINES = 600
FUNCTION_STATEMENTS = 40
CLASS_LINES = 250
PUBLIC_METHODS = 15
EXPORTED_NAMES = 25

# what is larger, and why it may be
EXCEPTIONS = {
    "src/debusine/client/debusine.py: class Debusine": "one method per use of the API",
    "src/debusine/db/models/__init__.py: __all__": "one name per table",
    "src/debusine/tasks/base.py: class BaseExternalTask": "its names are fixed from outside",
}


def _statements(function: ast.AST) -> int:
    """Statements of a function; a docstring is none."""
    return sum(
        isinstance(node, ast.stmt)
        and not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))
        for node in ast.walk(function)
    )


def _methods(node: ast.ClassDef) -> int:
    return sum(
        isinstance(item, ast.FunctionDef | ast.AsyncFunctionDef) and not item.name.startswith("_")
        for item in node.body
    )


def _exported(node: ast.AST) -> int:
    """Length of a literal ``__all__``."""
    if (
        isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Name)
        and node.targets[0].id == "__all__"
        and isinstance(node.value, ast.List | ast.Tuple)
    ):
        return len(node.value.elts)
    return 0


def _too_large(project: Project, path: Path) -> Iterator[str]:
    for node in ast.walk(project.tree(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            if _statements(node) - 1 > FUNCTION_STATEMENTS:
                yield f"{path}: def {node.name}"
        elif isinstance(node, ast.ClassDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if lines > CLASS_LINES or _methods(node) > PUBLIC_METHODS:
                yield f"{path}: class {node.name}"
        elif _exported(node) > EXPORTED_NAMES:
            yield f"{path}: __all__"


def test_modules(project: Project) -> None:
    lengths = {
        path: len(project.text(path).splitlines()) for path in project.python("src", "tests")
    }
    limits = {
        path: TEST_MODULE_LINES if path.parts[0] == "tests" else MODULE_LINES for path in lengths
    }
    assert [f"{path}: {lines}" for path, lines in lengths.items() if lines > limits[path]] == []


def test_functions_and_classes(project: Project) -> None:
    found = [found for path in project.python("src") for found in _too_large(project, path)]
    assert [name for name in found if name not in EXCEPTIONS] == []


def test_every_exception_is_needed(project: Project) -> None:
    found = {found for path in project.python("src") for found in _too_large(project, path)}
    assert [name for name in EXCEPTIONS if name not in found] == []
