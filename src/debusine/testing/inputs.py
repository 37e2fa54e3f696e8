# SPDX-License-Identifier: GPL-3.0-or-later
"""Tasks that do nothing but have inputs, and data of artifacts for them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from debusine.domain.lookup import LookupMultiple, LookupSingle
from debusine.domain.result import WorkRequestResults
from debusine.tasks import BaseTaskWithExecutor
from debusine.tasks.inputs.base import TaskInput
from debusine.tasks.models import (
    BaseDynamicTaskDataWithExecutor,
    BaseTaskData,
    BaseTaskDataWithExecutor,
    ExtraRepository,
)

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
SIGNED = {"purpose": "uefi", "fingerprint": "F" * 64, "results": []}
TARBALL = {
    "filename": "system.tar.zst",
    "vendor": "debian",
    "codename": "trixie",
    "mirror": "https://deb.example.org/debian",
    "components": ["main"],
    "pkglist": {},
    "architecture": "amd64",
    "with_dev": True,
    "with_init": False,
}
KEY = "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nabc\n-----END PGP PUBLIC KEY BLOCK-----"


class InputsNestedData(BaseTaskData):
    """Data below other data."""

    source: Any = None


class InputsData(BaseTaskDataWithExecutor):
    """Data for every kind of input; ``source`` takes anything, wrong types too."""

    input: InputsNestedData | None = None
    source: Any = None
    suite: LookupSingle | None = None
    several: LookupMultiple = LookupMultiple()
    listed: list[LookupSingle] | None = None
    nested_lists: list[LookupMultiple] | None = None
    extra_repositories: list[ExtraRepository] | None = None


class InputsTask(BaseTaskWithExecutor[InputsData, BaseDynamicTaskDataWithExecutor]):
    """Base of the tasks; abstract, so not registered."""

    TASK_VERSION = 1


@contextmanager
def task_names_restored() -> Iterator[None]:
    """Forget the task classes that come into being meanwhile, but for those of a module."""
    # modules are loaded once per process: their classes must not vanish
    BaseTaskWithExecutor.registry.all()
    names = BaseTaskWithExecutor.registry.classes
    before = {task_type: dict(found) for task_type, found in names.items()}
    try:
        yield
    finally:
        for task_type, found in names.items():
            found.clear()
            found.update(before.get(task_type, {}))


def task_with_inputs(data: dict[str, Any], **inputs: TaskInput[Any]) -> Any:
    """
    Make a task of a new class, named ``withinputs``.

    :param inputs: beside ``build_architecture``, which comes first
    """
    members = {**inputs, "get_subject": _no_subject, "run": _not_run}
    return type("WithInputs", (InputsTask,), members)(data)


def _no_subject(_task: Any) -> None:
    return None


def _not_run(_task: Any, _execute_directory: Path) -> WorkRequestResults:
    raise AssertionError
