# SPDX-License-Identifier: GPL-3.0-or-later
"""What a task of another package declares is checked before it can stop a server or worker."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from importlib.metadata import EntryPoint
from itertools import count
from pathlib import Path

import pytest

from debusine.domain.work_request import TaskTypes
from debusine.tasks import BaseExternalTask
from debusine.tasks.capabilities import capability_keys
from debusine.tasks.plugins import GROUP, BrokenPlugin, load_plugin
from debusine.tasks.registry import TASKS

Load = Callable[[str], list[BrokenPlugin]]

MODULE = """
from debusine.tasks import BaseExternalTask
from debusine.tasks.models import BaseDynamicTaskData, BaseTaskData

class Count(BaseExternalTask[BaseTaskData, BaseDynamicTaskData]):
    TASK_VERSION = 1
    {}

    def get_subject(self):
        return None

    def run(self, execute_directory):
        return None
"""

_numbers = count()


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Load]:
    """Load a plug-in that has a task with a declaration of its own."""
    loaded: list[str] = []
    monkeypatch.syspath_prepend(tmp_path)

    def load(declaration: str) -> list[BrokenPlugin]:
        name = f"plugin_of_a_test_{next(_numbers)}"
        loaded.append(name)
        (tmp_path / f"{name}.py").write_text(MODULE.format(declaration))
        return load_plugin(EntryPoint(name="count", value=f"{name}:Count", group=GROUP), TASKS)

    yield load
    for name in loaded:
        sys.modules.pop(name, None)


@pytest.mark.parametrize(
    "declaration",
    [
        "pass",
        "TASK_NAME = 'Count_2-x'",
        "CAPABILITIES = {'available': 'sh'}",
        "from debusine.domain.work_request import TaskTypes; TASK_TYPE = TaskTypes.SIGNING",
    ],
)
def test_what_is_fine_stays(load: Load, declaration: str) -> None:
    assert load(declaration) == []
    assert [task for task in TASKS.registered() if task.__name__ == "Count"]


@pytest.mark.parametrize(
    ("declaration", "brief", "remedy"),
    [
        ("TASK_VERSION = '1'", "Count has no TASK_VERSION", "Set TASK_VERSION = 1"),
        ("TASK_TYPE = 'Worker'", "Count has TASK_TYPE 'Worker'", "TaskTypes"),
        ("TASK_NAME = 'a:b'", "Count is called 'a:b', which cannot be part of a tag", "TASK_NAME"),
        ("TASK_NAME = 'z\u00e4hle'", "which cannot be part of a tag", "TASK_NAME"),
        ("TASK_NAME = 'a b'", "which cannot be part of a tag", "TASK_NAME"),
        ("CAPABILITIES = ['sh']", "Count has CAPABILITIES that are no texts", "capability by key"),
        ("CAPABILITIES = {'available': None}", "CAPABILITIES that are no texts", "capability"),
        ("CAPABILITIES = None", "CAPABILITIES that are no texts", "capability"),
    ],
)
def test_what_would_stop_others_is_named_and_left_out(
    load: Load, declaration: str, brief: str, remedy: str
) -> None:
    [broken] = load(declaration)
    assert brief in broken.brief
    assert remedy in broken.remedy
    assert not [task for task in TASKS.registered() if task.__name__ == "Count"]
    assert "available" not in capability_keys()
    assert BaseExternalTask.class_from_name(TaskTypes.WORKER, "noop")
