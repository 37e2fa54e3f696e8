# SPDX-License-Identifier: GPL-3.0-or-later
"""Tasks whose result is what one program prints."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Generic

from typing_extensions import override

from debusine.artifacts.files import LocalArtifact
from debusine.domain.result import WorkRequestResults
from debusine.tasks.command import RunCommandTask
from debusine.tasks.install import install_missing
from debusine.tasks.logs import CONFIGURE_LOG
from debusine.tasks.upload import upload_output
from debusine.tasks.with_executor import DTDE, TDE, BaseTaskWithExecutor


class ReportTask(
    RunCommandTask[TDE, DTDE],
    BaseTaskWithExecutor[TDE, DTDE],
    Generic[TDE, DTDE],
):
    """
    Base of tasks that run a program in a sandbox and upload what it prints.

    ``configure_for_execution`` calls ``_prepare_program``. The report is uploaded however
    the program ended, and relates to each artifact that was read.
    """

    USES_APT = True

    PACKAGES: ClassVar[Sequence[str]]
    """What the program needs; installed unless the environment has it."""

    GOOD_STATUSES: ClassVar[frozenset[int]] = frozenset({0})
    """Exit statuses of the program with which the task succeeds."""

    def _prepare_program(self) -> None:
        """Start an instance that has the program."""
        self._prepare_executor_instance()
        install_missing(self, self.PACKAGES)

    def _refuse(self, reason: str) -> bool:
        """Write down why the input is of no use; the answer ends the task as a failure."""
        self.append_to_log_file(CONFIGURE_LOG, [reason])
        return False

    @abstractmethod
    def _report(self, output: Path) -> LocalArtifact:
        """Make the artifact of a file with what the program printed."""

    @override
    def task_result(self, returncode: int | None, execute_directory: Path) -> WorkRequestResults:
        good = returncode in self.GOOD_STATUSES
        return WorkRequestResults.SUCCESS if good else WorkRequestResults.FAILURE

    @override
    def check_directory_for_consistency_errors(self, build_directory: Path) -> list[str]:
        there = self._output(build_directory).is_file()
        return [] if there else [f"{self.CAPTURE_OUTPUT_FILENAME} not in {build_directory}"]

    @override
    def upload_artifacts(
        self, execute_directory: Path, *, execution_result: WorkRequestResults
    ) -> None:
        report = self._report(self._output(execute_directory))
        upload_output(self, report, relates_to=self._source_artifacts_ids)

    def _output(self, directory: Path) -> Path:
        assert self.CAPTURE_OUTPUT_FILENAME is not None, "a report has a name"
        return directory / self.CAPTURE_OUTPUT_FILENAME
