# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from pathlib import Path
from typing import Any, Generic, TypeVar

import pytest
from pydantic import ValidationError
from typing_extensions import override

from debusine.artifacts.kinds.test import Test as TestKind
from debusine.domain.result import WorkRequestResults
from debusine.domain.work_request import TaskTypes
from debusine.errors import UserError
from debusine.tasks import (
    BaseExternalTask,
    BaseTaskWithExecutor,
    ExtraRepositoryMixin,
    RunCommandTask,
    TaskConfigError,
    analyze_external_worker_tasks,
    get_provided_external_worker_tags,
)
from debusine.tasks.inputs.inputs import OptionalSingleInput
from debusine.tasks.kinds.noop import Noop
from debusine.tasks.models import (
    BaseDynamicTaskData,
    BaseDynamicTaskDataWithExecutor,
    BaseDynamicTaskDataWithExtraRepositories,
    BaseTaskData,
    BaseTaskDataWithExecutor,
    BaseTaskDataWithExtraRepositories,
)
from debusine.testing.task_client import FakeTaskClient


class Data(BaseTaskData):
    number: int = 0


class DynamicData(BaseDynamicTaskData):
    seen: int = 0


class Runnable:
    """Answers what every task must."""

    TASK_VERSION = 3

    def get_subject(self) -> str | None:
        return None

    def run(self, execute_directory: Path) -> WorkRequestResults:
        del execute_directory
        return WorkRequestResults.SUCCESS


def test_name_is_that_of_the_class_or_given() -> None:
    class SomeTask(Runnable, BaseExternalTask[Data, DynamicData]):
        pass

    class Other(Runnable, BaseExternalTask[Data, DynamicData]):
        TASK_NAME = "given"

    assert (SomeTask.name, Other.name) == ("sometask", "given")
    assert BaseExternalTask.class_from_name(TaskTypes.WORKER, "SomeTask") is SomeTask
    assert BaseExternalTask.class_from_name(TaskTypes.WORKER, "GIVEN") is Other
    assert BaseExternalTask._sub_tasks[TaskTypes.WORKER]["given"] is Other


def test_a_name_may_be_given_in_any_case() -> None:
    class Shouted(Runnable, BaseExternalTask[Data, DynamicData]):
        TASK_NAME = "LineCount"

    assert Shouted.name == "linecount"
    for name in ("LineCount", "linecount", "LINECOUNT"):
        assert BaseExternalTask.class_from_name(TaskTypes.WORKER, name) is Shouted
    with pytest.raises(AssertionError, match="two tasks are called 'linecount'"):
        make("linecount", TaskTypes.WORKER)


def test_abstract_classes_have_names_but_are_not_registered() -> None:
    names = [cls.name for cls in (BaseTaskWithExecutor, ExtraRepositoryMixin, RunCommandTask)]
    assert names == ["basetaskwithexecutor", "extrarepositorymixin", "runcommandtask"]
    registered = {name for named in BaseExternalTask._sub_tasks.values() for name in named}
    assert registered.isdisjoint(names)


def test_unknown_names_are_quoted() -> None:
    with pytest.raises(ValueError, match="'nonsense' is not a known Worker task name"):
        BaseExternalTask.class_from_name(TaskTypes.WORKER, "nonsense")
    with pytest.raises(ValueError, match="'Nobody' is not a known task type"):
        BaseExternalTask.class_from_name("Nobody", "noop")  # type: ignore[arg-type]  # on purpose


def make(name: str, task_type: TaskTypes) -> type[Any]:
    """A registered task class, new each time."""

    class Made(Runnable, BaseExternalTask[Data, DynamicData]):
        __qualname__ = f"Made{make.count}"  # type: ignore[attr-defined]  # see below
        TASK_NAME = name
        TASK_TYPE = task_type

    make.count += 1  # type: ignore[attr-defined]  # counts, so that each is another class
    return Made


make.count = 0  # type: ignore[attr-defined]  # see above


@pytest.mark.parametrize(
    "types",
    [
        (TaskTypes.WORKER, TaskTypes.WORKER),
        (TaskTypes.WORKER, TaskTypes.SERVER),
        (TaskTypes.SERVER, TaskTypes.WORKER),
    ],
)
def test_names_are_taken_once(types: tuple[TaskTypes, TaskTypes]) -> None:
    make("taken", types[0])
    with pytest.raises(AssertionError, match="two tasks are called 'taken'"):
        make("taken", types[1])


def test_signing_tasks_may_share_names() -> None:
    signing = make("sbuild", TaskTypes.SIGNING)
    assert BaseExternalTask.class_from_name(TaskTypes.SIGNING, "sbuild") is signing
    assert BaseExternalTask.class_from_name(TaskTypes.WORKER, "sbuild") is not signing
    assert BaseExternalTask.class_from_name(TaskTypes.WORKER, "noop") is Noop
    assert signing.prefix_with_task_name("x") == "signing:sbuild:x"


