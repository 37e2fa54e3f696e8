# SPDX-License-Identifier: GPL-3.0-or-later
"""The life of a task on a worker: its stages, as a list, in order."""

from __future__ import annotations

import logging
import tempfile
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal, Protocol

from debusine.domain.action_key import Network
from debusine.domain.result import Cause, WorkRequestResults
from debusine.errors import DebusineError
from debusine.tasks.causes import MAX_MESSAGE_CHARS, describe, stage_error
from debusine.tasks.logs import STAGES_LOG, LogDirectory, LogSender
from debusine.util.clock import Clock
from debusine.wire.work_request import OutputError

if TYPE_CHECKING:
    from debusine.tasks.executors.base import Instance

CONSISTENCY_LOG = "consistency.log"

logger = logging.getLogger("debusine.tasks")

Phase = Literal["setup", "run", "teardown"]


class RunnableTask(Protocol):
    """What the lifecycle asks of a task; see the task API for each method."""

    NETWORK: ClassVar[Network]
    clock: Clock
    log_sender: LogSender | None
    executor_instance: Instance | None
    reported_errors: list[OutputError]
    duration_setup: float
    duration_run: float
    duration_teardown: float

    @property
    def aborted(self) -> bool:
        """Whether the task is to stop."""
        ...

    def fetch_input(self, destination: Path) -> bool:
        """Download what the task needs."""
        ...

    def configure_for_execution(self, download_directory: Path) -> bool:
        """Look at what was downloaded."""
        ...

    def prepare_to_run(self, download_directory: Path, execute_directory: Path) -> None:
        """Make the place where the work is done."""
        ...

    def run(self, execute_directory: Path) -> WorkRequestResults:
        """Do the work."""
        ...

    def check_directory_for_consistency_errors(self, build_directory: Path) -> list[str]:
        """Look at what came out."""
        ...

    def upload_artifacts(
        self, execute_directory: Path, *, execution_result: WorkRequestResults
    ) -> None:
        """Upload what came out."""
        ...

    def cleanup(self) -> None:
        """Give back what was taken."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class StageStep:
    """
    One stage.

    :param stem: of the log file that an exception goes to
    :param action: its answer ``False`` ends the task as a failure
    """

    stem: str
    phase: Phase
    message: str
    action: Callable[[], bool | None]


class Lifecycle:
    """
    One run of one task.

    An exception in a stage is a failure, never an error: it may well be the fault
    of what the task works on.

    :param directory: where directories for input and output are made, and removed
    """

    def __init__(self, task: RunnableTask, logs: LogDirectory, *, directory: Path) -> None:
        self.task = task
        self.logs = logs
        self.directory = directory
        self.result = WorkRequestResults.NONE

    def execute(self) -> WorkRequestResults:
        """
        Go through the stages; the last one, cleaning up, comes in any case.

        :returns: the answer of the task's ``run``, or failure if a stage failed
        """
        with (
            _directory("exec-", self.directory) as output,
            _directory("fetch-", self.directory) as fetched,
        ):
            try:
                for step in self._steps(fetched, output):
                    if self.task.aborted or not self._perform(step):
                        self.result = WorkRequestResults.FAILURE
                        break
            finally:
                self._clean_up()
        if self.result == WorkRequestResults.SUCCESS:
            self.logs.delete(STAGES_LOG)
        return self.result

    def _steps(self, fetched: Path, output: Path) -> list[StageStep]:
        task = self.task

        def prepare() -> None:
            task.prepare_to_run(fetched, output)
            self._grant_network()

        def run() -> None:
            self.result = task.run(output)

        def check() -> bool:
            return self._is_consistent(output)

        def upload() -> None:
            task.upload_artifacts(output, execution_result=self.result)

        # fmt: off
        rows: list[tuple[str, Phase, str, Callable[[], bool | None]]] = [
            ("fetch_input", "setup", "Fetching input", lambda: task.fetch_input(fetched)),
            ("configure_for_execution", "setup", "Configuring for execution",
             lambda: task.configure_for_execution(fetched)),
            ("execution", "setup", "Preparing to run", prepare),
            ("execution", "run", "Running", run),
            ("post_execution", "teardown", "Checking output", check),
            ("post_execution", "teardown", "Uploading artifacts", upload),
        ]
        # fmt: on
        return [
            StageStep(stem=stem, phase=phase, message=message, action=action)
            for stem, phase, message, action in rows
        ]

    def _grant_network(self) -> None:
        """What was installed is there; what is worked on gets no network that nobody asked for."""
        instance = self.task.executor_instance
        if self.task.NETWORK is not Network.UNKNOWN and instance and instance.is_started():
            instance.cut_network()

    def _clean_up(self) -> None:
        step = StageStep(
            stem="post_execution",
            phase="teardown",
            message="Cleaning up",
            action=self.task.cleanup,
        )
        if not self._perform(step) and self.result == WorkRequestResults.SUCCESS:
            self.result = WorkRequestResults.FAILURE
            # what was worked on is fine, and is uploaded
            error = OutputError(message="The task left something", code=Cause.CLEANUP_FAILED)
            self.task.reported_errors.insert(0, error)

    def _is_consistent(self, output: Path) -> bool:
        errors = self.task.check_directory_for_consistency_errors(output)
        if errors:
            self._note(CONSISTENCY_LOG, sorted(errors))
            text = "Output is not consistent: " + "; ".join(sorted(errors))
            self.task.reported_errors.append(
                OutputError(message=text[:MAX_MESSAGE_CHARS], code=Cause.OUTPUT_INCONSISTENT)
            )
            self._say(text)
        return not errors

    def _perform(self, step: StageStep) -> bool:
        """Do one stage; false if it failed."""
        moment = self.task.clock.now().isoformat()
        self._note(STAGES_LOG, [f"{moment} {step.message}"])
        logger.info("%s", step.message)
        self._say(step.message)
        before = self.task.clock.monotonic()
        try:
            return step.action() is not False
        except Exception as error:  # noqa: BLE001  whatever a stage raises is its result
            self._record(step, error)
            message = f"{step.message}: {describe(error)}"
            is_setup = step.phase == "setup"
            self.task.reported_errors.append(stage_error(message, error, is_setup=is_setup))
            return False
        finally:
            name = f"duration_{step.phase}"
            elapsed = self.task.clock.monotonic() - before
            setattr(self.task, name, getattr(self.task, name) + elapsed)

    def _record(self, step: StageStep, error: Exception) -> None:
        kind = type(error).__name__
        text = error.explain() if isinstance(error, DebusineError) else str(error)
        logger.info("%s failed", step.stem, exc_info=error)
        lines = [f"Exception type: {kind}", f"Message: {text}", "", *_traceback(error)]
        self._note(f"{step.stem}.log", lines)
        self._say(f"{step.stem} failed: {kind}: {text}")

    def _note(self, filename: str, lines: list[str]) -> None:
        try:
            self.logs.append(filename, lines)
        except OSError as error:
            # a full disk must not keep the task from cleaning up, or hide what went wrong
            logger.warning("cannot write %s: %s", filename, error)

    def _say(self, text: str) -> None:
        if self.task.log_sender is not None:
            # a listener that is gone is no reason to fail
            with suppress(OSError):
                self.task.log_sender.send(f"{text}\n".encode(errors="replace"), "internal")


@contextmanager
def _directory(prefix: str, parent: Path) -> Iterator[Path]:
    # what another user left behind goes with the work directory, which the worker removes
    with tempfile.TemporaryDirectory(prefix=prefix, dir=parent, ignore_cleanup_errors=True) as name:
        path = Path(name)
        # other users may be mapped in: the users of containers reach their files through it
        path.chmod(0o755)
        yield path


def _traceback(error: Exception) -> list[str]:
    return "".join(traceback.format_exception(error)).splitlines()
