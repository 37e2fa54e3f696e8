# SPDX-License-Identifier: GPL-3.0-or-later
"""Which entries of a task configuration a task gets, and what they make of its data."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from debusine.artifacts.bare_data.task_configuration import TaskConfigurationData
from debusine.domain.tag_expression import parse_tag_expression
from debusine.errors import UserError

FIELD = "task_configuration"


class ConfigurationError(UserError):
    """A task configuration contradicts itself."""

    code = "task-configuration"


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """
    One item of a configuration.

    :param number: id of the item; of entries that are alike, the older one comes first
    """

    number: int
    name: str
    data: TaskConfigurationData


@dataclass(frozen=True, kw_only=True, slots=True)
class Subject:
    """
    What entries are matched against.

    :param provided: tags of the task before it is configured
    :param required: tags that it requires before it is configured
    """

    subject: str | None
    context: str | None
    provided: Collection[str]
    required: Collection[str]


@dataclass(kw_only=True, slots=True)
class Merged:
    """What entries say together."""

    defaults: dict[str, Any] = field(default_factory=dict)
    overrides: dict[str, Any] = field(default_factory=dict)
    locked: set[str] = field(default_factory=set)
    provide: set[str] = field(default_factory=set)
    require: set[str] = field(default_factory=set)

    def add(self, entry: TaskConfigurationData) -> None:
        """Apply one more entry: delete, set, then lock; what is locked already stays."""
        for key in entry.delete_values:
            if key not in self.locked:
                self.defaults.pop(key, None)
                self.overrides.pop(key, None)
        for values, given in (
            (self.defaults, entry.default_values),
            (self.overrides, entry.override_values),
        ):
            values.update({key: each for key, each in given.items() if key not in self.locked})
        self.locked.update(entry.lock_values)
        self.provide.update(entry.provide_tags)
        self.require.update(entry.require_tags)

    def apply(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """Fill what is missing or null in the data of a task, and override the rest."""
        missing = {key: each for key, each in self.defaults.items() if data.get(key) is None}
        return {**data, **missing, **self.overrides}


def select(entries: Sequence[Entry], subject: Subject) -> list[Entry]:
    """
    The entries that are for a task, in the order in which they are applied.

    :param entries: those of the task's type and name
    """
    return sorted((entry for entry in entries if _matches(entry.data, subject)), key=_order)


def with_templates(
    entries: Sequence[Entry], templates: Mapping[str, TaskConfigurationData]
) -> Iterator[TaskConfigurationData]:
    """
    Follow each entry by the templates it uses; what a template uses comes before it.

    :param templates: by their names
    :raises ConfigurationError: if one is missing, or uses itself
    """
    for entry in entries:
        yield entry.data
        for name in entry.data.use_templates:
            yield from _expanded(name, templates, (f"entry {entry.name!r}",))


def merge(entries: Iterator[TaskConfigurationData]) -> Merged:
    """Put entries together, in their order."""
    merged = Merged()
    for entry in entries:
        merged.add(entry)
    return merged


def _expanded(
    name: str, templates: Mapping[str, TaskConfigurationData], users: tuple[str, ...]
) -> Iterator[TaskConfigurationData]:
    """
    A template, after those that it uses.

    :raises ConfigurationError: if one is missing, or uses itself
    """
    known = templates.get(name)
    if known is None:
        raise ConfigurationError(f"{users[-1]} uses template {name!r}, which does not exist")
    label = f"template {name!r}"
    if label in users:
        raise ConfigurationError(f"{label} uses itself: {', '.join((*users, label))}")
    for used in known.use_templates:
        yield from _expanded(used, templates, (*users, label))
    yield known


def _matches(entry: TaskConfigurationData, subject: Subject) -> bool:
    return (
        entry.subject in {None, subject.subject}
        and entry.context in {None, subject.context}
        and _holds(entry.tags_provided, subject.provided)
        and _holds(entry.tags_required, subject.required)
    )


def _holds(condition: list[str] | str, tags: Collection[str]) -> bool:
    """Whether tags are all there, or an expression is true of them."""
    if isinstance(condition, str):
        return parse_tag_expression(condition).holds(tags)
    return set(condition) <= set(tags)


def _order(entry: Entry) -> tuple[str, int, int, int]:
    data = entry.data
    specificity = (data.context is not None) + 2 * (data.subject is not None)
    return data.path or "", data.position or 0, specificity, entry.number
