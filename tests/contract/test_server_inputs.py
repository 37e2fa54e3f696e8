# SPDX-License-Identifier: GPL-3.0-or-later
"""Inputs of what the server does itself, with every resolver."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.contract.resolver_worlds import World

from debusine.artifacts.kinds.source_package import SourcePackage
from debusine.server.inputs import (
    TASK_CONFIGURATION,
    ArtifactInput,
    CollectionInput,
    CollectionInSameWorkspace,
    OptionalCollectionInput,
    OptionalCollectionInSameWorkspace,
    TaskConfigurationCollection,
)
from debusine.tasks import TaskConfigError
from debusine.tasks.inputs.fields import ARCHIVE, SUITE
from debusine.tasks.inputs.inputs import Stage, TaskInput
from debusine.tasks.models import BaseDynamicTaskData
from debusine.testing.inputs import SOURCE, task_with_inputs

pytestmark = pytest.mark.usefixtures("_task_names")


def resolve(world: World, data: dict[str, Any], thing: TaskInput[Any]) -> Any:
    """The value of an input, which is the same once it came back from the database."""
    task = task_with_inputs(data, thing=thing)
    world.resolver(task).resolve_inputs(task)
    stored = BaseDynamicTaskData()
    task.save_field_values(stored)
    restored = task_with_inputs(data, thing=type(thing)(**_options(thing)))
    fields = json.loads(json.dumps(stored.task_input_fields))
    restored.restore_field_values(BaseDynamicTaskData(task_input_fields=fields))
    assert restored.thing == task.thing
    return task.thing


def _options(thing: TaskInput[Any]) -> dict[str, Any]:
    return {} if isinstance(thing, TaskConfigurationCollection) else {"field": "suite"}


COLLECTIONS = [CollectionInput, OptionalCollectionInput]
OF_THE_WORKSPACE = [CollectionInSameWorkspace, OptionalCollectionInSameWorkspace]


@pytest.mark.parametrize("kind", [*COLLECTIONS, *OF_THE_WORKSPACE])
def test_a_collection(world: World, kind: Any) -> None:
    pk = world.collection(SUITE, "trixie", data={"components": ["main"]})
    for lookup in ("trixie", "trixie@debian:suite", pk):
        found = resolve(world, {"suite": lookup}, kind(field="suite", category=SUITE))
        assert (found.collection_id, found.label, found.lookup) == (pk, "suite", lookup)
        assert found.data == {"components": ["main"]}


@pytest.mark.parametrize("kind", [*COLLECTIONS, *OF_THE_WORKSPACE])
def test_a_collection_of_the_wrong_category(world: World, kind: Any) -> None:
    pk = world.collection(ARCHIVE, "_")
    found = resolve(world, {"suite": pk}, kind(field="suite"))
    assert found.category == ARCHIVE
    with pytest.raises(TaskConfigError, match="suite: unexpected collection category"):
        resolve(world, {"suite": pk}, kind(field="suite", category=SUITE))


@pytest.mark.parametrize("kind", [*COLLECTIONS, *OF_THE_WORKSPACE])
def test_a_collection_that_is_not_there(world: World, kind: Any) -> None:
    with pytest.raises(KeyError):
        resolve(world, {"suite": "sid@debian:suite"}, kind(field="suite"))


def test_no_collection(world: World) -> None:
    for kind in (OptionalCollectionInput, OptionalCollectionInSameWorkspace):
        assert resolve(world, {}, kind(field="suite")) is None
    for required in (CollectionInput, CollectionInSameWorkspace):
        with pytest.raises(TaskConfigError, match="suite names no collection"):
            resolve(world, {}, required(field="suite"))


def test_a_collection_of_another_workspace(world: World) -> None:
    pk = world.collection(SUITE, "trixie", workspace="base")
    for kind in COLLECTIONS:
        assert resolve(world, {"suite": pk}, kind(field="suite")).workspace_name == "base"
    for own in OF_THE_WORKSPACE:
        expected = "'trixie' is in workspace debusine/base instead of debusine/System"
        with pytest.raises(TaskConfigError, match=expected):
            resolve(world, {"suite": pk}, own(field="suite"))


def test_an_artifact(world: World) -> None:
    pk = world.artifact(SourcePackage.category, SOURCE)
    found = resolve(world, {"suite": pk}, ArtifactInput(field="suite"))
    assert (found.artifact_id, found.category) == (pk, SourcePackage.category)


# task configuration


def test_task_configuration(world: World) -> None:
    default = world.collection(TASK_CONFIGURATION, "default")
    other = world.collection(TASK_CONFIGURATION, "other")
    for data, expected in [
        ({}, default),
        ({"task_configuration": "other"}, other),
        ({"task_configuration": other}, other),
    ]:
        assert resolve(world, data, TaskConfigurationCollection()).collection_id == expected


def test_no_task_configuration(world: World) -> None:
    world.collection(TASK_CONFIGURATION, "default")
    assert resolve(world, {"task_configuration": None}, TaskConfigurationCollection()) is None


def test_default_task_configuration_need_not_be_there(world: World) -> None:
    assert resolve(world, {}, TaskConfigurationCollection()) is None


@pytest.mark.parametrize("lookup", ["other", "other@debusine:task-configuration", "//x=1/other"])
def test_task_configuration_that_is_named_must_be_there(world: World, lookup: str) -> None:
    with pytest.raises(TaskConfigError, match="task_configuration names no collection") as found:
        resolve(world, {"task_configuration": lookup}, TaskConfigurationCollection())
    assert isinstance(found.value.original_exception, LookupError)


def test_task_configuration_must_be_one(world: World) -> None:
    data = {"task_configuration": world.collection(SUITE, "trixie")}
    with pytest.raises(TaskConfigError, match="task_configuration: unexpected collection category"):
        resolve(world, data, TaskConfigurationCollection())


def test_task_configuration_is_shown_apart_and_looked_up_early() -> None:
    field = TaskConfigurationCollection()
    assert (field.field, field.stage, field.internal) == ("task_configuration", Stage.PENDING, True)
