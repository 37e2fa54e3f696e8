# SPDX-License-Identifier: GPL-3.0-or-later
"""``debusine.tasks`` has the names, kinds, signatures and defaults of the documented API."""

from __future__ import annotations

import ast
import inspect
import re
import typing
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

import debusine.tasks
from debusine.domain.work_request import TaskTypes

PAGE = Path(__file__).with_name("tasks_api.txt").read_text()
REFERENCE = Path(__file__).parents[2] / "docs/reference/python/tasks.md"

_CLASS = re.compile(r"class debusine\.tasks\.(?P<name>\w+)\((?P<signature>.*)\)\[source\]")
_FUNCTION = re.compile(
    r"(?P<kind>classmethod |static |abstract |)(?P<name>[\w.]+)\((?P<signature>.*)\)"
    r"( (?P<returns>[^()]+?))?(\[source\])?"
)
_PROPERTY = re.compile(r"property (?P<name>\w+): (?P<type>.+)")
_ATTRIBUTE = re.compile(r"(?P<name>\w+): (?P<type>.+?)( = (?P<value>.+))?")
_VALUE = re.compile(r"(?P<name>[A-Z_]+) = (?P<value>.+)")
_BARE = re.compile(r"(?P<name>[a-z_]+)")
_INSTANCE_ONLY = {"logger"}


@dataclass(frozen=True)
class Member:
    name: str
    kind: str
    signature: str = ""
    returns: str = ""
    value: str | None = None


@dataclass
class DocumentedClass:
    name: str
    signature: str
    bases: str = ""
    members: list[Member] = field(default_factory=list)


def _is_type(text: str) -> bool:
    try:
        ast.parse(text, mode="eval")
    except SyntaxError:
        return False
    return True


def _is_signature(match: re.Match[str]) -> bool:
    if match["returns"] is None:
        return match.string.endswith("[source]")
    return _is_type(match["returns"])


def _member(line: str) -> Member | None:
    if match := _PROPERTY.fullmatch(line):
        return Member(match["name"], "property", returns=match["type"])
    if (match := _FUNCTION.fullmatch(line)) and _is_signature(match):
        kind = match["kind"].strip() or "method"
        return Member(match["name"], kind, match["signature"], match["returns"] or "None")
    if match := _VALUE.fullmatch(line):
        return Member(match["name"], "attribute", value=match["value"])
    if (match := _ATTRIBUTE.fullmatch(line)) and _is_type(match["type"]):
        return Member(match["name"], "attribute", returns=match["type"], value=match["value"])
    if match := _BARE.fullmatch(line):
        return Member(match["name"], "attribute")
    return None


def _read_page() -> tuple[list[DocumentedClass], list[Member]]:
    classes: list[DocumentedClass] = []
    functions: list[Member] = []
    for line in PAGE.splitlines():
        if match := _CLASS.fullmatch(line):
            classes.append(DocumentedClass(match["name"], match["signature"]))
        elif line.startswith("Bases: "):
            classes[-1].bases = line.removeprefix("Bases: ")
        elif (member := _member(line)) is not None:
            if member.name.startswith("debusine.tasks."):
                functions.append(member)
            else:
                classes[-1].members.append(member)
    return classes, functions


CLASSES, FUNCTIONS = _read_page()


def _normal(annotation: str) -> str:
    return ast.unparse(ast.parse(annotation.replace("'", ""), mode="eval"))


def _documented(signature: str, returns: str) -> tuple[list[tuple[Any, ...]], str]:
    tree = ast.parse(f"def f({signature}): ...").body[0]
    assert isinstance(tree, ast.FunctionDef)
    arguments = tree.args
    positional = arguments.args
    absent: list[Any] = [inspect.Parameter.empty] * (len(positional) - len(arguments.defaults))
    defaults = absent + [ast.literal_eval(default) for default in arguments.defaults]
    found: list[tuple[Any, ...]] = [
        (arg.arg, "positional", ast.unparse(arg.annotation), default)
        for arg, default in zip(positional, defaults, strict=True)
        if arg.annotation is not None
    ]
    for arg, node in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        assert arg.annotation is not None
        default = inspect.Parameter.empty if node is None else ast.literal_eval(node)
        found.append((arg.arg, "keyword", ast.unparse(arg.annotation), default))
    return found, _normal(returns)


def _real(function: Any, *, skip_self: bool) -> tuple[list[tuple[Any, ...]], str]:
    signature = inspect.signature(function)
    parameters = list(signature.parameters.values())[1 if skip_self else 0 :]
    found = [
        (
            parameter.name,
            "keyword" if parameter.kind is parameter.KEYWORD_ONLY else "positional",
            _normal(str(parameter.annotation)),
            parameter.default,
        )
        for parameter in parameters
    ]
    return found, _normal(str(signature.return_annotation))


