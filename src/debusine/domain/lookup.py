# SPDX-License-Identifier: GPL-3.0-or-later
"""
Lookups: how people and tasks name artifacts, collections and items.

A *single* lookup is a number or a string (:mod:`debusine.domain.lookup_string`).
A *multiple* lookup is a dictionary with filters, or a list of numbers, strings
and dictionaries.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any

from pydantic import BeforeValidator, GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

from debusine.domain.lookup_string import (
    BadLookupError,
    First,
    FirstKind,
    LookupString,
    NoMatchError,
    Segment,
    check_text,
    parse_lookup_string,
)

__all__ = [
    "BadLookupError",
    "First",
    "FirstKind",
    "LookupChildType",
    "LookupDict",
    "LookupMultiple",
    "LookupSingle",
    "LookupString",
    "Matcher",
    "MatcherKind",
    "NoMatchError",
    "Segment",
    "parse_lookup_string",
]


def _validate_single(value: object) -> object:
    try:
        return parse_single(value)
    except BadLookupError as exc:
        # pydantic turns only ValueError into one of its messages
        message = str(exc)
        raise ValueError(message) from exc


LookupSingle = Annotated[int | str, BeforeValidator(_validate_single)]
"""In a pydantic model it refuses what pydantic would turn into a number or text."""

MAX_ALTERNATIVES = 10_000
MAX_DEPTH = 8
"""How deep lookups may stand within each other."""


class LookupChildType(StrEnum):
    """What a lookup is expected to find."""

    BARE = "bare"
    ARTIFACT = "artifact"
    COLLECTION = "collection"
    ARTIFACT_OR_PROMISE = "artifact-or-promise"
    ANY = "any"


class MatcherKind(StrEnum):
    """How a text is compared."""

    EXACT = "exact"
    CONTAINS = "contains"
    ENDSWITH = "endswith"
    IN = "in"
    STARTSWITH = "startswith"


@dataclass(frozen=True, kw_only=True, slots=True)
class Matcher:
    """A comparison; ``values`` holds one text, or for ``in`` any number of them, in order."""

    kind: MatcherKind = MatcherKind.EXACT
    values: tuple[str, ...]

    def matches(self, text: str) -> bool:
        """
        Whether a text passes.

        >>> Matcher(kind=MatcherKind.STARTSWITH, values=("lib",)).matches("libfoo1")
        True
        """
        match self.kind:
            case MatcherKind.EXACT | MatcherKind.IN:
                return text in self.values
            case MatcherKind.CONTAINS:
                return self.values[0] in text
            case MatcherKind.ENDSWITH:
                return text.endswith(self.values[0])
            case MatcherKind.STARTSWITH:
                return text.startswith(self.values[0])

    def export(self, key: str) -> tuple[str, str | list[str]]:
        """Key and value as they stand in a dictionary lookup; exact ones have a plain key."""
        if self.kind is MatcherKind.EXACT:
            return key, self.values[0]
        value = list(self.values) if self.kind is MatcherKind.IN else self.values[0]
        return f"{key}__{self.kind.value}", value


@dataclass(frozen=True, kw_only=True, slots=True)
class LookupDict:
    """
    A dictionary lookup: the items of a collection that pass every filter.

    :param data_matchers: sorted by key, one per key
    :param lookup_filters: sorted by key; what ``lookup__KEY`` means is up to the category
    """

    collection: LookupSingle
    child_type: LookupChildType = LookupChildType.ARTIFACT
    category: str | None = None
    name_matcher: Matcher | None = None
    data_matchers: tuple[tuple[str, Matcher], ...] = ()
    lookup_filters: tuple[tuple[str, LookupSingle | LookupMultiple], ...] = ()
    error_on_empty: bool = False

    def accepts(self, name: str, data: Mapping[str, Any]) -> bool:
        """
        Whether an item passes the filters on its name and its data.

        :param data: of the item; values that are no text are compared as JSON
        """
        if self.name_matcher is not None and not self.name_matcher.matches(name):
            return False
        return all(
            data.get(key) is not None and matcher.matches(_as_text(data[key]))
            for key, matcher in self.data_matchers
        )

    def export(self) -> dict[str, Any]:
        """The dictionary that parses to this."""
        result: dict[str, Any] = {"collection": self.collection}
        if self.child_type is not LookupChildType.ARTIFACT:
            result["child_type"] = self.child_type.value
        if self.category is not None:
            result["category"] = self.category
        if self.name_matcher is not None:
            result.update([self.name_matcher.export("name")])
        result.update(matcher.export(f"data__{key}") for key, matcher in self.data_matchers)
        for key, value in self.lookup_filters:
            exported = value.export() if isinstance(value, LookupMultiple) else value
            result[f"lookup__{key}"] = exported
        if self.error_on_empty:
            result["error_on_empty"] = True
        return result


@dataclass(frozen=True, slots=True)
class LookupMultiple:
    """
    A multiple lookup: alternatives whose results are joined, in order; may be empty.

    It compares, hashes, and is false when empty. In a pydantic model a field of
    this type takes a list or a dictionary and is dumped in the same form.
    """

    alternatives: tuple[LookupSingle | LookupDict, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.alternatives)

    @classmethod
    def parse(cls, value: object, *, depth: int = 0) -> LookupMultiple:
        """
        Read a list or a dictionary.

        :param depth: how many lookups it stands within
        :raises BadLookupError: for any other form, unknown keys, conflicting filters, and what
            stands too deep

        >>> LookupMultiple.parse([421, "977@artifacts"]).export()
        [421, '977@artifacts']
        """
        if isinstance(value, cls):
            return value
        if depth > MAX_DEPTH:
            raise BadLookupError(f"lookups stand in each other more than {MAX_DEPTH} deep")
        if isinstance(value, Mapping):
            return cls((_parse_dict(value, depth),))
        if not isinstance(value, Sequence) or isinstance(value, (str, bytes)):
            raise BadLookupError("a multiple lookup must be a list or a dictionary")
        if len(value) > MAX_ALTERNATIVES:
            raise BadLookupError(f"a lookup has at most {MAX_ALTERNATIVES} alternatives")
        return cls(
            tuple(
                _parse_dict(part, depth) if isinstance(part, Mapping) else parse_single(part)
                for part in value
            )
        )

    def export(self) -> dict[str, Any] | list[Any]:
        """The list, or for a single dictionary the dictionary, that parses to this."""
        if len(self.alternatives) == 1 and isinstance(self.alternatives[0], LookupDict):
            return self.alternatives[0].export()
        return [
            part.export() if isinstance(part, LookupDict) else part for part in self.alternatives
        ]

    @classmethod
    def __get_pydantic_core_schema__(
        cls,
        source_type: Any,
        handler: GetCoreSchemaHandler,
    ) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            _validate,
            json_schema_input_schema=core_schema.union_schema(
                [core_schema.dict_schema(core_schema.str_schema()), core_schema.list_schema()]
            ),
            serialization=core_schema.plain_serializer_function_ser_schema(cls.export),
        )


def parse_single(value: object) -> LookupSingle:
    """
    Check that a value has the form of a single lookup; its grammar is checked when it is used.

    :raises BadLookupError: if it is neither a number nor a text
    """
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        raise BadLookupError(f"a lookup must be an integer or a string, not {value!r:.80}")
    if isinstance(value, str):
        check_text(value)
    return value


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _validate(value: object) -> LookupMultiple:
    try:
        return LookupMultiple.parse(value)
    except BadLookupError as exc:
        # pydantic turns only ValueError into one of its messages
        message = str(exc)
        raise ValueError(message) from exc


def _parse_dict(value: Mapping[Any, Any], depth: int) -> LookupDict:
    rest = dict(value)
    if "collection" not in rest:
        raise BadLookupError("a dictionary lookup needs the key 'collection'")
    collection = parse_single(rest.pop("collection"))
    child_type = rest.pop("child_type", LookupChildType.ARTIFACT)
    category = rest.pop("category", None)
    error_on_empty = rest.pop("error_on_empty", False)
    if category is not None:
        if not isinstance(category, str):
            raise BadLookupError("category must be a text")
        check_text(category)
    if not isinstance(error_on_empty, bool):
        raise BadLookupError("error_on_empty must be true or false")
    matchers: dict[str, dict[str, Matcher]] = {}
    filters: dict[str, LookupSingle | LookupMultiple] = {}
    for key, raw in rest.items():
        if isinstance(key, str) and key.startswith("lookup__") and key != "lookup__":
            filters[key[8:]] = (
                parse_single(raw)
                if isinstance(raw, (int, str))
                else LookupMultiple.parse(raw, depth=depth + 1)
            )
            continue
        target, matcher = _parse_matcher(key, raw)
        matchers.setdefault(target, {})[str(key)] = matcher
    for found in matchers.values():
        if len(found) > 1:
            raise BadLookupError(f"conflicting lookup filters: {', '.join(sorted(found))}")
    single = {target: next(iter(found.values())) for target, found in matchers.items()}
    return LookupDict(
        collection=collection,
        child_type=_parse_child_type(child_type),
        category=category,
        name_matcher=single.pop("name", None),
        data_matchers=tuple(sorted((key[6:], single[key]) for key in single)),
        lookup_filters=tuple((key, filters[key]) for key in sorted(filters)),
        error_on_empty=error_on_empty,
    )


def _parse_child_type(value: object) -> LookupChildType:
    try:
        return LookupChildType(str(value))
    except ValueError as exc:
        known = ", ".join(LookupChildType)
        raise BadLookupError(f"unknown child_type {value!r}, known: {known}") from exc


def _parse_matcher(key: object, raw: object) -> tuple[str, Matcher]:
    """Target (``name`` or ``data__KEY``) and comparison that one key of a dictionary stands for."""
    parts = str(key).split("__")
    wanted = 2 if parts[0] == "data" else 1
    suffix = parts[wanted] if len(parts) == wanted + 1 else ""
    if parts[0] not in {"name", "data"} or not all(parts) or len(parts) not in {wanted, wanted + 1}:
        raise BadLookupError(f"unknown key in lookup: {key!r}")
    if suffix and (suffix not in set(MatcherKind) or suffix == MatcherKind.EXACT):
        raise BadLookupError(f"unknown filter in lookup: {key!r}")
    kind = MatcherKind(suffix) if suffix else MatcherKind.EXACT
    texts = raw if kind is MatcherKind.IN else [raw]
    if not isinstance(texts, (list, tuple, set, frozenset)):
        raise BadLookupError(f"{key} must be a list")
    if not all(isinstance(text, (str, int)) and not isinstance(text, bool) for text in texts):
        raise BadLookupError(f"{key} must hold texts")
    values = tuple(map(str, texts))
    for text in (str(key), *values):
        check_text(text)
    return "__".join(parts[:wanted]), Matcher(kind=kind, values=values)
