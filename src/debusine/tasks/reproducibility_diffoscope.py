# SPDX-License-Identifier: GPL-3.0-or-later
"""
Have diffoscope show how packages differ, in a sandbox and within limits.

What it reads is made by strangers, and it runs many programs on that.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from debusine.errors import DebusineError
from debusine.tasks.install import install_missing
from debusine.tasks.reproducibility_data import DiffoscopeLimits
from debusine.tasks.sandbox import pull_limited, push_input
from debusine.tasks.with_executor import BaseTaskWithExecutor

PACKAGES = ("diffoscope-minimal",)
FORMATS = ("html", "json")
# 0: the files are the same, 1: they differ
_GOOD_STATUSES = frozenset({0, 1})
_OVERTIME = 124
""":source: timeout(1)"""


Task = BaseTaskWithExecutor[Any, Any]
Runner = Callable[[list[str], Path], int | None]
"""Runs a command in the sandbox, logged, in a directory; returns its exit status."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Reports:
    """
    What diffoscope said.

    :param by_file: reports by the name of the file that they are about; those that were made
    :param notes: what could not be done, a line each
    """

    by_file: Mapping[str, Sequence[Path]] = field(default_factory=dict)
    notes: Sequence[str] = ()


def examine(
    task: Task,
    names: Iterable[str],
    sides: tuple[Path, Path],
    *,
    limits: DiffoscopeLimits,
    runner: Runner,
) -> Reports:
    """
    Make reports, the one on the smallest file first.

    Nothing that goes wrong changes how the files compare; it becomes a note.

    :param names: files that are in both directories
    :param sides: directories of the first and of the second build
    """
    ordered = sorted(names, key=lambda name: max((side / name).stat().st_size for side in sides))
    place = task.get_scratch_directory() / "compared"
    made: dict[str, list[Path]] = {}
    notes: list[str] = []
    try:
        with _sandbox(task, ordered, sides, place):
            run = _Run(task=task, place=place, limits=limits, notes=notes, runner=runner)
            for name in ordered:
                if task.aborted:
                    break
                made[name] = list(run.report(name))
    except (DebusineError, subprocess.CalledProcessError) as error:
        text = error.brief if isinstance(error, DebusineError) else str(error)
        notes.append(f"diffoscope could not be run: {text}")
    return Reports(by_file={name: paths for name, paths in made.items() if paths}, notes=notes)


@contextmanager
def _sandbox(
    task: Task, names: Iterable[str], sides: tuple[Path, Path], place: Path
) -> Iterator[None]:
    """An instance that has diffoscope and the files, and no network."""
    task._prepare_executor_instance()  # noqa: SLF001  as each task does
    instance = task.executor_instance
    assert instance is not None, "it was just made"
    try:
        install_missing(task, PACKAGES)
        for side, label in zip(sides, ("first", "second"), strict=True):
            (place / label).mkdir(parents=True)
            for name in names:
                shutil.copyfile(side / name, place / label / name)
        push_input(instance, place, place.with_name("reports"))
        place.with_name("reports").mkdir()
        instance.cut_network()
        yield
    finally:
        # what was built is left to be looked at
        instance.stop()
        task.executor_instance = None
        shutil.rmtree(place, ignore_errors=True)


@dataclass(kw_only=True)
class _Run:
    """Calls of diffoscope that share their limits."""

    task: Task
    place: Path
    limits: DiffoscopeLimits
    notes: list[str]
    runner: Runner

    def __post_init__(self) -> None:
        self.end_s = self.task.clock.monotonic() + self.limits.timeout

    @property
    def output(self) -> Path:
        """Where reports go, inside and outside."""
        return self.place.with_name("reports")

    def report(self, name: str) -> Iterator[Path]:
        """Compare two files; yields the reports that came out."""
        left_s = int(self.end_s - self.task.clock.monotonic())
        if left_s <= 0:
            self.notes.append(f"{name}: no time was left for diffoscope")
            return
        status = self.runner(self._command(name, left_s), self.output)
        if status == _OVERTIME:
            self.notes.append(f"{name}: diffoscope did not end within {left_s} s")
        elif status not in _GOOD_STATUSES:
            self.notes.append(f"{name}: diffoscope failed (status {status})")
        else:
            yield from self._pull(name)

    def _command(self, name: str, left_s: int) -> list[str]:
        reports = (f"--{each}={self.output}/{name}.{each}" for each in FORMATS)
        return [
            "timeout",
            "--kill-after=10",
            str(left_s),
            "diffoscope",
            "--no-progress",
            f"--max-report-size={self.limits.max_report_size}",
            *reports,
            str(self.place / "first" / name),
            str(self.place / "second" / name),
        ]

    def _pull(self, name: str) -> Iterator[Path]:
        instance = self.task.executor_instance
        assert instance is not None, "it runs"
        for each in FORMATS:
            path = self.output / f"{name}.{each}"
            try:
                pull_limited(instance, path, path, max_bytes=self.limits.max_report_size)
            except DebusineError as error:
                self.notes.append(f"no report: {error.brief}")
            except subprocess.CalledProcessError:
                path.unlink(missing_ok=True)
                self.notes.append(f"no report: diffoscope did not write {path.name}")
            else:
                yield path
