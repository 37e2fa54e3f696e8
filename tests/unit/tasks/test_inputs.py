# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError
from typing_extensions import override

from debusine.artifacts.kinds.binary_package import BinaryPackage
from debusine.artifacts.kinds.signing_input import SigningInput
from debusine.artifacts.kinds.signing_output import SigningOutput
from debusine.artifacts.kinds.source_package import SourcePackage
from debusine.artifacts.kinds.upload import Upload
from debusine.artifacts.relation import RelationType
from debusine.domain.lookup import LookupMultiple
from debusine.tasks import BaseExternalTask, TaskConfigError
from debusine.tasks.inputs.base import TaskInput
from debusine.tasks.inputs.fields import ARCHIVE, SUITE
from debusine.tasks.inputs.inputs import (
    BuildArchitectureInput,
    DebusineFQDNInput,
    EnvironmentInput,
    ExtraRepositoriesInput,
    MultiInput,
    MultiInputList,
    OptionalSingleInput,
    SingleInput,
    SingleInputList,
    Stage,
    SuiteArchiveInput,
    UnsignedMultiInput,
    UploadArtifactsInput,
)
from debusine.tasks.inputs.values import BaseTaskInputArtifact, InputArtifactMultiple
from debusine.tasks.models import BaseDynamicTaskData
from debusine.testing.inputs import (
    BINARY,
    KEY,
    SIGNED,
    SOURCE,
    UPLOAD,
    InputsData,
    task_with_inputs,
)
from debusine.testing.resolver import MemoryResolver


def resolver_for(task: Any) -> MemoryResolver:
    resolver = MemoryResolver(task)
    resolver.add_artifact(1, SourcePackage.category, SOURCE)
    resolver.add_artifact(2, BinaryPackage.category, BINARY)
    resolver.add_artifact(3, BinaryPackage.category, BINARY)
    resolver.add_artifact(4, Upload.category, UPLOAD)
    resolver.add_collection(10, SUITE, "pool", data={"components": ["main"]})
    resolver.add_item(10, "b", 2)
    resolver.add_item(10, "a", 3)
    resolver.add_collection(11, SUITE, "sources")
    resolver.add_item(11, "hello", 1)
    return resolver


def resolve(task: Any, stage: Stage | None = None) -> Any:
    resolver_for(task).resolve_inputs(task, stage)
    return task


# declarations


def test_inputs_of_parents_come_first_and_overrides_keep_their_place() -> None:
    class Parent(BaseExternalTask[InputsData, BaseDynamicTaskData]):
        first = BuildArchitectureInput()
        second = BuildArchitectureInput()

    class Mixin(BaseExternalTask[InputsData, BaseDynamicTaskData]):
        mixed = BuildArchitectureInput()

    class Child(Mixin, Parent):
        third = BuildArchitectureInput()
        first = DebusineFQDNInput()  # type: ignore[assignment]  # another kind, on purpose

    assert list(Child.inputs) == ["first", "second", "mixed", "third"]
    assert isinstance(Child.inputs["first"], DebusineFQDNInput)
    assert isinstance(Parent.inputs["first"], BuildArchitectureInput)
    assert list(Parent.inputs) == ["first", "second"]


def test_inputs_agree_with_attributes_where_parents_meet() -> None:
    class Root(BaseExternalTask[InputsData, BaseDynamicTaskData]):
        thing = BuildArchitectureInput()

    class Left(Root):
        left = DebusineFQDNInput()

    class Right(Root):
        thing = DebusineFQDNInput()  # type: ignore[assignment]  # another kind, on purpose

    class Both(Left, Right):
        """Reads ``thing`` of ``Right``, the nearest in the order of look-up."""

    assert list(Both.inputs) == ["thing", "left"]
    assert Both.inputs["thing"] is Right.inputs["thing"]


def test_unresolved_inputs_say_so() -> None:
    task = task_with_inputs({}, some=BuildArchitectureInput())
    assert not task.field_is_resolved("some")
    for holder in (task, type(task)):
        with pytest.raises(TaskConfigError, match="input some is unresolved"):
            _ = holder.some


