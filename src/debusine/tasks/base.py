# SPDX-License-Identifier: GPL-3.0-or-later
"""What every task that runs on a worker must answer."""

from __future__ import annotations

import inspect
import logging
import shutil
import tempfile
import weakref
from abc import ABCMeta, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import (
    IO,
    TYPE_CHECKING,
    Any,
    BinaryIO,
    ClassVar,
    Generic,
    TextIO,
    overload,
)

from typing_extensions import TypeVar, override

from debusine.domain import tags
from debusine.domain import worker_metadata as metadata_rules
from debusine.domain.action_key import Network
from debusine.domain.result import WorkRequestResults
from debusine.domain.work_request import TaskTypes
from debusine.tasks.abort import AbortSwitch
from debusine.tasks.command_runner import CommandRunner
from debusine.tasks.errors import TaskConfigError
from debusine.tasks.generics import data_types
from debusine.tasks.guide import Guide
from debusine.tasks.inputs.base import TaskInput
from debusine.tasks.inputs.container import TaskFieldContainer
from debusine.tasks.lifecycle import Lifecycle
from debusine.tasks.logs import LogDirectory, LogSender
from debusine.tasks.models import BaseDynamicTaskData, BaseTaskData
from debusine.tasks.registry import TASKS, Registry
from debusine.util.clock import Clock, SystemClock
from debusine.wire.artifact import ArtifactResponse
from debusine.wire.work_request import OutputError

if TYPE_CHECKING:
    from _typeshed import OpenBinaryModeWriting, OpenTextModeWriting

    from debusine.client.debusine import Debusine
    from debusine.tasks.executors.base import Executor, Instance

TD = TypeVar("TD", bound=BaseTaskData)
DTD = TypeVar("DTD", bound=BaseDynamicTaskData, default=BaseDynamicTaskData)

UNKNOWN_EXIT_CODE = -1


