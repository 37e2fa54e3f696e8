# SPDX-License-Identifier: GPL-3.0-or-later
"""
Grammar of lookup strings: parse and print.

::

    lookup   := [ "//" option (":" option)* "/" ] first ( "/" segment )*
    option   := "workspace=" VALUE | "scope=" VALUE
    first    := ID "@artifacts" | ID "@collections" | "internal@collections"
              | NAME "@" CATEGORY | NAME
    segment  := KIND ":" REST | NAME            (NAME is short for name:NAME)

Nothing can be quoted: no value holds a ``/``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from typing_extensions import override

from debusine.domain.text import text_problem
from debusine.errors import NotFoundError, UserError

MAX_LOOKUP_LENGTH = 4096
_ID = re.compile(r"[0-9]{1,19}")


class BadLookupError(UserError, LookupError):
    """A lookup is malformed, or found something of the wrong type."""

    code = "bad-lookup"


class NoMatchError(NotFoundError, KeyError):
    """Nothing matches, or nothing that this caller may see."""

    code = "no-match"

    @override
    def __str__(self) -> str:
        # KeyError would print the quoted form
        return self.brief


class FirstKind(StrEnum):
    """What the first segment names."""

    NAMED_COLLECTION = "named"
    ARTIFACT_ID = "artifacts"
    COLLECTION_ID = "collections"
    INTERNAL = "internal"


@dataclass(frozen=True, kw_only=True, slots=True)
class First:
    """
    The first segment.

    :param name: name of a collection; empty for the other kinds
    :param category: category of a collection; None leaves it to the context
    :param number: id of an artifact or collection; 0 for the other kinds
    """

    kind: FirstKind
    name: str = ""
    category: str | None = None
    number: int = 0

    @override
    def __str__(self) -> str:
        match self.kind:
            case FirstKind.INTERNAL:
                return "internal@collections"
            case FirstKind.ARTIFACT_ID | FirstKind.COLLECTION_ID:
                return f"{self.number}@{self.kind.value}"
            case FirstKind.NAMED_COLLECTION:
                return self.name if self.category is None else f"{self.name}@{self.category}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Segment:
    """A further segment: how to look in the collection found so far, and for what."""

    kind: str = "name"
    value: str

    @override
    def __str__(self) -> str:
        if self.kind == "name" and self.value and ":" not in self.value:
            return self.value
        return f"{self.kind}:{self.value}"


@dataclass(frozen=True, kw_only=True, slots=True)
class LookupString:
    """
    A lookup string, taken apart; ``str()`` prints it.

    :param workspace: start there instead of in the current workspace
    :param scope: scope of ``workspace``; None is the current one
    """

    first: First
    segments: tuple[Segment, ...] = ()
    workspace: str | None = None
    scope: str | None = None

    @override
    def __str__(self) -> str:
        options = ""
        if self.workspace is not None:
            scope = "" if self.scope is None else f":scope={self.scope}"
            options = f"//workspace={self.workspace}{scope}/"
        return options + "/".join([str(self.first), *map(str, self.segments)])

    @property
    def parent(self) -> LookupString | None:
        """The lookup of the collection that the last segment looks in; None for one segment."""
        if not self.segments:
            return None
        return LookupString(
            first=self.first,
            segments=self.segments[:-1],
            workspace=self.workspace,
            scope=self.scope,
        )


def check_text(text: str) -> None:
    """
    Refuse what no database column can hold.

    :raises BadLookupError: for NUL, lone surrogates, and more than 4096 characters
    """
    if len(text) > MAX_LOOKUP_LENGTH or text_problem(text) is not None:
        raise BadLookupError("a text in a lookup is too long or holds a character that cannot be")


def parse_lookup_string(text: str) -> LookupString:
    """
    Take a lookup string apart.

    :raises BadLookupError: if it does not follow the grammar

    >>> parse_lookup_string("trixie@debian:suite/binary:hello_amd64").segments[0].kind
    'binary'
    >>> str(parse_lookup_string("//workspace=base:scope=debian/sid@debian:suite/name:x"))
    '//workspace=base:scope=debian/sid@debian:suite/x'
    """
    check_text(text)
    if not text:
        raise BadLookupError("lookup is empty")
    options: dict[str, str] = {}
    rest = text
    if text.startswith("//"):
        head, slash, rest = text[2:].partition("/")
        if not slash:
            raise BadLookupError(f"lookup {text!r} ends after its options")
        options = _parse_options(head, text)
    first, *segments = rest.split("/")
    return LookupString(
        first=_parse_first(first, text),
        segments=tuple(_parse_segment(segment, text) for segment in segments),
        workspace=options.get("workspace"),
        scope=options.get("scope"),
    )


def _parse_options(head: str, text: str) -> dict[str, str]:
    options: dict[str, str] = {}
    for option in head.split(":"):
        name, equals, value = option.partition("=")
        if not equals or not value:
            raise BadLookupError(f"lookup {text!r}: malformed option {option!r}")
        if name not in {"workspace", "scope"}:
            raise BadLookupError(f"lookup {text!r}: unknown option {name!r}")
        if name in options:
            raise BadLookupError(f"lookup {text!r}: option {name!r} is given twice")
        options[name] = value
    if "workspace" not in options:
        raise BadLookupError(f"lookup {text!r}: option 'scope' needs option 'workspace'")
    return options


def _parse_first(segment: str, text: str) -> First:
    name, at, category = segment.rpartition("@")
    if not at:
        name, category = segment, ""
    if not name or (at and not category):
        raise BadLookupError(f"lookup {text!r}: malformed first segment {segment!r}")
    if category == "collections" and name == "internal":
        return First(kind=FirstKind.INTERNAL)
    if category in {"artifacts", "collections"}:
        if not _ID.fullmatch(name):
            raise BadLookupError(f"lookup {text!r}: {name!r} is not an id")
        return First(kind=FirstKind(category), number=int(name))
    return First(kind=FirstKind.NAMED_COLLECTION, name=name, category=category or None)


def _parse_segment(segment: str, text: str) -> Segment:
    kind, colon, value = segment.partition(":")
    if not colon:
        kind, value = "name", segment
    if not kind or not (value or colon):
        raise BadLookupError(f"lookup {text!r}: malformed segment {segment!r}")
    return Segment(kind=kind, value=value)