def test_labels_for_people() -> None:
    task = task_with_inputs(
        {}, source_artifact=SingleInput(), other=SingleInput(verbose_name="Another", hidden=True)
    )
    assert [(item.label, item.hidden) for item in task.inputs.values()] == [
        ("Build architecture", False),
        ("Source artifact", False),
        ("Another", True),
    ]


def test_stages() -> None:
    task = task_with_inputs(
        {},
        early=DebusineFQDNInput(stage=Stage.PENDING),
        late=DebusineFQDNInput(),
    )
    resolve(task, Stage.PENDING)
    assert [task.field_is_resolved(name) for name in ("early", "late")] == [True, False]
    task.set_field_value("early", "old")
    resolve(task, Stage.RUNNING)
    assert (task.early, task.late) == ("debusine.example.org",) * 2


def test_children_are_resolved_too() -> None:
    child = task_with_inputs({}, inner=DebusineFQDNInput())
    task = task_with_inputs({}, outer=DebusineFQDNInput())
    task.child_task_field_container = child
    assert [(owner, field.name) for owner, field in task.iter_all_fields()] == [
        (task, "build_architecture"),
        (task, "outer"),
        (child, "build_architecture"),
        (child, "inner"),
    ]
    resolve(task)
    assert child.inner == "debusine.example.org"
    assert not task.field_is_resolved("inner")


def test_errors_name_the_input() -> None:
    task = task_with_inputs({"source": 99}, source_artifact=SingleInput(field="source"))
    with pytest.raises(KeyError) as caught:
        resolve(task)
    assert caught.value.__notes__ == ["while resolving input source_artifact of task withinputs"]


# kinds


def test_single() -> None:
    field = SingleInput(field="input.source", categories=[SourcePackage.category])
    task = resolve(
        task_with_inputs({"input": {"source": "sources@debian:suite/hello"}}, package=field)
    )
    assert task.package.model_dump(mode="json") == {
        "artifact_id": 1,
        "category": "debian:source-package",
        "data": SOURCE,
        "label": "input.source",
        "lookup": "sources@debian:suite/hello",
    }
    assert task.get_field_artifact_ids() == [1]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"input": {"source": None}}, "input.source is None instead of an integer or a text"),
        ({"input": None}, "input.source is None"),
        ({"input": {"source": [1]}}, r"input.source is \[1\] instead of"),
        ({"input": {"source": 2}}, "input.source: unexpected artifact category: .*binary"),
    ],
)
def test_single_that_is_wrong(data: dict[str, Any], message: str) -> None:
    field = SingleInput(field="input.source", categories=[SourcePackage.category])
    with pytest.raises(TaskConfigError, match=message):
        resolve(task_with_inputs(data, package=field))


def test_missing_attribute_is_named() -> None:
    with pytest.raises(TaskConfigError, match="nowhere does not exist"):
        resolve(task_with_inputs({}, package=SingleInput(field="nowhere")))


def test_optional_single() -> None:
    field = OptionalSingleInput(field="input.source", categories=[SourcePackage.category])
    for data in ({}, {"input": {}}):
        assert resolve(task_with_inputs(data, package=field)).package is None
    assert (
        resolve(task_with_inputs({"input": {"source": 1}}, package=field)).package.artifact_id == 1
    )
    with pytest.raises(TaskConfigError, match="unexpected artifact category"):
        resolve(task_with_inputs({"input": {"source": 2}}, package=field))


def test_multi() -> None:
    field = MultiInput(categories=[BinaryPackage.category])
    task = resolve(
        task_with_inputs({"several": [3, {"collection": "pool@debian:suite"}]}, several=field)
    )
    assert task.several.resolved_ids() == [3, 2, 3]
    assert task.get_field_artifact_ids() == [3, 2, 3]
    with pytest.raises(TaskConfigError, match=r"several\[1\]: unexpected artifact category"):
        resolve(task_with_inputs({"several": [3, 1]}, several=field))
    assert not resolve(task_with_inputs({}, several=field)).several.artifacts


