# SPDX-License-Identifier: GPL-3.0-or-later
"""What a public function raises is documented; what is documented exists."""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from debusine.testing.project import Project

RAISES = re.compile(r":raises ([\w.]+):")
# nobody can act on these
UNDOCUMENTED = {"AssertionError", "BugError", "SystemExit"}
# overrides stay silent unless they differ; validators speak to pydantic, endpoints to OpenAPI
SILENT = ("override", "overload", "field_", "model_", "router.")
ELSEWHERE = re.compile(r"\bsee (the port|:\w+:)")
Function = ast.FunctionDef | ast.AsyncFunctionDef


def _is_public(function: Function) -> bool:
    if function.name.startswith("_"):
        return False
    names = {ast.unparse(decorator) for decorator in function.decorator_list}
    return not any(name.startswith(SILENT) for name in names)


def _own_nodes(node: ast.AST) -> Iterator[ast.AST]:
    """Nodes of a function, those of functions inside it left out."""
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, Function | ast.ClassDef | ast.Lambda):
            yield child
            yield from _own_nodes(child)


def _definitions(node: ast.AST) -> Iterator[Function]:
    """Functions of a module and of its classes; those inside functions are private."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, Function):
            yield child
        else:
            yield from _definitions(child)


def _raised(function: Function) -> set[str]:
    """Names of the classes that a function raises by itself and does not catch itself."""
    caught = {
        name.id
        for node in _own_nodes(function)
        if isinstance(node, ast.ExceptHandler) and node.type is not None
        for name in ast.walk(node.type)
        if isinstance(name, ast.Name)
    }
    calls = [
        node.exc.func
        for node in _own_nodes(function)
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call)
    ]
    names = {ast.unparse(call).rpartition(".")[2] for call in calls}
    # a function in lower case makes the error: its own documentation says which
    return {name for name in names if name[:1].isupper()} - caught - UNDOCUMENTED


def _documented(text: str) -> set[str]:
    return {name.rpartition(".")[2] for name in RAISES.findall(text)}


def _functions(project: Project) -> Iterator[tuple[Path, Function, str]]:
    for path in project.python("src/debusine"):
        for function in _definitions(project.tree(path)):
            yield path, function, ast.get_docstring(function) or ""


@pytest.fixture(scope="session")
def bases(project: Project) -> dict[str, set[str]]:
    """Names of the bases of every class of ours."""
    return {
        node.name: {ast.unparse(base).partition("[")[0].rpartition(".")[2] for base in node.bases}
        for path in project.python("src/debusine")
        for node in ast.walk(project.tree(path))
        if isinstance(node, ast.ClassDef)
    }


def _ancestry(name: str, bases: dict[str, set[str]]) -> set[str]:
    return {name}.union(*(_ancestry(base, bases) for base in bases.get(name, set())))


def test_what_is_raised_is_documented(project: Project, bases: dict[str, set[str]]) -> None:
    missing = [
        f"{path}:{function.lineno} {function.name} raises {name}"
        for path, function, text in _functions(project)
        if _is_public(function) and path.parts[2] != "testing" and not ELSEWHERE.search(text)
        for name in sorted(_raised(function))
        if not _ancestry(name, bases)
        & {raised.rpartition(".")[2] for raised in RAISES.findall(text)}
    ]
    assert "\n".join(missing) == ""


def test_what_is_documented_exists(project: Project, bases: dict[str, set[str]]) -> None:
    imported = {
        alias.asname or alias.name
        for path in project.python("src/debusine")
        for node in ast.walk(project.tree(path))
        if isinstance(node, ast.ImportFrom | ast.Import)
        for alias in node.names
    }
    known = set(bases) | set(dir(builtins)) | imported
    unknown = [
        f"{path}:{function.lineno} {name}"
        for path, function, text in _functions(project)
        for name in RAISES.findall(text)
        if name.partition(".")[0] not in known
    ]
    assert "\n".join(unknown) == ""
