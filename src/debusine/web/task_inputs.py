# SPDX-License-Identifier: GPL-3.0-or-later
"""Tables of what a task was given: links to what still exists, repositories, or YAML."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

import yaml
from django.urls import Resolver404, resolve

from debusine.artifacts.base import describe
from debusine.db.models import Artifact, Collection, WorkRequest, Workspace
from debusine.server.access import visible_workspaces
from debusine.server.actor import Actor
from debusine.server.views.artifact import artifact_path
from debusine.server.views.collection import web_path
from debusine.server.views.task_input import ShownInput, show_inputs
from debusine.tasks.apt_sources import sources_paragraph
from debusine.tasks.inputs.values import InputCollectionSingle
from debusine.tasks.models import ExtraExternalRepository
from debusine.wire.task_input import TaskInput


@dataclass(frozen=True, kw_only=True, slots=True)
class Reference:
    """
    An artifact or a collection.

    :param path: of its page; None if it is gone, or this reader may not see it
    """

    text: str
    path: str | None = None
    gone: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class RepositoryText:
    """An APT repository, in one line and as APT reads it."""

    summary: str
    deb822: str


@dataclass(frozen=True, kw_only=True, slots=True)
class InputRow:
    """
    One row of a table; of the last three at most one holds something.

    :param lookup: as YAML; empty if nothing was looked up
    """

    record: TaskInput
    lookup: str
    references: list[Reference] = field(default_factory=list)
    repositories: list[RepositoryText] = field(default_factory=list)
    text: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class InputTables:
    """What follows from what the user gave, and what does not; both sorted by name."""

    given: list[InputRow]
    internal: list[InputRow]


def input_tables(actor: Actor, request: WorkRequest) -> InputTables:
    """Tables of the inputs of a request; at most two queries."""
    shown = [one for one in show_inputs(request) if not one.record.hidden]
    known = _Known.load(actor, shown)
    rows = [_row(one, known) for one in shown]
    return InputTables(
        given=[row for row in rows if not row.record.internal],
        internal=[row for row in rows if row.record.internal],
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class _Known:
    """Rows that the reader may see, by id."""

    artifacts: Mapping[int, Artifact]
    collections: Mapping[int, Collection]

    @classmethod
    def load(cls, actor: Actor, shown: Iterable[ShownInput]) -> _Known:
        records = [one.record for one in shown]
        visible = Workspace.objects.filter(visible_workspaces(actor))
        artifacts = set(chain.from_iterable(record.artifacts for record in records))
        collections = set(chain.from_iterable(record.collections for record in records))
        return cls(
            artifacts=Artifact.objects.select_related("workspace__scope")
            .filter(workspace__in=visible)
            .in_bulk(artifacts),
            collections=Collection.objects.select_related("workspace__scope")
            .filter(workspace__in=visible)
            .in_bulk(collections),
        )

    def artifact(self, pk: int) -> Reference:
        found = self.artifacts.get(pk)
        if found is None:
            return Reference(text=f"artifact {pk}", gone=True)
        text = f"{pk} {describe(found.category, found.data)}"
        return Reference(text=text, path=artifact_path(found))

    def collection(self, value: InputCollectionSingle) -> Reference:
        text = f"{value.name}@{value.category}"
        found = self.collections.get(value.collection_id)
        if found is None:
            return Reference(text=text, gone=True)
        return Reference(text=text, path=_if_page(web_path(found)))


def _row(shown: ShownInput, known: _Known) -> InputRow:
    record, value = shown.record, shown.value
    lookup = "" if record.lookup in (None, []) else _yaml(record.lookup)
    if record.artifacts:
        references = [known.artifact(pk) for pk in record.artifacts]
        return InputRow(record=record, lookup=lookup, references=references)
    parts = value if isinstance(value, (list, tuple)) else [value]
    if record.collections:
        found = [one for one in parts if isinstance(one, InputCollectionSingle)]
        references = [known.collection(one) for one in found]
        return InputRow(record=record, lookup=lookup, references=references)
    if parts and all(isinstance(one, ExtraExternalRepository) for one in parts):
        return InputRow(record=record, lookup="", repositories=[_repository(one) for one in parts])
    text = "" if value is None or _is_empty(record.value) else _yaml(record.value)
    return InputRow(record=record, lookup=lookup, text=text)


def _repository(repository: ExtraExternalRepository) -> RepositoryText:
    parts = [str(repository.url), repository.suite, *(repository.components or ())]
    return RepositoryText(
        summary=" ".join(parts), deb822=sources_paragraph(repository, key_name=None)
    )


def _is_empty(value: Any) -> bool:
    """Whether a serialised value holds nothing: no list items, no artifacts."""
    if isinstance(value, dict) and "artifacts" in value:
        return not value["artifacts"]
    return isinstance(value, list) and all(_is_empty(one) for one in value)


def _if_page(path: str) -> str | None:
    """A path, if there is a page."""
    try:
        resolve(path)
    except Resolver404:
        return None
    return path


def _yaml(value: Any) -> str:
    r"""
    A JSON value for people.

    >>> _yaml("debian/match:codename=trixie"), _yaml([1, 2])
    ('debian/match:codename=trixie', '- 1\n- 2')
    """
    if isinstance(value, str):
        return value
    text = yaml.safe_dump(value, allow_unicode=True, sort_keys=False)
    return text.removesuffix("\n").removesuffix("\n...")
