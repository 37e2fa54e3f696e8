# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

from debusine.tasks.task_type import describe, find_kind
from debusine.wire.task_type import TaskTypeList, TaskTypeRecord


def test_tasks_are_listed_for_everybody(anonymous: Any, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(1):  # for the scope
        answer = anonymous.get("/task-type/")
    listed = TaskTypeList.model_validate(answer.json()).task_types
    assert {"Worker", "Signing", "Server"} <= {one.task_type.value for one in listed}
    assert listed == sorted(listed, key=lambda one: (one.task_type, one.name))


def test_a_task_is_described(anonymous: Any) -> None:
    answer = anonymous.get("/task-type/lintian/")
    shown = TaskTypeRecord.model_validate(answer.json())
    assert shown == describe(find_kind("lintian"))
    [field] = [field for field in shown.fields if field.path == "fail_on_severity"]
    assert (field.required, field.default) == (False, "error")


def test_a_type_chooses_among_tasks_of_a_name(anonymous: Any) -> None:
    assert anonymous.get("/task-type/noop/").json()["task_type"] == "Worker"
    chosen = anonymous.get("/task-type/noop/?task_type=Signing").json()
    assert chosen["task_type"] == "Signing"


def test_what_there_is_not_is_said_with_what_there_is(anonymous: Any) -> None:
    answer = anonymous.get("/task-type/unknown/")
    assert answer.status_code == 404
    assert "there is no task called 'unknown'" in answer.json()["title"]
    assert "sbuild" in answer.json()["detail"]
    assert anonymous.get("/task-type/noop/?task_type=Nothing").status_code == 400