def test_lists() -> None:
    data = {"listed": [1, "3@artifacts"], "nested_lists": [[1], [2, 3]]}
    task = resolve(task_with_inputs(data, listed=SingleInputList(), nested_lists=MultiInputList()))
    assert [item.artifact_id for item in task.listed] == [1, 3]
    assert [item.label for item in task.listed] == ["listed[0]", "listed[1]"]
    assert [item.resolved_ids() for item in task.nested_lists] == [[1], [2, 3]]
    assert task.get_field_artifact_ids() == [1, 3, 1, 2, 3]
    empty = resolve(task_with_inputs({}, listed=SingleInputList(), nested_lists=MultiInputList()))
    assert (empty.listed, empty.nested_lists) == ([], [])


def test_errors_in_lists_name_the_index() -> None:
    only = [BinaryPackage.category]
    with pytest.raises(TaskConfigError, match=r"^listed\[1\]: "):
        resolve(task_with_inputs({"listed": [2, 1]}, listed=SingleInputList(categories=only)))
    data = {"nested_lists": [[2], [1]]}
    with pytest.raises(TaskConfigError, match=r"^nested_lists\[1\]\[0\]: "):
        resolve(task_with_inputs(data, nested_lists=MultiInputList(categories=only)))


def test_uploads_stand_for_their_binary_packages() -> None:
    field = UploadArtifactsInput(field="several", categories=[SourcePackage.category])
    task = task_with_inputs({"several": [4, 1]}, packages=field)
    resolver = resolver_for(task)
    for target in (3, 2, 1):
        resolver.add_relation(4, RelationType.EXTENDS, target)
    resolver.resolve_inputs(task)
    assert task.packages.resolved_ids() == [1, 2, 3]
    with pytest.raises(TaskConfigError, match="unexpected artifact category"):
        resolve(task_with_inputs({"several": [2]}, packages=field))


def test_build_architecture_falls_back() -> None:
    field = BuildArchitectureInput()
    assert resolve(task_with_inputs({}, build_architecture=field)).build_architecture == "amd64"
    task = task_with_inputs({"build_architecture": "arm64"}, build_architecture=field)
    assert resolve(task).build_architecture == "arm64"


def hosting(task: Any, **fields: Any) -> MemoryResolver:
    """A resolver that knows the suites ``hosted``, which is published, and ``empty``."""
    resolver = resolver_for(task)
    hosted = resolver.add_collection(20, SUITE, "hosted", data=fields)
    hosted.is_published = True
    hosted.signing_keys = KEY
    resolver.add_collection(21, SUITE, "empty", data=fields)
    return resolver


def test_repositories_become_external() -> None:
    external = {"url": "https://deb.example.org/", "suite": "./"}
    data = {
        "extra_repositories": [
            external,
            {"suite": "hosted", "architectures": ["amd64"]},
            {"suite": "empty@debian:suite"},
        ]
    }
    task = task_with_inputs(data, extra_repositories=ExtraRepositoriesInput())
    hosting(task, components=["main", "contrib"]).resolve_inputs(task)
    assert [item.model_dump(mode="json") for item in task.extra_repositories] == [
        {**external, "components": None, "architectures": None, "signing_key": None},
        {
            "url": "http://deb.example.org/debusine/System",
            "suite": "hosted",
            "components": ["main", "contrib"],
            "architectures": ["amd64"],
            "signing_key": KEY,
        },
    ]


def test_suite_without_components_needs_them_given() -> None:
    for given, is_fine in ((None, False), (["main"], True)):
        data = {"extra_repositories": [{"suite": "hosted", "components": given}]}
        task = task_with_inputs(data, extra_repositories=ExtraRepositoriesInput())
        resolver = hosting(task)
        if is_fine:
            resolver.resolve_inputs(task)
            assert task.extra_repositories[0].components == ["main"]
        else:
            with pytest.raises(TaskConfigError, match=r"extra_repositories\[0\]: suite hosted"):
                resolver.resolve_inputs(task)


def test_suite_that_apt_cannot_take_is_named() -> None:
    data = {"extra_repositories": [{"suite": "hosted"}]}
    task = task_with_inputs(data, extra_repositories=ExtraRepositoriesInput())
    with pytest.raises(TaskConfigError, match=r"extra_repositories\[0\]: suite hosted cannot"):
        hosting(task, components=["not a word"]).resolve_inputs(task)