class BaseExternalTask(TaskFieldContainer, Generic[TD, DTD], metaclass=ABCMeta):
    """
    Base of tasks that run on a worker.

    On the server, an object answers what scheduling and pages ask; on a worker, it does
    the work. Each method does little and may be overridden; what happens when is in
    :mod:`debusine.tasks.lifecycle`.

    :param task_data: what the user submitted
    :param dynamic_task_data: what the server found out; ``None`` before it did
    :raises TaskConfigError: if one of them is not valid

    >>> kind = BaseExternalTask.class_from_name(TaskTypes.WORKER, "noop")
    >>> kind.prefix_with_task_name("version"), kind.TASK_VERSION
    ('noop:version', 1)
    >>> str(kind({"result": "failure"}).run(Path()))
    'failure'
    """

    TASK_TYPE: TaskTypes = TaskTypes.WORKER
    """Which worker runs it: WORKER an external one, SIGNING one with keys, SERVER the server's."""

    TASK_VERSION: int | None = None
    """Set by every task; it runs on workers that have the same version as the server."""

    CAPABILITIES: ClassVar[Mapping[str, str]] = {}
    """Capabilities by the keys of metadata that say the same, without the task's name."""

    USES_APT: ClassVar[bool] = False
    """Whether the worker lends it ``apt_access_directory``."""

    NETWORK: ClassVar[Network] = Network.UNKNOWN
    """How a run reads the network: what is unknown is never reused for another request."""

    GUIDE: ClassVar[Guide] = Guide()
    """An example, limits, and what results mean, for its users."""

    name: ClassVar[str]
    """``TASK_NAME`` if the class has one, else the class name; always in lower case."""

    inputs: dict[str, TaskInput[Any]]
    """What the server looks up for the task, by attribute: those of its bases come first."""

    task_data_type: type[TD]
    """Model of submitted data, from the arguments of the class."""

    dynamic_task_data_type: type[DTD]
    """Model of dynamic data, from the arguments of the class."""

    data: TD
    """What the user submitted, after task configuration."""

    dynamic_data: DTD | None
    """What the server found out; on a worker always there."""

    logger: logging.Logger
    """For the log of worker or server; what users see goes to log files of the task."""

    registry: ClassVar[Registry[type[BaseExternalTask[Any, Any]]]] = TASKS
    _sub_tasks: ClassVar[dict[TaskTypes, dict[str, type[Any]]]] = registry.classes

    clock: Clock = SystemClock()
    work_request_id: int | None = None
    workspace_name: str | None = None
    http_timeout: float | tuple[float, float] | None = None
    debusine: Debusine | None = None
    executor_type: type[Executor] | None = None
    """What to use in place of the executor of the backend, if anything."""
    executor: Executor | None = None
    executor_instance: Instance | None = None
    log_sender: LogSender | None = None
    last_log_line: str | None = None  # what each of its debug logs ends with
    working_directory: Path | None = None
    scratch_directory: Path | None = None
    """Where trees and temporary files go; default: the working directory."""
    image_cache_directory: Path | None = None
    """Where images are kept between tasks; default: the executor's own choice."""
    apt_access_directory: Path | None = None
    """APT configuration and credentials that the worker lends; see :mod:`..apt_lending`."""
    apt_indexes: dict[str, str] | None = None  # what APT fetched, see tasks.apt_indexes
    last_exit_code: int | None = None
    duration_setup: float = 0.0
    duration_run: float = 0.0
    duration_teardown: float = 0.0

    @override
    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Name the class, find its models and inputs; register it unless it is abstract."""
        cls.name = (vars(cls).get("TASK_NAME") or cls.__name__).lower()
        cls.task_data_type, cls.dynamic_task_data_type = data_types(cls, BaseExternalTask)
        super().__init_subclass__(**kwargs)
        if not inspect.isabstract(cls):
            cls.registry.register(cls, task_type=cls.TASK_TYPE, name=cls.name)

    def __init__(
        self, task_data: dict[str, Any], dynamic_task_data: dict[str, Any] | None = None
    ) -> None:
        self.logger = logging.getLogger("debusine.tasks")
        self.worker_environment_variables: dict[str, str] = {}
        self.reported_errors: list[OutputError] = []
        self._source_artifacts_ids: list[int] = []
        self._abort_switch = AbortSwitch()
        self._read_data(task_data, dynamic_task_data)
        self.post_init()

    def _read_data(self, task_data: dict[str, Any], dynamic: dict[str, Any] | None) -> None:
        self.dynamic_data = None
        try:
            self.data = self.task_data_type.model_validate(task_data)
            if dynamic is not None:
                self.dynamic_data = self.dynamic_task_data_type.model_validate(dynamic)
                self.restore_field_values(self.dynamic_data)
        except ValueError as error:
            raise TaskConfigError(None, original_exception=error) from error

    def post_init(self) -> None:
        """Set up what a subclass needs, instead of a constructor; call ``super()``."""

    # what the server asks

    @classmethod
    def prefix_with_task_name(cls, text: str) -> str:
        """
        Make a metadata key of this task.

        :returns: ``NAME:text``; tasks that are not of type Worker have their type in front
        """
        return metadata_rules.key_prefix(cls.TASK_TYPE, cls.name) + text

    @staticmethod
    def class_from_name(task_type: TaskTypes, task_name: str) -> type[BaseExternalTask[Any, Any]]:
        """
        Find the class of a task.

        :param task_type: names count within it
        :param task_name: in upper or lower case
        :raises ValueError: if there is no such type or name
        """
        return BaseExternalTask.registry.find(task_type, task_name)

    @classmethod
    def analyze_worker(cls) -> dict[str, Any]:
        """Metadata of this worker; an override adds keys of ``prefix_with_task_name``."""
        return {cls.prefix_with_task_name("version"): cls.TASK_VERSION}

    @classmethod
    def get_provided_worker_tags(cls) -> set[str]:
        """Tags of this worker; an override adds some, such as ``worker:cap:sbuild``."""
        return {tags.task_version_tag(cls.TASK_TYPE, cls.name, cls.TASK_VERSION)}

    def can_run_on(self, worker_metadata: dict[str, Any]) -> bool:
        """
        Decide by metadata and submitted data whether a worker can run the task.

        Asked where the server does not match tags. By default type and version of the
        task must fit; an override begins with ``if not super().can_run_on(...)``.

        :param worker_metadata: of :meth:`analyze_worker` of all tasks, and ``system:...``
        """
        key = self.prefix_with_task_name("version")
        served = metadata_rules.is_served(worker_metadata, self.TASK_TYPE)
        return served and key in worker_metadata and worker_metadata[key] == self.TASK_VERSION

    def compute_system_required_tags(self) -> set[str]:
        """Tags ``worker:...`` that the worker must have; the server adds type and version."""
        return set()

    def compute_system_provided_tags(self) -> set[str]:
        """Tags ``task:...`` that follow from inputs, such as ``task:source-package:hello``."""
        return set()

    def get_user_provided_tags(self) -> set[str]:
        """Tags ``task:...`` that its user claims; those for the system alone are dropped."""
        return set()

    @abstractmethod
    def get_subject(self) -> str | None:
        """What the task is about, usually a source package; inputs must be resolved."""

    def get_configuration_context(self) -> str | None:
        """Context for task configuration, usually a codename; inputs must be resolved."""
        return None

    def compute_dynamic_data(self) -> DTD:
        """Make the dynamic data, without the values of inputs, which must be resolved."""
        return self.dynamic_task_data_type()

    def get_input_artifacts_ids(self) -> list[int]:
        """Artifacts that the task reads, none without dynamic data; some may stand twice."""
        if self.dynamic_data is None:
            return []
        return [*self.dynamic_data.get_input_artifacts_ids(), *self.get_field_artifact_ids()]

    # what the worker sets up

    def configure_server_access(self, debusine: Debusine) -> None:
        """Give the task the client to reach the server with."""
        self.debusine = debusine

    def set_working_directory(self, path: Path) -> None:
        """Give the task a directory of its own, made if need be."""
        path.mkdir(parents=True, exist_ok=True)
        self.working_directory = path

    def set_worker_environment_variables(self, variables: dict[str, str]) -> None:
        """Give the task variables that its commands see."""
        self.worker_environment_variables = dict(variables)

    def get_working_directory(self) -> Path:
        """The directory of the task; a temporary one if it was given none."""
        if self.working_directory is None:
            self.working_directory = Path(tempfile.mkdtemp(prefix="debusine-"))
            weakref.finalize(self, shutil.rmtree, self.working_directory, ignore_errors=True)
        return self.working_directory

    def get_scratch_directory(self) -> Path:
        """Where the task puts trees and temporary files."""
        return self.scratch_directory or self.get_working_directory()

    # the run

    def execute_logging_exceptions(self) -> WorkRequestResults:
        """Do :meth:`execute`; what it raises is logged and raised again."""
        try:
            return self.execute()
        except Exception as error:
            self.logger.info("Exception in task %s", self.name, exc_info=error)
            raise

    def execute(self) -> WorkRequestResults:
        """Run the task and upload its debug logs, unless it was aborted."""
        try:
            result = self._execute()
            if not self.aborted:
                self._upload_debug_logs()
        finally:
            self._end_live_log()
        return result

    def _execute(self) -> WorkRequestResults:
        return Lifecycle(self, self._logs(), directory=self.get_working_directory()).execute()

    def fetch_input(self, destination: Path) -> bool:  # noqa: ARG002
        """Download what the task needs into an empty directory; false ends it as a failure."""
        return True

    def configure_for_execution(self, download_directory: Path) -> bool:  # noqa: ARG002
        """Look at what was downloaded, take the sandbox; false ends it as a failure."""
        return True

    def prepare_to_run(self, download_directory: Path, execute_directory: Path) -> None:
        """Make the place where the work is done; both directories exist."""

    @abstractmethod
    def run(self, execute_directory: Path) -> WorkRequestResults:
        """Do the work and leave what it makes in the directory; an exception is a failure."""

    def check_directory_for_consistency_errors(self, build_directory: Path) -> list[str]:  # noqa: ARG002
        """List what is wrong with the output, a line each; if anything, nothing is uploaded."""
        return []

    def upload_artifacts(
        self, execute_directory: Path, *, execution_result: WorkRequestResults
    ) -> None:
        """Upload what came out; comes after failures too, so look at the result."""

    def cleanup(self) -> None:
        """Give back what was taken; comes last, in any case; if it raises, nothing succeeded."""

    def abort(self) -> None:
        """Stop the task, from any thread or signal handler; cannot be taken back."""
        self._abort_switch.pull()

    @property
    def aborted(self) -> bool:
        """Whether the task is to stop."""
        return self._abort_switch.pulled

    def fetch_artifact(self, artifact_id: int, destination: Path) -> ArtifactResponse:
        """
        Download the files of an artifact and remember that the task read it.

        :param artifact_id: one of :meth:`get_input_artifacts_ids`; others are denied
        :param destination: directory; files are put below it by their paths
        :returns: the artifact with ``category``, ``data`` and ``files`` by path
        """
        assert self.debusine is not None, "no access to the server"
        assert self.workspace_name is not None, "no workspace"
        artifact = self.debusine.download_artifact(
            artifact_id, destination, workspace=self.workspace_name
        )
        # not before: debug logs can relate only to what exists
        self._source_artifacts_ids.append(artifact_id)
        return artifact

    # logs

    @overload
    def open_debug_log_file(self, filename: str, *, mode: OpenTextModeWriting = "a") -> TextIO: ...

    @overload
    def open_debug_log_file(self, filename: str, *, mode: OpenBinaryModeWriting) -> BinaryIO: ...

    def open_debug_log_file(
        self, filename: str, *, mode: OpenTextModeWriting | OpenBinaryModeWriting = "a"
    ) -> IO[Any]:
        """
        Open a log file of the task; the same name is the same file; the caller closes it.

        :param filename: relative, such as ``test.log``; users see it in the debug logs
        :raises UserError: if the name leads out of the directory of log files
        """
        return self._logs().open(filename, mode)

    def append_to_log_file(self, filename: str, lines: list[str]) -> None:
        """Append lines, given without line ends, to a log file of the task."""
        self._logs().append(filename, lines)

    def _logs(self) -> LogDirectory:
        return LogDirectory(self.get_working_directory() / "logs")

    def _command_runner(self, log_filename: str) -> CommandRunner:
        return CommandRunner(
            logs=self._logs(),
            abort=self._abort_switch,
            sender=self.log_sender,
            log_filename=log_filename,
        )

    def _upload_debug_logs(self) -> None:
        self._logs().upload(
            self.debusine,
            workspace=self.workspace_name,
            work_request=self.work_request_id,
            relates_to=self._source_artifacts_ids,
            last_line=self.last_log_line,
        )

    def _end_live_log(self) -> None:
        if self.log_sender is not None:
            code = UNKNOWN_EXIT_CODE if self.last_exit_code is None else self.last_exit_code
            self.log_sender.send_end(code)
