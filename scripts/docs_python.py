# SPDX-License-Identifier: GPL-3.0-or-later
"""
Reference of classes and functions, made from signatures and docstrings.

griffe reads both from the sources; here they become Markdown. A member without words of
its own, such as an override, has those of the base.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import griffe

SOURCES = Path(__file__).parents[1] / "src"
WIDTH = 96
_ROLE = re.compile(r":\w+:`~?([^`]+)`")
_SOURCE = re.compile(r"^:source:\s*(.*)$", re.MULTILINE)
_EXAMPLE = re.compile(r"^>>> .*?(?=\n\n|\Z)", re.MULTILINE | re.DOTALL)
_LISTS = {"parameters": "Takes", "returns": "Returns", "raises": "Raises"}


def reference(name: str, more_members: list[str]) -> str:
    """
    Describe a class with its public members, or a function, or a value.

    :param name: ``MODULE:NAME``
    :param more_members: of the class, beside the public ones: those that subclasses write
    """
    module, _, attribute = name.partition(":")
    described = _load(module)[attribute]
    target = described.final_target if described.is_alias else described
    parts = [f"## {attribute}", *_description(target, f"{module}.{attribute}")]
    if target.is_class:
        cls = getattr(importlib.import_module(module), attribute)
        for member in sorted(target.members.values(), key=lambda member: member.name):
            is_wanted = not member.name.startswith("_") or member.name in more_members
            if is_wanted and not member.is_alias and (said := _said(member, cls)):
                parts += [f"### {attribute}.{member.name}", *said]
    return "\n\n".join(part for part in parts if part)


def _said(member: Any, cls: type[Any]) -> list[str]:
    """What is known of a member; nothing of a field that only the class explains."""
    if member.docstring is not None:
        return list(_description(member, member.name))
    inherited = _inherited(cls, member.name) if member.is_function else ""
    return [*_description(member, member.name), inherited] if inherited else []


@cache
def _load(module: str) -> Any:
    return griffe.load(module, search_paths=[SOURCES], resolve_aliases=True)


def _description(what: Any, name: str) -> Iterator[str]:
    yield f"```text\n{_signature(what, name)}\n```"
    if what.docstring is not None:
        yield from _text(what.docstring)
    if what.is_class and (rows := _rows_of_bases(what)):
        yield "Takes as its bases do:\n\n" + "\n".join(rows)


def _rows_of_bases(cls: Any) -> list[str]:
    """What bases say of parameters that a constructor passes on to them."""
    taken = {each.name for each in _taken(cls)}
    described = _described(cls)
    rows: dict[str, str] = {}
    for base in cls.mro() if taken else ():
        for name, row in _described(base).items():
            if name in taken and name not in described:
                rows.setdefault(name, row)
    return list(rows.values())


def _described(cls: Any) -> dict[str, str]:
    """Parameters that a class describes, as rows."""
    if cls.docstring is None:
        return {}
    return {
        item.name: _row(item)
        for section in cls.docstring.parse("sphinx", warnings=False)
        if section.kind.value == "parameters"
        for item in section.value
    }


def _inherited(cls: type[Any], name: str) -> str:
    """Whose words count for a member that has none."""
    for base in cls.__mro__[1:]:
        said = getattr(vars(base).get(name), "__doc__", None)
        if said:
            first = said.strip().partition("\n\n")[0].replace("\n", " ")
            return f"As in `{base.__name__}`: {_markdown(re.sub(r' +', ' ', first))}"
    return ""


def _signature(what: Any, name: str) -> str:
    if what.is_function:
        functions = what.overloads or [what]
        return "\n".join(_marks(what) + _call(function, name) for function in functions)
    if what.is_class:
        bases = ", ".join(map(str, what.bases))
        constructor = what.all_members.get("__init__")
        call = name if constructor is None else _line(_taken(what), name, "")
        return f"class {call}" + (f"\n    # bases: {bases}" if bases else "")
    annotation = f": {what.annotation}" if what.annotation is not None else ""
    value = f" = {what.value}" if what.value is not None and "property" not in what.labels else ""
    return _marks(what) + name + annotation + value


def _marks(what: Any) -> str:
    wanted = ("abstractmethod", "classmethod", "staticmethod", "property")
    return "".join(f"@{mark}\n" for mark in wanted if mark in what.labels)


def _call(function: Any, name: str) -> str:
    returns = f" -> {function.returns}" if function.returns is not None else ""
    return _line(list(function.parameters), name, returns)


def _taken(cls: Any) -> list[Any]:
    """What a constructor takes; what it only passes on stands in those of the bases."""
    found: dict[str, Any] = {}
    for each in (cls, *cls.mro()):
        if (constructor := each.members.get("__init__")) is None:
            continue
        for parameter in constructor.parameters:
            found.setdefault(parameter.name, parameter)
        if found.pop("kwargs", None) is None:
            break
    return sorted(found.values(), key=lambda each: each.kind is _KEYWORD_ONLY)


def _line(taken: list[Any], name: str, returns: str) -> str:
    """A signature, with a line per parameter where it is long."""
    parameters = [each for each in taken if each.name not in {"self", "cls"}]
    words = [_parameter(each) for each in parameters]
    first = next(
        (index for index, each in enumerate(parameters) if each.kind is _KEYWORD_ONLY), None
    )
    if first is not None:
        words.insert(first, "*")
    line = f"{name}({', '.join(words)}){returns}"
    if len(line) <= WIDTH:
        return line
    return f"{name}(\n" + "".join(f"    {word},\n" for word in words) + f"){returns}"


_KEYWORD_ONLY = griffe.ParameterKind.keyword_only
_STARS = {griffe.ParameterKind.var_positional: "*", griffe.ParameterKind.var_keyword: "**"}


def _parameter(parameter: Any) -> str:
    annotation = f": {parameter.annotation}" if parameter.annotation is not None else ""
    equals = " = " if annotation else "="
    stars = _STARS.get(parameter.kind, "")
    has_default = parameter.default is not None and not stars
    default = f"{equals}{parameter.default}" if has_default else ""
    return f"{stars}{parameter.name}{annotation}{default}"


def _text(docstring: Any) -> Iterator[str]:
    """Words, then lists of parameters, results and errors, then examples."""
    words = _EXAMPLE.sub("", docstring.value)
    parsed = griffe.Docstring(words, parent=docstring.parent).parse("sphinx", warnings=False)
    for section in parsed:
        if section.kind.value == "text":
            yield _markdown(section.value)
        elif section.kind.value in _LISTS:
            rows = [_row(item) for item in section.value]
            yield f"{_LISTS[section.kind.value]}:\n\n" + "\n".join(rows)
    for example in _EXAMPLE.findall(docstring.value):
        yield f"```pycon\n{example}\n```"


def _row(item: Any) -> str:
    name = getattr(item, "name", "") or (
        str(item.annotation) if type(item).__name__ == "DocstringRaise" else ""
    )
    words = _markdown(re.sub(r"\s+", " ", item.description))
    return f"- `{name}`: {words}" if name else f"- {words}"


def _markdown(text: str) -> str:
    """Turn reST into Markdown, as far as docstrings use it."""
    text = _SOURCE.sub(r"Source: \1", _ROLE.sub(r"`\1`", text))
    text = re.sub(r"::\n\n((?:    .*\n?)+)", _literal, text)
    return re.sub(r"\n{3,}", "\n\n", text.replace("``", "`")).strip()


def _literal(match: re.Match[str]) -> str:
    lines = "\n".join(line.removeprefix("    ") for line in match[1].splitlines())
    return f":\n\n```text\n{lines}\n```\n"
