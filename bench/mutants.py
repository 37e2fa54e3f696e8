# SPDX-License-Identifier: GPL-3.0-or-later
"""
Mutants of the documented task API: the page's names, found in the source, and changed there.

A mutant is one edit of one file. Functions do nothing; functions that did nothing raise;
abstract ones are abstract no more; defaults and attributes have another value.
"""

from __future__ import annotations

import ast
import enum
import importlib.util
import inspect
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import debusine.tasks

ROOT = Path(__file__).resolve().parents[1]
PAGE_TEST = ROOT / "tests/contract/test_tasks_api.py"

Function = ast.FunctionDef


@dataclass(frozen=True, slots=True)
class Edit:
    """Replaces bytes of a file by others."""

    start: int
    end: int
    text: bytes

    def apply(self, source: bytes) -> bytes:
        return source[: self.start] + self.text + source[self.end :]


@dataclass(frozen=True, kw_only=True, slots=True)
class Mutant:
    """
    One change of one symbol.

    :param original: the whole file
    :param probe: symbol of the function whose callers notice; None if anybody may
    """

    symbol: str
    change: str
    file: Path
    original: bytes
    edit: Edit
    probe: str | None

    @property
    def name(self) -> str:
        return f"{self.symbol}: {self.change}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Probe:
    """Where a function begins, so that a run can note which tests reach it."""

    symbol: str
    file: Path
    original: bytes
    edit: Edit


