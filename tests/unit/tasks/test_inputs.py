# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from typing_extensions import override

from debusine.artifacts.kinds.binary_package import BinaryPackage
from debusine.artifacts.kinds.source_package import SourcePackage
from debusine.artifacts.kinds.upload import Upload
from debusine.artifacts.relation import RelationType
from debusine.domain.lookup import LookupMultiple, LookupSingle
from debusine.domain.result import WorkRequestResults
from debusine.tasks import BaseExternalTask, TaskConfigError
from debusine.tasks.inputs.base import TaskInput
from debusine.tasks.inputs.inputs import (
    BuildArchitectureInput,
    DebusineFQDNInput,
    ExtraRepositoriesInput,
    MultiInput,
    MultiInputList,
    OptionalSingleInput,
    SingleInput,
    SingleInputList,
    Stage,
    UploadArtifactsInput,
)
from debusine.tasks.inputs.resolver import HostedSuite
from debusine.tasks.inputs.values import BaseTaskInputArtifact, InputArtifactMultiple
from debusine.tasks.models import BaseDynamicTaskData, BaseTaskData, ExtraRepository
from debusine.testing.resolver import MemoryResolver

SOURCE = {"name": "hello", "version": "2.10-1", "type": "dpkg", "dsc_fields": {}}
BINARY = {
    "srcpkg_name": "hello",
    "srcpkg_version": "2.10-1",
    "deb_fields": {"Package": "hello"},
    "deb_control_files": ["control"],
}
UPLOAD = {
    "type": "dpkg",
    "changes_fields": {"Architecture": "amd64", "Files": [{"name": "hello_2.10-1_amd64.deb"}]},
}
KEY = "-----BEGIN KEY-----\n\nabc\n-----END KEY-----"


class Nested(BaseTaskData):
    source: Any = None


class Data(BaseTaskData):
    input: Nested | None = None
    source: Any = None
    several: LookupMultiple = LookupMultiple()
    listed: list[LookupSingle] | None = None
    nested_lists: list[LookupMultiple] | None = None
    build_architecture: str | None = None
    extra_repositories: list[ExtraRepository] | None = None


class Dynamic(BaseDynamicTaskData):
    pass


def make_task(data: dict[str, Any], **inputs: TaskInput[Any]) -> Any:
    def run(self: Any, execute_directory: Path) -> WorkRequestResults:
        raise AssertionError

    members = {**inputs, "TASK_VERSION": 1, "get_subject": lambda _: None, "run": run}
    return type("WithInputs", (Base,), members)(data)


class Base(BaseExternalTask[Data, Dynamic]):
    """Abstract, so not registered."""


def resolver_for(task: Any) -> MemoryResolver:
    resolver = MemoryResolver(task)
    resolver.add_artifact(1, SourcePackage.category, SOURCE, lookups=["source"])
    resolver.add_artifact(2, BinaryPackage.category, BINARY, lookups=["pool@debian:suite"])
    resolver.add_artifact(3, BinaryPackage.category, BINARY, lookups=["pool@debian:suite"])
    resolver.add_artifact(4, Upload.category, UPLOAD)
    return resolver


def resolve(task: Any, stage: Stage | None = None) -> Any:
    resolver_for(task).resolve_inputs(task, stage)
    return task


# declarations


def test_inputs_of_parents_come_first_and_overrides_keep_their_place() -> None:
    class Parent(BaseExternalTask[Data, Dynamic]):
        first = BuildArchitectureInput()
        second = BuildArchitectureInput()

    class Mixin(BaseExternalTask[Data, Dynamic]):
        mixed = BuildArchitectureInput()

    class Child(Mixin, Parent):
        third = BuildArchitectureInput()
        first = DebusineFQDNInput()  # type: ignore[assignment]  # another kind, on purpose

    assert list(Child.inputs) == ["first", "second", "mixed", "third"]
    assert isinstance(Child.inputs["first"], DebusineFQDNInput)
    assert isinstance(Parent.inputs["first"], BuildArchitectureInput)
    assert list(Parent.inputs) == ["first", "second"]


