# SPDX-License-Identifier: GPL-3.0-or-later
"""
Text that can be stored: no database column, JSON ones included, takes everything.

PostgreSQL refuses U+0000, and nothing can write halves of surrogate pairs as UTF-8.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator

from debusine.errors import UserError

_UNSTORABLE = re.compile("[\0\ud800-\udfff]")
_MAX_SHOWN = 20
_MAX_KEY_LENGTH = 200


def text_problem(text: str) -> str | None:
    r"""
    Say what is wrong with a text; None if it can be stored.

    >>> text_problem("grin \N{GRINNING FACE}")
    >>> text_problem("half of it: \ud83d")
    'must not hold halves of characters (U+D83D)'
    """
    found = _UNSTORABLE.search(text)
    if found is None:
        return None
    if found[0] == "\0":
        return "must not hold NUL characters (U+0000)"
    return f"must not hold halves of characters (U+{ord(found[0]):04X})"


def storable(text: str) -> str:
    r"""
    Replace what cannot be stored by U+FFFD, the sign for that.

    >>> storable("a\0b")
    'a�b'
    """
    return _UNSTORABLE.sub("\ufffd", text)


def text_problems(document: Any) -> dict[str, list[str]]:
    r"""
    Find what cannot be stored in a JSON document, in keys as well.

    :param document: as ``json.loads`` returns it, however deep
    :returns: messages by path of the field, some at most; empty if all can be stored

    >>> text_problems({"task_data": {"command": ["echo", "\0"]}})
    {'task_data.command.1': ['must not hold NUL characters (U+0000)']}
    """
    found: dict[str, list[str]] = {}
    for keys, problem in islice(_problems(document), _MAX_SHOWN):
        found[".".join(storable(key)[:_MAX_KEY_LENGTH] for key in keys)] = [problem]
    return found


def _problems(document: Any) -> Iterator[tuple[list[str], str]]:
    """
    Go through a document; memory grows with its depth only.

    :returns: keys that lead to a text, and what is wrong with it
    """
    keys: list[str] = []
    open_parts = [_parts([document])]
    while open_parts:
        for key, value in open_parts[-1]:
            if isinstance(value, str):
                problem = text_problem(value)
                if problem is not None:
                    yield [*keys, key][1:], problem
            elif isinstance(value, dict | list):
                keys.append(key)
                open_parts.append(_parts(value))
                break
        else:
            open_parts.pop()
            del keys[-1:]


def _parts(value: dict[str, Any] | list[Any]) -> Iterator[tuple[str, Any]]:
    """What a container holds; a key is part of it, found where its value is."""
    if isinstance(value, list):
        yield from ((str(index), part) for index, part in enumerate(value))
    else:
        for key, part in value.items():
            yield key, key
            yield key, part


def require_storable(document: Any) -> None:
    """
    Refuse a document that cannot be stored.

    :raises UserError: naming the fields
    """
    problems = text_problems(document)
    if problems:
        raise UserError(
            "Some text cannot be stored",
            details="\n".join(f"{field}: {texts[0]}" for field, texts in problems.items()),
            validation_errors=problems,
        )


def _refuse(text: str) -> str:
    problem = text_problem(text)
    if problem is not None:
        raise ValueError(problem)
    return text


def _repair(value: object) -> object:
    return storable(value) if isinstance(value, str) else value


StorableText = Annotated[str, AfterValidator(_refuse)]
# for what must arrive whatever it holds: words of programs about themselves
RepairedText = Annotated[str, BeforeValidator(_repair)]