def test_values_in_the_task_data_must_be_of_the_right_type() -> None:
    wrong: list[tuple[dict[str, Any], TaskInput[Any], str]] = [
        ({"source": 1.5}, SingleInput(field="source"), "source is 1.5 instead of an integer or a"),
        ({"source": True}, SingleInput(field="source"), "source is True instead of an integer"),
        ({"source": 1}, MultiInput(field="source"), "source is 1 instead of a list or a dictio"),
        ({"source": 1}, SingleInputList(field="source"), "source is 1 instead of a list"),
        ({"source": [1, {}]}, SingleInputList(field="source"), r"source\[1\] is {} instead of an"),
        (
            {"source": [[]]},
            MultiInputList(field="source"),
            r"source\[0\] is \[\] instead of a list",
        ),
        ({"source": ["x"]}, ExtraRepositoriesInput(field="source"), r"source\[0\] is 'x' instead"),
        ({"source": 1}, BuildArchitectureInput(field="source"), "source is 1 instead of a text"),
        ({"source": []}, EnvironmentInput(field="source"), r"source is \[\] instead of an integer"),
        ({"source": []}, SuiteArchiveInput(field="source"), r"source is \[\] instead of an int"),
        ({}, SuiteArchiveInput(field="source"), "source is None instead of an integer"),
        ({}, MultiInput(field="source"), "source is None instead of a list"),
    ]
    for data, field, message in wrong:
        with pytest.raises(TaskConfigError, match=message):
            resolve(task_with_inputs(data, thing=field))


def test_unsigned_are_what_signatures_were_made_of() -> None:
    task = task_with_inputs({"several": [6, 5]}, unsigned=UnsignedMultiInput(field="several"))
    resolver = resolver_for(task)
    for number in (5, 6):
        resolver.add_artifact(number, SigningOutput.category, SIGNED)
    for number in (7, 8):
        resolver.add_artifact(number, SigningInput.category, {})
    for start, target in ((5, 8), (6, 7), (5, 2), (7, 3), (8, 2), (8, 3), (8, 1)):
        resolver.add_relation(start, RelationType.RELATES_TO, target)
    resolver.resolve_inputs(task)
    assert task.unsigned.resolved_ids() == [2, 3, 7, 8]
    assert task.unsigned.lookup == LookupMultiple.parse([6, 5])
    with pytest.raises(TaskConfigError, match=r"several\[0\]: unexpected artifact category"):
        resolve(task_with_inputs({"several": [1]}, unsigned=UnsignedMultiInput(field="several")))


def test_suite_with_and_without_archive() -> None:
    field = SuiteArchiveInput(field="source", stage=Stage.PENDING)
    task = task_with_inputs({"source": "pool@debian:suite"}, suite=field)
    resolver = resolver_for(task)
    resolver.resolve_inputs(task)
    suite, archive = task.suite
    assert (suite.collection_id, suite.name, suite.label, archive) == (10, "pool", "source", None)
    resolver.add_collection(12, ARCHIVE, "_", workspace="other")
    resolver.add_collection(13, ARCHIVE, "_")
    resolver.resolve_inputs(task)
    assert task.suite[1].collection_id == 13
    assert task.get_field_artifact_ids() == []
    task.data.source = 13
    with pytest.raises(TaskConfigError, match="source: unexpected collection category"):
        resolver.resolve_inputs(task)


def test_what_is_not_there_yet_stays_unresolved() -> None:
    data = {"source": 99, "build_architecture": "arm64", "several": [2, 99], "listed": [1]}
    task = task_with_inputs(
        data,
        missing=SingleInput(field="source"),
        build_architecture=BuildArchitectureInput(stage=Stage.PENDING),
        several=MultiInput(),
        wrong=SingleInput(field="listed"),
        listed=SingleInputList(),
    )
    resolver = resolver_for(task)
    resolver.resolve_early(task, Stage.PENDING)
    found = [name for name in task.inputs if task.field_is_resolved(name)]
    assert found == ["build_architecture", "listed"]
    with pytest.raises(TaskConfigError, match="input missing is unresolved"):
        _ = task.missing
    with pytest.raises(KeyError):
        resolver.resolve_early(task, Stage.RUNNING)


# on the way to the worker