class Source:
    """A file and its syntax tree; knows where nodes lie in bytes."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.data = path.read_bytes()
        self.tree = ast.parse(self.data)
        self._lines = [0]
        for line in self.data.splitlines(keepends=True):
            self._lines.append(self._lines[-1] + len(line))

    # nodes: any that have a place, which not every node of a tree has
    def start(self, node: Any) -> int:
        return int(self._lines[node.lineno - 1] + node.col_offset)

    def end(self, node: Any) -> int:
        return int(self._lines[node.end_lineno - 1] + node.end_col_offset)

    def replace(self, node: Any, text: str) -> Edit:
        return Edit(self.start(node), self.end(node), text.encode())

    def insert_after(self, node: Any, line: str) -> Edit:
        end = self.end(node)
        return Edit(end, end, f"\n{' ' * node.col_offset}{line}".encode())

    def definition(self, name: str) -> ast.ClassDef | Function:
        for node in self.tree.body:
            if isinstance(node, ast.ClassDef | Function) and node.name == name:
                return node
        raise LookupError(name)


@dataclass
class Collector:
    """Finds what is to be changed; one place may stand for several names of the page."""

    mutants: dict[tuple[Path, Edit], Mutant] = field(default_factory=dict)
    probes: dict[str, Probe] = field(default_factory=dict)
    _sources: dict[Path, Source] = field(default_factory=dict)

    def source(self, path: Path) -> Source:
        return self._sources.setdefault(path, Source(path))

    def add(
        self, symbol: str, change: str, source: Source, edit: Edit, probe: str | None = None
    ) -> None:
        mutant = Mutant(
            symbol=symbol,
            change=change,
            file=source.path,
            original=source.data,
            edit=edit,
            probe=probe,
        )
        self.mutants.setdefault((source.path, edit), mutant)

    def add_function(self, symbol: str, source: Source, node: Function) -> None:
        first, *rest = node.body
        documented = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
        body = rest if documented else node.body
        start = source.end(first) if documented else source.start(first)
        indent = " " * first.col_offset
        joint = f"\n{indent}" if documented else ""
        hit = f"{joint}__import__('mutation_probe').hit({symbol!r})" + (
            "" if documented else f"\n{indent}"
        )
        self.probes[symbol] = Probe(
            symbol=symbol,
            file=source.path,
            original=source.data,
            edit=Edit(start, start, hit.encode()),
        )
        self._add_defaults(symbol, source, node)
        abstract = [each for each in node.decorator_list if ast.unparse(each) == "abstractmethod"]
        if abstract:
            self.add(symbol, "not abstract", source, source.replace(abstract[0], "(lambda f: f)"))
            return
        idle = all(_is_idle(each) for each in body)
        change = "raise AssertionError" if idle else "pass"
        end = source.end(node.body[-1])
        edit = Edit(start, end, f"{joint}{change}".encode())
        self.add(symbol, "raises" if idle else "does nothing", source, edit, symbol)

    def _add_defaults(self, symbol: str, source: Source, node: Function) -> None:
        arguments = node.args
        positional = arguments.args[len(arguments.args) - len(arguments.defaults) :]
        pairs = [
            *zip(positional, arguments.defaults, strict=True),
            *zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True),
        ]
        for argument, default in pairs:
            if isinstance(default, ast.Constant):
                edit = source.replace(default, _other_constant(default.value))
                self.add(symbol, f"other default of {argument.arg}", source, edit, symbol)

    def add_attribute(self, cls: type[Any], name: str) -> bool:
        """Find where a class, or the nearest parent that does, gives an attribute its value."""
        for parent in cls.__mro__:
            if not parent.__module__.startswith("debusine."):
                continue
            source = self.source(Path(inspect.getsourcefile(parent) or ""))
            node = source.definition(parent.__name__)
            places = list(_assignments(node, name))
            for statement, value, owner in places:
                self._add_assignment(f"{parent.__name__}.{name}", source, statement, value, owner)
            if places:
                return True
        return False

    def _add_assignment(
        self, symbol: str, source: Source, statement: ast.stmt, value: ast.expr, owner: str | None
    ) -> None:
        if isinstance(value, ast.Constant):
            edit = source.replace(value, _other_constant(value.value))
            self.add(symbol, "other value", source, edit)
        elif owner is not None:
            line = f"{owner}.{symbol.rpartition('.')[2]} = None"
            self.add(
                symbol, f"None, {statement.lineno}", source, source.insert_after(statement, line)
            )
        else:
            self.add(symbol, "other value", source, source.replace(value, _other_value(value)))
            if isinstance(value, ast.Call):
                for keyword in value.keywords:
                    edit = source.replace(keyword, "**{}")
                    self.add(symbol, f"without {keyword.arg}", source, edit)


def _is_idle(node: ast.stmt) -> bool:
    match node:
        case ast.Pass() | ast.Return(value=None | ast.Constant(value=None)):
            return True
        case ast.Expr(value=ast.Constant()):
            return True
        case _:
            return False


def _other_constant(value: object) -> str:
    match value:
        case bool():
            return repr(not value)
        case int() | float():
            return repr(value + 1)
        case "a":
            return repr("w")
        case str():
            return repr(f"{value}-other")
        case _:
            return repr("other")


def _other_value(node: ast.expr) -> str:
    """Another member, where it is one of an enumeration."""
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        kind = getattr(debusine.tasks.with_executor, node.value.id, None) or getattr(
            debusine.tasks.base, node.value.id, None
        )
        if isinstance(kind, enum.EnumMeta):
            others = [name for name in kind.__members__ if name != node.attr]
            return f"{node.value.id}.{others[-1]}"
    return "None"


def _assignments(node: ast.AST, name: str) -> Iterator[tuple[ast.stmt, ast.expr, str | None]]:
    """Statements of a class that give an attribute its value; if any, those in methods."""
    assert isinstance(node, ast.ClassDef)
    within = [
        (statement, value, owner)
        for method in node.body
        if isinstance(method, Function)
        for statement in ast.walk(method)
        if isinstance(statement, ast.Assign | ast.AnnAssign)
        for target, value in _targets(statement)
        if isinstance(target, ast.Attribute)
        and target.attr == name
        and (owner := ast.unparse(target.value)) in {"self", "cls"}
    ]
    if within:
        yield from within
        return
    for statement in node.body:
        if isinstance(statement, ast.Assign | ast.AnnAssign):
            for target, value in _targets(statement):
                if isinstance(target, ast.Name) and target.id == name:
                    yield statement, value, None


def _targets(statement: ast.Assign | ast.AnnAssign) -> Iterator[tuple[ast.expr, ast.expr]]:
    if statement.value is None:
        return
    targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
    for target in targets:
        for each in target.elts if isinstance(target, ast.Tuple) else [target]:
            yield each, statement.value


def read_page() -> tuple[list[Any], list[Any], str]:
    """Classes and functions of the page, as its contract test reads them, and its text."""
    spec = importlib.util.spec_from_file_location("page_test", PAGE_TEST)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module.CLASSES, module.FUNCTIONS, module.PAGE


def collect_page() -> Collector:
    """Everything that stands on the page, in its prose too."""
    found = Collector()
    classes, functions, text = read_page()
    prose = sorted(set(re.findall(r"\b_[a-z]\w+", text)))
    for documented in classes:
        cls = getattr(debusine.tasks, documented.name)
        source = found.source(Path(inspect.getsourcefile(cls) or ""))
        node = source.definition(cls.__name__)
        methods = {
            each.name: each
            for each in node.body
            if isinstance(each, Function) and not _is_overload(each)
        }
        for name in dict.fromkeys([*(each.name for each in documented.members), *prose]):
            if name in methods:
                found.add_function(f"{cls.__name__}.{name}", source, methods[name])
            elif not found.add_attribute(cls, name) and name not in prose:
                raise LookupError(f"{documented.name}.{name} is not in the source")
    for each in functions:
        name = each.name.rpartition(".")[2]
        source = found.source(Path(inspect.getsourcefile(getattr(debusine.tasks, name)) or ""))
        node = source.definition(name)
        assert isinstance(node, Function)
        found.add_function(name, source, node)
    return found


def collect_modules(found: Collector, names: list[str]) -> None:
    """Every function of modules behind the page, such as ``lifecycle``."""
    for name in names:
        source = found.source(ROOT / f"src/debusine/tasks/{name}.py")
        for node in source.tree.body:
            if isinstance(node, Function):
                found.add_function(f"{name}.{node.name}", source, node)
            elif isinstance(node, ast.ClassDef) and "Protocol" not in map(ast.unparse, node.bases):
                for each in node.body:
                    if isinstance(each, Function) and not _is_overload(each):
                        found.add_function(f"{name}.{node.name}.{each.name}", source, each)


def _is_overload(node: Function) -> bool:
    return any(ast.unparse(each) == "overload" for each in node.decorator_list)