def test_data_types_come_from_the_arguments() -> None:
    D = TypeVar("D", bound=BaseTaskData)

    class Middle(RunCommandTask[D, DynamicData], Generic[D]):
        pass

    class Leaf(Runnable, Middle[Data]):
        def _cmdline(self) -> list[str]:
            return []

    class Child(Leaf):
        pass

    class OneArgument(Runnable, BaseExternalTask[Data]):
        pass

    assert Middle.task_data_type is D
    for cls in (Leaf, Child):
        assert (cls.task_data_type, cls.dynamic_task_data_type) == (Data, DynamicData)
    assert OneArgument.dynamic_task_data_type is BaseDynamicTaskData


def test_a_task_that_builds_on_another_may_take_more() -> None:
    class MoreData(Data):
        more: int = 0

    class Leaf(Runnable, BaseExternalTask[Data, DynamicData]):
        pass

    class Child(Leaf):
        task_data_type = MoreData

    class Grandchild(Child):
        pass

    for cls in (Child, Grandchild):
        assert (cls.task_data_type, cls.dynamic_task_data_type) == (MoreData, DynamicData)
    assert Leaf.task_data_type is Data


def test_data_types_of_several_parents_must_agree() -> None:
    class Both(BaseTaskDataWithExtraRepositories, BaseTaskDataWithExecutor):
        pass

    class BothDynamic(BaseDynamicTaskDataWithExtraRepositories, BaseDynamicTaskDataWithExecutor):
        pass

    class Fine(
        Runnable,
        ExtraRepositoryMixin[Both, BothDynamic],
        RunCommandTask[Both, BothDynamic],
        BaseTaskWithExecutor[Both, BothDynamic],
    ):
        def _cmdline(self) -> list[str]:
            return []

    assert Fine.task_data_type is Both
    assert list(Fine.inputs) == ["build_architecture", "extra_repositories"]
    with pytest.raises(AssertionError, match="disagree on the data models"):

        class Broken(
            RunCommandTask[Both, BothDynamic],
            BaseTaskWithExecutor[BaseTaskDataWithExecutor, BothDynamic],
        ):
            pass


def test_construction_reads_data_and_calls_post_init() -> None:
    class WithInit(Runnable, BaseExternalTask[Data, DynamicData]):
        @override
        def post_init(self) -> None:
            super().post_init()
            assert self.dynamic_data is not None
            self.total = self.data.number + self.dynamic_data.seen

    task = WithInit({"number": 2}, {"seen": 3})
    assert task.total == 5
    assert task.data == Data(number=2)


def test_everything_is_there_when_subclasses_set_themselves_up() -> None:
    class Curious(Runnable, BaseExternalTask[Data, DynamicData]):
        source = OptionalSingleInput(field="task_configuration")

        @override
        def post_init(self) -> None:
            super().post_init()
            self.seen = (self.logger.name, self.data, self.dynamic_data, self.inputs["source"])
            self.is_resolved = self.field_is_resolved("source")

    value = {"artifact_id": 5, "label": "x", "lookup": 5}
    stored = {"task_input_fields": {"source": value}}
    task = Curious({"number": 2}, stored)
    assert task.seen == (
        "debusine.tasks",
        Data(number=2),
        DynamicData(task_input_fields={"source": value}),
        Curious.inputs["source"],
    )
    assert task.is_resolved
    early = Curious({})
    assert early.dynamic_data is None
    assert not early.is_resolved


def test_a_new_task_knows_nothing_of_a_worker() -> None:
    one, other = Noop({}), Noop({})
    names = (
        "working_directory", "work_request_id", "http_timeout", "workspace_name", "debusine",
        "executor", "executor_instance", "log_sender", "last_exit_code",
    )  # fmt: skip
    assert [getattr(one, name) for name in names] == [None] * len(names)
    assert (one.duration_setup, one.duration_run, one.duration_teardown) == (0.0, 0.0, 0.0)
    one._source_artifacts_ids.append(1)
    one.worker_environment_variables["A"] = "1"
    one.abort()
    assert (other._source_artifacts_ids, other.worker_environment_variables) == ([], {})
    assert not other.aborted
    assert one.aborted


def test_wrong_data_is_a_configuration_error() -> None:
    for arguments in (({"nonsense": 1},), ({}, {"nonsense": 1}), ({"result": "bad"},)):
        with pytest.raises(TaskConfigError, match="validation error") as caught:
            Noop(*arguments)
        assert isinstance(caught.value.original_exception, ValidationError)


def test_assignments_to_data_are_checked() -> None:
    task = Noop({})
    with pytest.raises(ValidationError):
        task.data.result = "bad"  # type: ignore[assignment]  # on purpose