ALL_KINDS: dict[str, TaskInput[Any]] = {
    "single": SingleInput(field="source"),
    "optional": OptionalSingleInput(field="source"),
    "absent": OptionalSingleInput(field="input.source"),
    "several": MultiInput(),
    "listed": SingleInputList(),
    "nested_lists": MultiInputList(),
    "extra_repositories": ExtraRepositoriesInput(),
    "build_architecture": BuildArchitectureInput(),
    "fqdn": DebusineFQDNInput(),
    "uploads": UploadArtifactsInput(field="several"),
    "suite": SuiteArchiveInput(field="suite"),
}


@pytest.mark.parametrize(
    "data",
    [
        {"source": 1, "suite": 10},
        {
            "suite": "pool@debian:suite",
            "source": "sources@debian:suite/hello",
            "several": [2, {"collection": "pool@debian:suite", "name__in": ["b", "a"]}],
            "listed": [1, 2],
            "nested_lists": [[1], {"collection": "pool@debian:suite"}],
            "extra_repositories": [{"url": "https://deb.example.org/", "suite": "./"}],
        },
    ],
)
def test_values_survive_as_json(data: dict[str, Any]) -> None:
    task = resolve(task_with_inputs(data, **ALL_KINDS))
    dynamic = task.compute_dynamic_data()
    dynamic.task_input_fields = {"other": 1}
    task.save_field_values(dynamic)
    stored = dynamic.model_dump(mode="json", exclude_unset=True)
    assert set(stored["task_input_fields"]) == {"other", *ALL_KINDS}
    copy = type(task)(data, stored)
    for name in ALL_KINDS:
        assert getattr(copy, name) == getattr(task, name)
    assert copy.get_input_artifacts_ids() == task.get_field_artifact_ids()


def test_saving_needs_all_values() -> None:
    task = task_with_inputs({}, some=DebusineFQDNInput())
    task.set_field_value("build_architecture", "amd64")
    with pytest.raises(TaskConfigError, match="input some is unresolved"):
        task.save_field_values(task.compute_dynamic_data())


def test_missing_values_stay_unresolved_and_unknown_ones_are_ignored() -> None:
    task = task_with_inputs({}, some=DebusineFQDNInput())
    restored = type(task)({}, {"task_input_fields": {"other": 1}})
    assert not restored.field_is_resolved("some")


@pytest.mark.parametrize(
    ("field", "raw"),
    [
        (SingleInputList(), {"not": "a list"}),
        (MultiInputList(), "text"),
        (ExtraRepositoriesInput(), {}),
        (BuildArchitectureInput(), 3),
        (DebusineFQDNInput(), None),
        (SingleInput(), None),
        (OptionalSingleInput(), []),
        (MultiInput(), []),
        (UnsignedMultiInput(), None),
        (SuiteArchiveInput(), None),
        (SuiteArchiveInput(), []),
        (SuiteArchiveInput(), [None, None]),
    ],
)
def test_values_of_another_shape_are_refused(field: TaskInput[Any], raw: Any) -> None:
    with pytest.raises(ValueError, match=r"."):
        field.deserialize(raw)


def test_artifact_values_are_checked_against_their_category() -> None:
    wrong: list[dict[str, Any]] = [
        {"category": "debian:no-such-thing"},
        {"category": "no category"},
        {"data": SOURCE},
        {"category": "debian:source-package", "data": {"name": "x"}},
        {"category": "debian:upload", "data": SOURCE},
    ]
    for fields in wrong:
        with pytest.raises(ValidationError):
            BaseTaskInputArtifact.model_validate(fields)
    assert BaseTaskInputArtifact(artifact_id=1).resolved_ids() == [1]
    assert BaseTaskInputArtifact().resolved_ids() == []
    assert InputArtifactMultiple.from_ids([4, 2], label="x").resolved_ids() == [4, 2]


def test_values_are_frozen() -> None:
    value = BaseTaskInputArtifact(artifact_id=1)
    with pytest.raises(ValidationError):
        value.artifact_id = 2  # type: ignore[misc]  # on purpose


def test_subclass_may_override_resolution() -> None:
    class Upper(BuildArchitectureInput):
        @override
        def deserialize(self, raw: Any) -> str:
            return super().deserialize(raw).upper()

    task = task_with_inputs({}, build_architecture=Upper())
    assert (
        type(task)({}, {"task_input_fields": {"build_architecture": "arm64"}}).build_architecture
        == "ARM64"
    )