def test_unresolved_inputs_say_so() -> None:
    task = make_task({}, some=BuildArchitectureInput())
    assert not task.field_is_resolved("some")
    for holder in (task, type(task)):
        with pytest.raises(TaskConfigError, match="input some is unresolved"):
            _ = holder.some


def test_labels_for_people() -> None:
    task = make_task(
        {}, source_artifact=SingleInput(), other=SingleInput(verbose_name="Another", hidden=True)
    )
    assert [(item.label, item.hidden) for item in task.inputs.values()] == [
        ("Source artifact", False),
        ("Another", True),
    ]


def test_stages() -> None:
    task = make_task(
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
    child = make_task({}, inner=DebusineFQDNInput())
    task = make_task({}, outer=DebusineFQDNInput())
    task.child_task_field_container = child
    assert [(owner, field.name) for owner, field in task.iter_all_fields()] == [
        (task, "outer"),
        (child, "inner"),
    ]
    resolve(task)
    assert child.inner == "debusine.example.org"
    assert not task.field_is_resolved("inner")


def test_errors_name_the_input() -> None:
    task = make_task({"source": 99}, source_artifact=SingleInput(field="source"))
    with pytest.raises(KeyError) as caught:
        resolve(task)
    assert caught.value.__notes__ == ["while resolving input source_artifact of task withinputs"]


# kinds


def test_single() -> None:
    field = SingleInput(field="input.source", categories=[SourcePackage.category])
    task = resolve(make_task({"input": {"source": "source"}}, package=field))
    assert task.package.model_dump(mode="json") == {
        "artifact_id": 1,
        "category": "debian:source-package",
        "data": SOURCE,
        "label": "input.source",
        "lookup": "source",
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
        resolve(make_task(data, package=field))


def test_missing_attribute_is_named() -> None:
    with pytest.raises(TaskConfigError, match="nowhere does not exist"):
        resolve(make_task({}, package=SingleInput(field="nowhere")))


def test_optional_single() -> None:
    field = OptionalSingleInput(field="input.source", categories=[SourcePackage.category])
    for data in ({}, {"input": {}}):
        assert resolve(make_task(data, package=field)).package is None
    assert resolve(make_task({"input": {"source": 1}}, package=field)).package.artifact_id == 1
    with pytest.raises(TaskConfigError, match="unexpected artifact category"):
        resolve(make_task({"input": {"source": 2}}, package=field))


def test_multi() -> None:
    field = MultiInput(categories=[BinaryPackage.category])
    task = resolve(make_task({"several": [3, {"collection": "pool@debian:suite"}]}, several=field))
    assert task.several.resolved_ids() == [3, 2, 3]
    assert task.get_field_artifact_ids() == [3, 2, 3]
    with pytest.raises(TaskConfigError, match=r"several\[1\]: unexpected artifact category"):
        resolve(make_task({"several": [3, 1]}, several=field))
    assert not resolve(make_task({}, several=field)).several.artifacts


def test_lists() -> None:
    data = {"listed": [1, "3@artifacts"], "nested_lists": [[1], [2, 3]]}
    task = resolve(make_task(data, listed=SingleInputList(), nested_lists=MultiInputList()))
    assert [item.artifact_id for item in task.listed] == [1, 3]
    assert [item.label for item in task.listed] == ["listed[0]", "listed[1]"]
    assert [item.resolved_ids() for item in task.nested_lists] == [[1], [2, 3]]
    assert task.get_field_artifact_ids() == [1, 3, 1, 2, 3]
    empty = resolve(make_task({}, listed=SingleInputList(), nested_lists=MultiInputList()))
    assert (empty.listed, empty.nested_lists) == ([], [])


def test_errors_in_lists_name_the_index() -> None:
    only = [BinaryPackage.category]
    with pytest.raises(TaskConfigError, match=r"^listed\[1\]: "):
        resolve(make_task({"listed": [2, 1]}, listed=SingleInputList(categories=only)))
    data = {"nested_lists": [[2], [1]]}
    with pytest.raises(TaskConfigError, match=r"^nested_lists\[1\]\[0\]: "):
        resolve(make_task(data, nested_lists=MultiInputList(categories=only)))


def test_uploads_stand_for_their_binary_packages() -> None:
    field = UploadArtifactsInput(field="several", categories=[SourcePackage.category])
    task = make_task({"several": [4, 1]}, packages=field)
    resolver = resolver_for(task)
    for target in (3, 2, 1):
        resolver.add_relation(4, RelationType.EXTENDS, target)
    resolver.resolve_inputs(task)
    assert task.packages.resolved_ids() == [1, 2, 3]
    with pytest.raises(TaskConfigError, match="unexpected artifact category"):
        resolve(make_task({"several": [2]}, packages=field))


def test_build_architecture_falls_back() -> None:
    field = BuildArchitectureInput()
    assert resolve(make_task({}, build_architecture=field)).build_architecture == "amd64"
    task = make_task({"build_architecture": "arm64"}, build_architecture=field)
    assert resolve(task).build_architecture == "arm64"


def test_repositories_become_external() -> None:
    external = {"url": "https://deb.example.org/", "suite": "./"}
    data = {
        "extra_repositories": [
            external,
            {"suite": "hosted", "architectures": ["amd64"]},
            {"suite": "unpublished"},
        ]
    }
    task = make_task(data, extra_repositories=ExtraRepositoriesInput())
    resolver = resolver_for(task)
    resolver.add_hosted_suite(
        "hosted",
        HostedSuite(
            url="http://deb.example.org/debusine/System",
            suite="trixie",
            components=["main", "contrib"],
            signing_key=KEY,
        ),
    )
    resolver.add_hosted_suite("unpublished", None)
    resolver.resolve_inputs(task)
    assert [item.model_dump(mode="json") for item in task.extra_repositories] == [
        {**external, "components": None, "architectures": None, "signing_key": None},
        {
            "url": "http://deb.example.org/debusine/System",
            "suite": "trixie",
            "components": ["main", "contrib"],
            "architectures": ["amd64"],
            "signing_key": KEY,
        },
    ]


def test_suite_without_components_needs_them_given() -> None:
    suite = HostedSuite(
        url="http://deb.example.org/x/", suite="s", components=None, signing_key=None
    )
    for given, is_fine in ((None, False), (["main"], True)):
        data = {"extra_repositories": [{"suite": "hosted", "components": given}]}
        task = make_task(data, extra_repositories=ExtraRepositoriesInput())
        resolver = resolver_for(task)
        resolver.add_hosted_suite("hosted", suite)
        if is_fine:
            resolver.resolve_inputs(task)
            assert task.extra_repositories[0].components == ["main"]
        else:
            with pytest.raises(TaskConfigError, match=r"extra_repositories\[0\]: suite s"):
                resolver.resolve_inputs(task)


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
}


@pytest.mark.parametrize(
    "data",
    [
        {"source": 1},
        {
            "source": "source",
            "several": [2, {"collection": "pool@debian:suite", "name__in": ["b", "a"]}],
            "listed": [1, 2],
            "nested_lists": [[1], {"collection": "pool@debian:suite"}],
            "extra_repositories": [{"url": "https://deb.example.org/", "suite": "./"}],
        },
    ],
)
def test_values_survive_as_json(data: dict[str, Any]) -> None:
    task = resolve(make_task(data, **ALL_KINDS))
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
    task = make_task({}, some=DebusineFQDNInput())
    with pytest.raises(TaskConfigError, match="input some is unresolved"):
        task.save_field_values(task.compute_dynamic_data())


def test_missing_values_stay_unresolved_and_unknown_ones_are_ignored() -> None:
    task = make_task({}, some=DebusineFQDNInput())
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
        (MultiInput(), []),
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

    task = make_task({}, build_architecture=Upper())
    assert (
        type(task)({}, {"task_input_fields": {"build_architecture": "arm64"}}).build_architecture
        == "ARM64"
    )
