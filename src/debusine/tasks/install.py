# SPDX-License-Identifier: GPL-3.0-or-later
"""Get the packages that a task needs into its sandbox."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from debusine.tasks.apt_indexes import digests_in
from debusine.tasks.apt_lending import access_for, install
from debusine.tasks.executors.base import Instance
from debusine.tasks.with_executor import INSTALL_LOG, BaseTaskWithExecutor


def install_missing(task: BaseTaskWithExecutor[Any, Any], packages: Sequence[str]) -> None:
    """
    Install packages as :func:`install_packages`, unless the environment has all of them.

    :raises subprocess.CalledProcessError: if they cannot be installed
    """
    if not has_packages(_instance_of(task), packages):
        install_packages(task, packages)


def install_packages(task: BaseTaskWithExecutor[Any, Any], packages: Sequence[str]) -> None:
    """
    Install packages in the instance of a task.

    What APT fetched is recorded in ``task.apt_indexes``.

    :raises subprocess.CalledProcessError: if they cannot be installed; ``install.log`` says why
    """
    instance = _instance_of(task)

    def step(cmd: list[str]) -> None:
        task.run_executor_command(cmd, INSTALL_LOG, run_as_root=True)

    install(instance, packages, access=access_for(task), step=step)
    task.apt_indexes = digests_in(instance)


def _instance_of(task: BaseTaskWithExecutor[Any, Any]) -> Instance:
    instance = task.executor_instance
    assert instance is not None, "no instance: prepare it first"
    return instance


def has_packages(instance: Instance, packages: Sequence[str]) -> bool:
    """Whether all of some packages are installed in an instance."""
    done = instance.run(
        ["dpkg-query", "--show", "--showformat=${db:Status-Status}\\n", *packages],
        run_as_root=True,
    )
    states = done.stdout.decode(errors="replace").split()
    return done.returncode == 0 and set(states) == {"installed"}