def test_metadata_and_tags_of_this_worker() -> None:
    assert Noop.analyze_worker() == {"noop:version": 1}
    assert Noop.get_provided_worker_tags() == {"worker:task:worker:noop:version:1"}
    assert analyze_external_worker_tasks()["noop:version"] == 1
    assert "worker:task:worker:noop:version:1" in get_provided_external_worker_tags()


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        ({"system:worker_type": "external", "noop:version": 1}, True),
        ({"system:worker_type": "external", "noop:version": 2}, False),
        ({"system:worker_type": "external"}, False),
        ({"system:worker_type": "celery", "noop:version": 1}, False),
        ({"noop:version": 1}, False),
    ],
)
def test_can_run_on(metadata: dict[str, Any], *, expected: bool) -> None:
    assert Noop({}).can_run_on(metadata) is expected


def test_who_gives_no_version_and_type_has_none_and_is_for_workers() -> None:
    members = {"run": Runnable.run, "get_subject": Runnable.get_subject}
    plain = type("Plain", (BaseExternalTask,), members)
    assert plain.analyze_worker() == {"plain:version": None}
    assert BaseExternalTask.class_from_name(TaskTypes.WORKER, "plain") is plain


def test_defaults_of_a_task() -> None:
    task = Noop({})
    assert task.compute_system_required_tags() == set()
    assert task.compute_system_provided_tags() == set()
    assert task.get_user_provided_tags() == set()
    assert task.get_configuration_context() is None
    assert task.compute_dynamic_data() == BaseDynamicTaskData()
    assert not task.aborted


def test_input_artifacts_are_those_of_dynamic_data_and_inputs() -> None:
    class Reader(Runnable, BaseExternalTask[BaseTaskData, BaseDynamicTaskDataWithExecutor]):
        source = OptionalSingleInput(field="task_configuration")

    value = {"artifact_id": 5, "label": "x", "lookup": 5}
    assert Reader({}).get_input_artifacts_ids() == []
    dynamic = {"environment_id": 4, "task_input_fields": {"source": value}}
    assert Reader({}, dynamic).get_input_artifacts_ids() == [4, 5]
    assert Reader({}, {"environment_id": 4}).get_input_artifacts_ids() == [4]


def test_stored_inputs_of_another_shape_are_a_configuration_error() -> None:
    class Strict(Runnable, BaseExternalTask[BaseTaskData, BaseDynamicTaskData]):
        source = OptionalSingleInput(field="task_configuration")

    with pytest.raises(TaskConfigError):
        Strict({}, {"task_input_fields": {"source": {"nonsense": 1}}})


def test_fetched_artifacts_are_remembered(tmp_path: Path) -> None:
    client = FakeTaskClient()
    client.add(9, TestKind.category, {}, {"dir/file": b"content"})
    task = Noop({})
    with pytest.raises(AssertionError):
        task.fetch_artifact(9, tmp_path)
    task.configure_server_access(client)  # type: ignore[arg-type]  # a fake
    task.workspace_name = "System"
    assert task.fetch_artifact(9, tmp_path).id == 9
    assert (tmp_path / "dir/file").read_bytes() == b"content"
    assert task._source_artifacts_ids == [9]


def test_log_files_append_text_and_bytes() -> None:
    task = Noop({})
    with task.open_debug_log_file("some.log") as text:
        text.write("on")
    with task.open_debug_log_file("some.log") as text:
        text.write("e\n")
    with task.open_debug_log_file("some.log", mode="ab") as data:
        data.write(b"\xff\n")
    task.append_to_log_file("some.log", ["three", "surrogate \udcff"])
    path = task.get_working_directory() / "logs/some.log"
    assert path.read_bytes() == b"one\n\xff\nthree\nsurrogate ?\n"


def test_log_files_can_be_written_anew() -> None:
    task = Noop({})
    with task.open_debug_log_file("some.log", mode="wb") as data:
        data.write(b"long")
    with task.open_debug_log_file("some.log", mode="w") as text:
        text.write("\xe9\n")
    path = task.get_working_directory() / "logs/some.log"
    assert path.read_bytes() == "\xe9\n".encode()


def test_log_files_stay_in_their_directory() -> None:
    for name in ("../some.log", "/tmp/some.log"):
        with pytest.raises(UserError, match="not a path inside"):
            Noop({}).append_to_log_file(name, [])


def test_temporary_working_directory_goes_with_the_task() -> None:
    task = Noop({})
    directory = task.get_working_directory()
    assert task.get_scratch_directory() == directory
    assert directory.is_dir()
    del task
    assert not directory.exists()


def test_worker_gives_directories(tmp_path: Path) -> None:
    task = Noop({})
    task.set_working_directory(tmp_path / "a/b")
    assert task.get_working_directory().is_dir()
    task.scratch_directory = tmp_path
    assert task.get_scratch_directory() == tmp_path
