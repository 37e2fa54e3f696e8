# SPDX-License-Identifier: GPL-3.0-or-later
"""A task that answers nonsense about a worker is left out, and named; the others count."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from debusine.domain.result import WorkRequestResults
from debusine.tasks import (
    BaseExternalTask,
    analyze_external_worker_tasks,
    get_provided_external_worker_tags,
)
from debusine.tasks.models import BaseDynamicTaskData, BaseTaskData
from debusine.tasks.worker_report import tasks_that_raise

NAME = "nonsense"
VERSION, TAG = "nonsense:version", "worker:task:worker:nonsense:version:1"


class Parts(BaseExternalTask[BaseTaskData, BaseDynamicTaskData]):
    """Abstract, so not registered."""

    TASK_VERSION = 1

    def get_subject(self) -> str | None:
        return None


def make_kind(method: str, answer: Any) -> Any:
    """A task with another answer to one question; an exception is raised."""

    def say(cls: type[Any]) -> Any:
        if isinstance(answer, BaseException):
            raise answer
        return answer

    members = {
        "TASK_NAME": NAME,
        "run": lambda *_: WorkRequestResults.SUCCESS,
        method: classmethod(say),
    }
    return type("Nonsense", (Parts,), members)


def named() -> dict[str, str]:
    return {task.name: str(error) for task, error in tasks_that_raise().items()}


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (None, "analyze_worker returns None instead of a dictionary"),
        ([("a", 1)], "instead of a dictionary"),
        ({1: 2}, "instead of a dictionary of texts"),
        ({"a": Path("/usr/bin/sh")}, "not JSON serializable"),
        ({"a": {"b"}}, "not JSON serializable"),
        ({"a": float("nan")}, "not JSON compliant"),
        (SystemExit("no"), "no"),
        (KeyError("nothing here"), "nothing here"),
    ],
)
def test_metadata_that_cannot_be_sent(answer: Any, message: str) -> None:
    make_kind("analyze_worker", answer)
    metadata = analyze_external_worker_tasks()
    assert json.loads(json.dumps(metadata)) == metadata
    assert metadata["noop:version"] == 1
    assert not [key for key in metadata if not isinstance(key, str) or key in {"a", VERSION}]
    assert TAG in get_provided_external_worker_tags()
    assert message in named()[NAME]


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (None, "get_provided_worker_tags returns None instead of a set"),
        ("worker:cap:x", "instead of a set of texts"),
        ({3}, "instead of a set of texts"),
        (SystemExit("no"), "no"),
    ],
)
def test_what_is_no_set_of_tags(answer: Any, message: str) -> None:
    make_kind("get_provided_worker_tags", answer)
    tags = get_provided_external_worker_tags()
    assert "worker:task:worker:noop:version:1" in tags
    assert all(tag.startswith("worker:") for tag in tags)
    assert TAG not in tags
    assert analyze_external_worker_tasks()[VERSION] == 1
    assert message in named()[NAME]


def test_a_task_that_answers_well_is_not_named() -> None:
    make_kind("analyze_worker", {"nonsense:list": [1, None, "x"]})
    assert analyze_external_worker_tasks()["nonsense:list"] == [1, None, "x"]
    assert NAME not in named()
