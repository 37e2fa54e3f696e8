# SPDX-License-Identifier: GPL-3.0-or-later
"""What a task says about workers, on the worker and on the server."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from debusine.domain.executor import BackendType
from debusine.domain.result import WorkRequestResults
from debusine.domain.work_request import TaskTypes
from debusine.domain.worker_metadata import metadata_from_tags
from debusine.tasks import (
    BaseExternalTask,
    BaseTaskWithExecutor,
    TaskConfigError,
    analyze_external_worker_tasks,
    get_provided_external_worker_tags,
)
from debusine.tasks.capabilities import capability_keys, metadata_of_programs, tags_of_programs
from debusine.tasks.models import (
    BaseDynamicTaskData,
    BaseDynamicTaskDataWithExecutor,
    BaseTaskData,
    BaseTaskDataWithExecutor,
)

WORKER = {"system:worker_type": "external", "widget:version": 3}


class Parts:
    """Answers what every task must."""

    TASK_VERSION = 3

    def get_subject(self) -> str | None:
        return "hello"

    def run(self, execute_directory: Path) -> WorkRequestResults:
        del execute_directory
        return WorkRequestResults.SUCCESS


class Widget(Parts, BaseExternalTask[BaseTaskData, BaseDynamicTaskData]):
    """Registered only while a test of this module runs."""

    CAPABILITIES = {"available": "sh", "more:available": "no-such-program"}  # noqa: RUF012  as tasks write it

    @classmethod
    def analyze_worker(cls) -> dict[str, Any]:
        return super().analyze_worker() | metadata_of_programs(cls)

    @classmethod
    def get_provided_worker_tags(cls) -> set[str]:
        return super().get_provided_worker_tags() | tags_of_programs(cls)

    def can_run_on(self, worker_metadata: dict[str, Any]) -> bool:
        key = self.prefix_with_task_name("available")
        return super().can_run_on(worker_metadata) and worker_metadata.get(key) is True

    def compute_system_required_tags(self) -> set[str]:
        return super().compute_system_required_tags() | {"worker:cap:sh"}

    def compute_system_provided_tags(self) -> set[str]:
        return super().compute_system_provided_tags() | {"task:source-package:hello"}

    def get_user_provided_tags(self) -> set[str]:
        return super().get_user_provided_tags() | {"task:class:big"}


class Sealed(Parts, BaseExternalTask[BaseTaskData, BaseDynamicTaskData]):
    TASK_NAME = "widget"
    TASK_TYPE = TaskTypes.SIGNING


class Boxed(Parts, BaseTaskWithExecutor[BaseTaskDataWithExecutor, BaseDynamicTaskDataWithExecutor]):
    pass


for _task in (Widget, Sealed, Boxed):
    # other modules count the tasks there are
    BaseExternalTask.registry.forget([_task])


@pytest.fixture(autouse=True)
def _registered(_task_names: None) -> None:
    for task in (Widget, Sealed, Boxed):
        BaseExternalTask.registry.register(task, task_type=task.TASK_TYPE, name=task.name)


def test_a_subclass_adds_to_what_its_parents_report() -> None:
    assert Widget.analyze_worker() == {
        "widget:version": 3,
        "widget:available": True,
        "widget:more:available": False,
    }
    assert Widget.get_provided_worker_tags() == {
        "worker:task:worker:widget:version:3",
        "worker:cap:sh",
    }


def test_keys_of_other_types_have_the_type_in_front() -> None:
    assert Widget.prefix_with_task_name("x") == "widget:x"
    assert Sealed.prefix_with_task_name("x") == "signing:widget:x"
    assert Sealed.analyze_worker() == {"signing:widget:version": 3}
    assert Sealed.get_provided_worker_tags() == {"worker:task:signing:widget:version:3"}


def test_a_worker_reports_for_all_its_tasks() -> None:
    metadata = analyze_external_worker_tasks()
    expected = Widget.analyze_worker() | Sealed.analyze_worker() | Boxed.analyze_worker()
    assert expected.items() <= metadata.items()
    assert metadata["noop:version"] == 1
    tags = get_provided_external_worker_tags()
    assert Widget.get_provided_worker_tags() | Sealed.get_provided_worker_tags() <= tags
    assert "worker:task:worker:noop:version:1" in tags


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, True),
        ({"other": False}, True),
        ({"system:worker_type": "celery"}, False),
        ({"system:worker_type": None}, False),
        ({"widget:version": 2}, False),
        ({"widget:version": "3"}, False),
        ({"widget:version": None}, False),
        ({"widget:available": False}, False),
    ],
)
def test_a_worker_of_the_right_type_and_version(changes: dict[str, Any], *, expected: bool) -> None:
    assert Widget({}).can_run_on(WORKER | {"widget:available": True} | changes) is expected


def test_signing_tasks_run_on_signing_workers() -> None:
    metadata = {"system:worker_type": "signing", "signing:widget:version": 3}
    assert Sealed({}).can_run_on(metadata)
    assert not Sealed({}).can_run_on(metadata | {"system:worker_type": "external"})
    assert not Sealed({}).can_run_on({"system:worker_type": "signing", "widget:version": 3})


def test_a_task_without_a_version_runs_only_where_it_is_known() -> None:
    unversioned = type("Unversioned", (Sealed,), {"TASK_VERSION": None, "TASK_NAME": "odd"})
    assert not unversioned({}).can_run_on({"system:worker_type": "signing"})
    assert unversioned({}).can_run_on(
        {"system:worker_type": "signing", **unversioned.analyze_worker()}
    )


def test_a_worker_that_reports_tags_is_judged_by_what_follows_from_them() -> None:
    keys = capability_keys()
    assert keys["sh"] == {"widget:available"}
    assert keys["no-such-program"] == {"widget:more:available"}
    tags = {*Widget.get_provided_worker_tags(), "worker:type:external"}
    assert Widget({}).can_run_on(metadata_from_tags(tags, keys))
    assert not Widget({}).can_run_on(metadata_from_tags(tags - {"worker:cap:sh"}, keys))


def boxed(*, resolved: str | None = None, **data: Any) -> Boxed:
    task = Boxed(data)
    if resolved is not None:
        task.set_field_value("build_architecture", resolved)
    return task


BOX = {
    "system:worker_type": "external",
    "system:architectures": ["amd64", "i386"],
    "executor:unshare:available": True,
    "executor:incus-vm:available": True,
    "executor:qemu:available": False,
    "boxed:version": 3,
}


@pytest.mark.parametrize(
    ("task", "expected"),
    [
        (boxed(build_architecture="i386"), True),
        (boxed(build_architecture="arm64"), False),
        # without one only the server's fallback decides, once it is looked up
        (boxed(), True),
        (boxed(resolved="amd64"), True),
        (boxed(resolved="arm64"), False),
        (boxed(build_architecture="amd64", backend="incus-vm"), True),
        (boxed(build_architecture="amd64", backend="qemu"), False),
        (boxed(build_architecture="amd64", backend="incus-lxc"), False),
    ],
)
def test_a_task_in_an_environment_needs_architecture_and_executor(
    task: Boxed, *, expected: bool
) -> None:
    assert task.can_run_on(BOX) is expected
    assert not task.can_run_on(BOX | {"boxed:version": 4})


@pytest.mark.parametrize(
    ("backend", "tag"), [("auto", "worker:executor:unshare"), ("qemu", "worker:executor:qemu")]
)
def test_and_requires_their_tags(backend: str, tag: str) -> None:
    task = boxed(backend=backend, resolved="arm64")
    assert task.compute_system_required_tags() == {tag, "worker:build-arch:arm64"}
    assert BackendType.AUTO.value not in "".join(task.compute_system_required_tags())


def test_tags_of_an_architecture_that_is_not_looked_up_yet() -> None:
    with pytest.raises(TaskConfigError, match="build_architecture"):
        boxed().compute_system_required_tags()


def test_tags_add_up() -> None:
    plain, more = Sealed({}), Widget({})
    for hook, own in {
        "compute_system_required_tags": "worker:cap:sh",
        "compute_system_provided_tags": "task:source-package:hello",
        "get_user_provided_tags": "task:class:big",
    }.items():
        assert getattr(plain, hook)() == set()
        assert getattr(more, hook)() == {own}
