# SPDX-License-Identifier: GPL-3.0-or-later
"""Tasks that need an environment to run in."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any, Generic

from debian.debian_support import Version
from typing_extensions import TypeVar, override

from debusine.domain import tags
from debusine.domain import worker_metadata as metadata_rules
from debusine.domain.executor import BackendType
from debusine.tasks.base import BaseExternalTask
from debusine.tasks.executors.base import ExecutorOptions, Instance
from debusine.tasks.executors.registry import executor_class
from debusine.tasks.inputs.inputs import BuildArchitectureInput, Stage
from debusine.tasks.kept_environment import KeptEnvironment
from debusine.tasks.models import BaseDynamicTaskDataWithExecutor, BaseTaskDataWithExecutor
from debusine.tasks.sandbox import describe_failure, installed_version, push_input

TDE = TypeVar("TDE", bound=BaseTaskDataWithExecutor)
DTDE = TypeVar(
    "DTDE", bound=BaseDynamicTaskDataWithExecutor, default=BaseDynamicTaskDataWithExecutor
)

INSTALL_LOG = "install.log"


class BaseTaskWithExecutor(BaseExternalTask[TDE, DTDE], Generic[TDE, DTDE]):
    """
    Base of tasks that run in an environment, or hand one to a tool.

    ``configure_for_execution`` calls ``_prepare_executor_instance``, or
    ``_prepare_executor`` where the tool starts the environment by itself.

    >>> from debusine.tasks.kinds.lintian import Lintian
    >>> task = Lintian({"input": {"source_artifact": 2}, "environment": 1})
    >>> str(task.backend)
    'unshare'
    >>> sorted(task.inputs)
    ['binary_artifacts', 'build_architecture', 'environment', 'source_artifact']
    """

    DEFAULT_BACKEND = BackendType.UNSHARE
    """What ``auto`` means."""

    keeps_environment = False
    """Whether the sandbox stays after the clean-up: whoever set this ends it."""

    _worked_in = Path("/")

    build_architecture = BuildArchitectureInput(
        stage=Stage.PENDING, verbose_name="Build architecture"
    )
    """Architecture that the task is for."""

    @property
    def backend(self) -> BackendType:
        """Technology that isolates the task; never ``auto``."""
        chosen = self.data.backend
        return self.DEFAULT_BACKEND if chosen == BackendType.AUTO else chosen

    @override
    def can_run_on(self, worker_metadata: dict[str, Any]) -> bool:
        """As every task, and the worker has the backend and builds for the architecture."""
        # the server looks up what counts where the author left it open
        resolved = self.field_is_resolved("build_architecture")
        architecture = self.build_architecture if resolved else self.data.build_architecture
        return (
            super().can_run_on(worker_metadata)
            and metadata_rules.has_executor(worker_metadata, self.backend)
            and (
                architecture is None
                or metadata_rules.has_architecture(worker_metadata, architecture)
            )
        )

    @override
    def compute_system_required_tags(self) -> set[str]:
        """Ask for ``worker:executor:BACKEND`` and ``worker:build-arch:ARCHITECTURE``."""
        return {
            *super().compute_system_required_tags(),
            tags.executor_tag(self.backend),
            tags.build_architecture_tag(self.build_architecture),
        }

    def _prepare_executor(self) -> None:
        """Get the image of the environment onto this machine."""
        assert self.debusine is not None, "no access to the server"
        assert self.workspace_name is not None, "no workspace"
        assert self.dynamic_data is not None, "no dynamic data"
        assert self.dynamic_data.environment_id is not None, "no environment"
        kind = self.executor_type or executor_class(self.backend)
        self.executor = kind(
            self.debusine,
            self.dynamic_data.environment_id,
            self.workspace_name,
            self.get_scratch_directory(),
            options=ExecutorOptions(cache_directory=self.image_cache_directory),
        )
        self.executor.download_image()

    def _prepare_executor_instance(self) -> None:
        """Get the image and start a pristine instance of it."""
        if self.executor is None:
            self._prepare_executor()
        assert self.executor is not None
        self.executor_instance = self.executor.create()
        self.executor_instance.start()

    @override
    def prepare_to_run(self, download_directory: Path, execute_directory: Path) -> None:
        """
        Put the downloaded files into the instance, under the same path as outside.

        The directory for output has its path in common, too. Without an instance nothing
        happens; what comes into ``download_directory`` later is not in the instance.
        """
        if self.executor_instance is not None:
            self._worked_in = execute_directory
            push_input(self.executor_instance, download_directory, execute_directory)

    def run_executor_command(
        self,
        cmd: list[str],
        log_filename: str,
        run_as_root: bool = False,  # noqa: FBT001, FBT002  fixed by the task API
        check: bool = True,  # noqa: FBT001, FBT002  the same
    ) -> None:
        """
        Run a command in the instance that prepares the work.

        :param cmd: program and arguments; no shell
        :param log_filename: log file that command, output and exit status are appended to
        :param run_as_root: of the instance; default: its ordinary user
        :param check: raise if the exit status is not 0
        :raises subprocess.CalledProcessError: if ``check`` and it failed
        """
        self._command_runner(log_filename).run_step(
            self._instance(), cmd, run_as_root=run_as_root, check=check
        )

    def get_package_version(self, package_name: str) -> Version:
        """
        Find the version of a package that is installed in the instance.

        :param package_name: binary package, as dpkg knows it
        :returns: Debian version, comparable
        :raises subprocess.CalledProcessError: if it is not installed; ``install.log`` says more
        :source: deb-version(7), dpkg-query(1)
        """
        try:
            return installed_version(self._instance(), package_name)
        except subprocess.CalledProcessError as error:
            what = f"Cannot find out the version of {package_name}"
            self.append_to_log_file(INSTALL_LOG, describe_failure(what, error))
            raise

    @override
    def cleanup(self) -> None:
        """Stop the instance; not sooner, as uploads may need it."""
        try:
            super().cleanup()
        finally:
            instance = self.executor_instance
            if instance is not None and not (self.keeps_environment and instance.takes_terminals):
                self.stop_instance()

    def stop_instance(self) -> None:
        """Stop the instance, if there is one that runs."""
        if self.executor_instance is not None and self.executor_instance.is_started():
            self.executor_instance.stop()

    def kept_environment(self) -> KeptEnvironment | None:
        """
        Find what is left of the sandbox, for people; asked after the clean-up.

        :returns: None if there is none, or none that can be kept
        """
        instance = self.executor_instance
        if instance is None or not instance.takes_terminals or not instance.is_started():
            return None
        return KeptEnvironment(
            instance=instance, user=instance.non_root_user, directory=self._worked_in
        )

    def _instance(self) -> Instance:
        assert self.executor_instance is not None, "no instance: prepare it first"
        return self.executor_instance