def _annotation(cls: type[Any], name: str) -> str | None:
    for parent in cls.__mro__:
        if name in vars(parent).get("__annotations__", {}):
            return str(vars(parent)["__annotations__"][name])
    return None


def _cases() -> Iterator[Any]:
    for documented in CLASSES:
        for member in documented.members:
            yield pytest.param(documented.name, member, id=f"{documented.name}.{member.name}")


def test_page_is_read_completely() -> None:
    names = {member.name for documented in CLASSES for member in documented.members}
    assert len(CLASSES) == 5
    assert len(FUNCTIONS) == 4
    sizes = {documented.name: len(documented.members) for documented in CLASSES}
    # open_debug_log_file counts twice, as it has two signatures
    assert sizes == {
        "BaseExternalTask": 38,
        "BaseTaskWithExecutor": 13,
        "ExtraRepositoryMixin": 12,
        "RunCommandTask": 10,
        "TaskConfigError": 2,
    }
    assert {"logger", "TASK_TYPE", "aborted", "get_subject", "build_architecture"} <= names


def test_package_exports_the_documented_names_and_no_others() -> None:
    documented = {each.name for each in CLASSES}
    documented |= {each.name.removeprefix("debusine.tasks.") for each in FUNCTIONS}
    assert set(debusine.tasks.__all__) == documented


@pytest.mark.parametrize("documented", CLASSES, ids=lambda each: each.name)
def test_class(documented: DocumentedClass) -> None:
    cls = getattr(debusine.tasks, documented.name)
    assert ", ".join(base.__name__ for base in cls.__bases__) == documented.bases
    expected, _ = _documented(documented.signature, "None")
    assert _real(cls.__init__, skip_self=True)[0] == expected


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda each: each.name)
def test_function(function: Member) -> None:
    real = getattr(debusine.tasks, function.name.removeprefix("debusine.tasks."))
    assert _real(real, skip_self=False) == _documented(function.signature, function.returns)


@pytest.mark.parametrize(("class_name", "member"), list(_cases()))
def test_member(class_name: str, member: Member) -> None:
    cls = getattr(debusine.tasks, class_name)
    if member.kind == "attribute":
        _check_attribute(cls, member)
        return
    static = inspect.getattr_static(cls, member.name)
    if member.kind == "property":
        assert isinstance(static, property)
        assert _real(static.fget, skip_self=True) == ([], _normal(member.returns))
        return
    kinds = {"classmethod": classmethod, "static": staticmethod}
    assert isinstance(static, kinds.get(member.kind, type(_member)))
    is_abstract = getattr(static, "__isabstractmethod__", False)
    assert is_abstract == (member.kind == "abstract")
    function = getattr(static, "__func__", static)
    # overrides have the signature of what they override
    candidates = typing.get_overloads(function) or [function]
    skip_self = member.kind != "static"
    signatures = [_real(candidate, skip_self=skip_self) for candidate in candidates]
    assert _documented(member.signature, member.returns) in signatures


def test_objects_have_a_logger() -> None:
    noop = debusine.tasks.BaseExternalTask.class_from_name(TaskTypes.WORKER, "noop")
    assert noop({}).logger.name == "debusine.tasks"


def _check_attribute(cls: type[Any], member: Member) -> None:
    if member.returns:
        annotation = _annotation(cls, member.name)
        assert annotation is not None
        assert _normal(annotation) == _normal(member.returns)
    if member.value is None:
        is_known = member.name in _INSTANCE_ONLY or _annotation(cls, member.name) is not None
        assert is_known or inspect.getattr_static(cls, member.name) is not None
        return
    value = inspect.getattr_static(cls, member.name)
    if isinstance(value, typing.TypeVar):
        assert value.__name__ == member.value
    elif member.name == "inputs":
        shown = re.findall(r"'(\w+)': <([\w.]+) object>", member.value)
        real = [(name, f"{type(each).__module__}.{type(each).__name__}")
                for name, each in value.items()]  # fmt: skip
        assert real == shown
    else:
        assert value == ast.literal_eval(member.value)


@pytest.mark.parametrize(("class_name", "member"), list(_cases()))
def test_reference_explains_it(class_name: str, member: Member) -> None:
    if member.name == "__init__":
        # explained by the class
        return
    mro = getattr(debusine.tasks, class_name).__mro__
    headings = [f"### {cls.__name__}.{member.name}" for cls in mro]
    lines = REFERENCE.read_text().splitlines()
    assert [heading for heading in headings if heading in lines]
