# SPDX-License-Identifier: GPL-3.0-or-later
"""What inputs resolve to survives the way to the worker."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.properties.test_lookup import SINGLE, dictionaries

from debusine.artifacts.base import parse_data
from debusine.domain.category import CollectionCategory
from debusine.domain.lookup import LookupMultiple
from debusine.tasks import BaseExternalTask
from debusine.tasks.inputs import inputs
from debusine.tasks.inputs.base import TaskInput
from debusine.tasks.inputs.container import TaskFieldContainer
from debusine.tasks.inputs.values import (
    BaseTaskInputArtifact,
    InputArtifactMultiple,
    InputArtifactSingle,
    InputCollectionSingle,
)
from debusine.tasks.models import BaseDynamicTaskData, ExtraExternalRepository
from debusine.testing.inputs import BINARY, KEY, SIGNED, SOURCE, TARBALL, UPLOAD

TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20)
WORD = st.text("abc0-_", min_size=1, max_size=8)
ID = st.integers(1, 2**63 - 1)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=5,
)
TEXTS = st.dictionaries(WORD, TEXT, max_size=2)
DATA: dict[str, tuple[dict[str, Any], dict[str, st.SearchStrategy[Any]]]] = {
    "debian:source-package": (SOURCE, {"dsc_fields": TEXTS}),
    "debian:binary-package": (BINARY, {"srcpkg_name": TEXT}),
    "debian:upload": (UPLOAD, {}),
    "debian:system-tarball": (TARBALL, {"pkglist": TEXTS}),
    "debusine:signing-output": (SIGNED, {"fingerprint": TEXT}),
    "debusine:signing-input": ({}, {"trusted_certs": st.none() | st.lists(TEXT, max_size=2)}),
}


def content_of(category: str) -> st.SearchStrategy[dict[str, Any]]:
    """Category and data of artifacts; some fields vary."""
    fixed, varied = DATA[category]
    return st.fixed_dictionaries(varied).map(
        lambda found: {"category": category, "data": parse_data(category, {**fixed, **found})}
    )


CONTENT = st.one_of(
    st.just({}), st.just({"category": "debian:source-package"}), *map(content_of, DATA)
)
LOOKUPS = st.builds(LookupMultiple, st.lists(SINGLE | dictionaries(SINGLE), max_size=3).map(tuple))
ONE = st.builds(
    lambda pk, content, label, lookup: InputArtifactSingle(
        artifact_id=pk, label=label, lookup=lookup, **content
    ),
    st.none() | ID,
    CONTENT,
    TEXT,
    SINGLE,
)
SEVERAL = st.builds(
    InputArtifactMultiple,
    label=TEXT,
    lookup=LOOKUPS,
    artifacts=st.lists(
        st.builds(
            lambda pk, content: BaseTaskInputArtifact(artifact_id=pk, **content),
            st.none() | ID,
            CONTENT,
        ),
        max_size=3,
    ),
)
COLLECTION = st.builds(
    InputCollectionSingle,
    label=TEXT,
    lookup=SINGLE,
    collection_id=ID,
    scope_name=TEXT,
    workspace_name=TEXT,
    category=st.sampled_from(["debian:suite", "debian:archive"]).map(CollectionCategory),
    name=TEXT,
    data=st.dictionaries(TEXT, JSON, max_size=3),
)
REPOSITORY = st.builds(
    ExtraExternalRepository,
    url=st.builds("https://{}.example.org/{}".format, st.text("abc", min_size=1), WORD),
    suite=WORD,
    components=st.lists(WORD, min_size=1, max_size=2),
    architectures=st.none() | st.lists(WORD, max_size=2),
    signing_key=st.none() | st.just(KEY),
)
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "BuildArchitectureInput": TEXT,
    "DebusineFQDNInput": TEXT,
    "EnvironmentInput": ONE,
    "ExtraRepositoriesInput": st.none() | st.lists(REPOSITORY, max_size=3),
    "MultiInput": SEVERAL,
    "MultiInputList": st.lists(SEVERAL, max_size=3),
    "OptionalEnvironmentInput": st.none() | ONE,
    "OptionalSingleInput": st.none() | ONE,
    "SingleInput": ONE,
    "SingleInputList": st.lists(ONE, max_size=3),
    "SuiteArchiveInput": st.tuples(COLLECTION, st.none() | COLLECTION),
    "UnsignedMultiInput": SEVERAL,
    "UploadArtifactsInput": SEVERAL,
}
KINDS: dict[str, type[TaskInput[Any]]] = {name: getattr(inputs, name) for name in VALUES}
WRONG = JSON.filter(lambda value: not isinstance(value, str | None | list))


def container_of(kind: type[TaskInput[Any]]) -> TaskFieldContainer:
    """Something with the inputs ``first`` and ``second`` of one kind."""
    return type("Container", (TaskFieldContainer,), {"first": kind(), "second": kind()})()


def through_json(dynamic: BaseDynamicTaskData) -> BaseDynamicTaskData:
    text = json.dumps(dynamic.model_dump(mode="json", exclude_unset=True))
    return BaseDynamicTaskData.model_validate(json.loads(text))


def test_every_kind_has_its_values() -> None:
    kinds = {name for name in inputs.__all__ if name not in {"Stage", "TaskInput"}}
    assert kinds == set(VALUES)


@pytest.mark.parametrize("name", VALUES)
@settings(max_examples=50)
@given(data=st.data())
def test_values_survive(name: str, data: st.DataObject) -> None:
    kind = KINDS[name]
    given_values = {key: data.draw(VALUES[name], key) for key in ("first", "second")}
    saved, restored = container_of(kind), container_of(kind)
    for key, value in given_values.items():
        saved.set_field_value(key, value)
    dynamic = BaseDynamicTaskData(subject="s", task_input_fields={"other": 1})
    saved.save_field_values(dynamic)
    stored = through_json(dynamic)
    assert (stored.subject, stored.task_input_fields["other"]) == ("s", 1)
    restored.restore_field_values(stored)
    assert {key: getattr(restored, key) for key in given_values} == given_values
    assert restored.get_field_artifact_ids() == saved.get_field_artifact_ids()
    again = BaseDynamicTaskData(subject="s", task_input_fields={"other": 1})
    restored.save_field_values(again)
    assert again == dynamic


@pytest.mark.parametrize("name", VALUES)
@settings(max_examples=20)
@given(wrong=WRONG)
def test_other_shapes_are_refused(name: str, wrong: Any) -> None:
    with pytest.raises(ValueError, match=r"."):
        KINDS[name]().deserialize(wrong)


@given(inner=ONE, outer=TEXT)
def test_a_wrapped_container_is_saved_and_restored_too(
    inner: InputArtifactSingle, outer: str
) -> None:
    def make() -> tuple[TaskFieldContainer, TaskFieldContainer]:
        child = type("Child", (TaskFieldContainer,), {"inner": inputs.SingleInput()})()
        parent = type("Parent", (TaskFieldContainer,), {"outer": inputs.DebusineFQDNInput()})()
        parent.child_task_field_container = child
        return parent, child

    parent, child = make()
    parent.set_field_value("outer", outer)
    child.set_field_value("inner", inner)
    dynamic = BaseDynamicTaskData()
    parent.save_field_values(dynamic)
    parent, child = make()
    parent.restore_field_values(through_json(dynamic))
    assert (parent.outer, child.inner) == (outer, inner)  # type: ignore[attr-defined]  # made above


def test_tasks_are_containers() -> None:
    assert issubclass(BaseExternalTask, TaskFieldContainer)
