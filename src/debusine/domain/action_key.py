# SPDX-License-Identifier: GPL-3.0-or-later
"""
Which attempts do the same: a digest of everything that a task reads.

Artifacts count by their content, not by their number, and lookups by what they found.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

# how a lookup was written says nothing about what it found
_NOT_READ = frozenset({"label", "lookup"})
_FIELDS = "task_input_fields"


class Network(StrEnum):
    """How a task reads the network while it runs."""

    NONE = "none"
    APT = "apt"
    """Repositories, through APT; what it fetched is recorded by the digest of each index."""
    UNKNOWN = "unknown"
    """Anything; only then the sandbox keeps the network while the work is done."""


class UnreadableInputError(LookupError):
    """Something that a task reads has no content that stays the same."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Content:
    """
    What an artifact is.

    :param files: path, SHA-256 and size of each file, in any order
    """

    category: str
    data: Mapping[str, Any]
    files: Iterable[tuple[str, str, int]] = field(default=())

    def digest(self) -> str:
        """Equal for artifacts that no task can tell apart."""
        return digest_of([self.category, self.data, sorted(map(list, self.files))])


def canonical(value: Any) -> str:
    """
    Write a value as JSON in the one way that equal values have.

    :raises ValueError: if it is no JSON
    :source: RFC 8785, but for the form of numbers, which are Python's own

    >>> canonical({"b": [1, None], "a": "ä"})
    '{"a":"ä","b":[1,null]}'
    """
    return json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )


def digest_of(value: Any) -> str:
    """SHA-256 of the canonical form, in hexadecimal."""
    # a lone surrogate can be in what users sent, and is no reason to fail
    return hashlib.sha256(canonical(value).encode(errors="surrogatepass")).hexdigest()


def action_key(
    *,
    task: tuple[str, str, int | None],
    data: Mapping[str, Any],
    looked_up: Iterable[str],
    dynamic_data: Mapping[str, Any],
    contents: Mapping[int, str],
) -> str:
    """
    Make the key of an action.

    :param task: type, name and version
    :param data: configured task data, defaults filled in
    :param looked_up: dotted paths in it where lookups stand whose findings are in
        ``dynamic_data``
    :param dynamic_data: everything that the server found out
    :param contents: digests of artifacts by their ids
    :returns: 64 hexadecimal digits
    :raises UnreadableInputError: if it takes a collection, or an artifact without a digest
    """
    found = dict(dynamic_data)
    fields = found.pop(_FIELDS, {})
    return digest_of(
        {
            "task": list(task),
            "data": _without(data, [*looked_up, "task_configuration"]),
            "dynamic": {key: _by_content(key, found[key], contents) for key in found},
            "inputs": {
                name: _value_by_content(fields[name], contents)
                for name in fields
                if name != "task_configuration"
            },
        }
    )


def _without(data: Mapping[str, Any], paths: Iterable[str]) -> dict[str, Any]:
    """A copy that lacks what stands at some dotted paths."""
    copy = {key: _copied(value) for key, value in data.items()}
    for path in paths:
        *parents, last = path.split(".")
        place: Any = copy
        for name in parents:
            place = place.get(name) if isinstance(place, dict) else None
        if isinstance(place, dict):
            place.pop(last, None)
    return copy


def _copied(value: Any) -> Any:
    return _without(value, ()) if isinstance(value, Mapping) else value


def _by_content(key: str, value: Any, contents: Mapping[int, str]) -> Any:
    """A field of dynamic data: by their names it is known which hold artifacts."""
    return _numbers(value, contents) if key.endswith(("_id", "_ids")) else value


def _numbers(value: Any, contents: Mapping[int, str]) -> Any:
    if isinstance(value, list):
        return [_numbers(part, contents) for part in value]
    if isinstance(value, int) and not isinstance(value, bool):
        return _content(value, contents)
    return value


def _value_by_content(value: Any, contents: Mapping[int, str]) -> Any:
    """What an input resolved to: an artifact, several, a text, or lists of those."""
    if isinstance(value, list):
        return [_value_by_content(part, contents) for part in value]
    if not isinstance(value, dict):
        return value
    if "collection_id" in value:
        message = f"collection {value['collection_id']}"
        raise UnreadableInputError(message)
    if value.get("artifact_id") is not None:
        return _content(value["artifact_id"], contents)
    return {
        key: _value_by_content(part, contents)
        for key, part in value.items()
        if key not in _NOT_READ
    }


def _content(artifact_id: int, contents: Mapping[int, str]) -> str:
    found = contents.get(artifact_id)
    if found is None:
        message = f"artifact {artifact_id}"
        raise UnreadableInputError(message)
    return found
