# SPDX-License-Identifier: GPL-3.0-or-later
"""Run a work request of a server on this machine, with its inputs and its environment."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from debusine.cli.progress import Screen
from debusine.domain.tags import task_version_tag
from debusine.domain.work_request import TaskTypes
from debusine.errors import NotFoundError, NotPossibleError, UpstreamError
from debusine.tasks import BaseExternalTask
from debusine.tasks.errors import TaskConfigError
from debusine.wire.artifact import ArtifactResponse
from debusine.wire.reproduction import REPORT, Reproduction, ReproductionOrder
from debusine.wire.work_request import WorkRequest

_PROGRAM = "debusine.worker.reproduction"
_BLOCK_BYTES = 64 * 1024
_SHOWN_DIGITS = 16


def make_task(request: WorkRequest) -> BaseExternalTask[Any, Any]:
    """
    Make the task of a work request as its worker had it, inputs resolved.

    :raises NotPossibleError: if it is none that can run here, or another version of it
    """
    if request.task_type is not TaskTypes.WORKER:
        raise NotPossibleError(
            f"work request {request.id} is a task of type {request.task_type.value}",
            resolution="Only tasks of workers can be run again elsewhere: others need the server"
            " or its keys.",
        )
    if request.dynamic_task_data is None:
        raise NotPossibleError(
            f"work request {request.id} has not been given to a worker yet",
            resolution="Its inputs are not known before. `debusine why` says what it waits for.",
        )
    try:
        kind = BaseExternalTask.class_from_name(request.task_type, request.task_name)
        task = kind(request.task_data, request.dynamic_task_data)
    except (ValueError, TaskConfigError) as error:
        raise NotPossibleError(
            f"this program cannot run {request.task_name} as the server did", details=str(error)
        ) from error
    _check_version(request, kind)
    return task


def _check_version(request: WorkRequest, kind: type[BaseExternalTask[Any, Any]]) -> None:
    prefix = task_version_tag(kind.TASK_TYPE, kind.name, None).removesuffix("None")
    wanted = [tag for tag in request.scheduler_tags_required if tag.startswith(prefix)]
    if wanted and wanted != [f"{prefix}{kind.TASK_VERSION}"]:
        version = wanted[0].removeprefix(prefix)
        raise NotPossibleError(
            f"work request {request.id} ran version {version} of {kind.name}, and here is version"
            f" {kind.TASK_VERSION}",
            resolution="Use the release of this program that its workers had.",
        )


class ArtifactPort(Protocol):
    """What finding inputs takes from a client."""

    def artifact_get(self, artifact_id: int) -> ArtifactResponse:
        """Show an artifact."""
        ...


def find_inputs(client: ArtifactPort, task: BaseExternalTask[Any, Any]) -> list[ArtifactResponse]:
    """
    Show the artifacts that a task reads, each once.

    :raises NotPossibleError: if one is not there any more
    """
    found = []
    for number in dict.fromkeys(task.get_input_artifacts_ids()):
        try:
            found.append(client.artifact_get(number))
        except NotFoundError as error:
            raise NotPossibleError(
                f"artifact {number}, which it took, is not there any more, or not for you",
                details=error.explain(),
            ) from error
    return found


def describe_input(artifact: ArtifactResponse) -> Iterator[str]:
    """An artifact and what its files are known by, a line each."""
    yield f"artifact {artifact.id}, {artifact.category}"
    for name, file in artifact.files.items():
        yield f"  {name} sha256:{file.checksums.get('sha256', '')[:_SHOWN_DIGITS]}"


def make_output(directory: Path) -> Path:
    """
    Make the directory that takes what comes out.

    :raises NotPossibleError: if it is not empty, or cannot be made
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
        if any(directory.iterdir()):
            raise NotPossibleError(
                f"{directory} is not empty", resolution="Name another with --output."
            )
    except OSError as error:
        raise NotPossibleError(f"cannot use {directory}: {error.strerror}") from error
    return directory.absolute()


def run_here(order: ReproductionOrder, screen: Screen) -> Reproduction:
    """
    Run a task as an agent does and show its log.

    An interrupt stops it, has everything removed and goes on as ``KeyboardInterrupt``.

    :raises NotPossibleError: if the code of workers is not installed
    :raises UpstreamError: if it could not be run
    """
    if importlib.util.find_spec(_PROGRAM) is None:
        raise NotPossibleError(
            "the code that runs tasks is not installed here",
            resolution="Install the worker; it need not be connected to a server.",
        )
    with (
        subprocess.Popen(
            [sys.executable, "-P", "-m", _PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as process,
        _stop_at_interrupt(process),
    ):
        status = _converse(process, order, screen)
    if status != 0:
        raise UpstreamError(
            "the task could not be run here", resolution="What went wrong stands above."
        )
    return Reproduction.model_validate_json((Path(order.output) / REPORT).read_bytes())


def _converse(process: subprocess.Popen[bytes], order: ReproductionOrder, screen: Screen) -> int:
    """Give the order, show the log; returns the exit status."""
    assert process.stdin is not None, "it was asked for"
    assert process.stdout is not None, "it was asked for"
    with process.stdin as stdin:
        stdin.write(order.model_dump_json().encode())
    while data := os.read(process.stdout.fileno(), _BLOCK_BYTES):
        screen.log(data)
    screen.log_end()
    return process.wait()


@contextlib.contextmanager
def _stop_at_interrupt(process: subprocess.Popen[bytes]) -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        process.terminate()
        process.wait()
        raise


@dataclass(frozen=True, kw_only=True, slots=True)
class FileComparison:
    """
    Files that both runs made, by category and name; and what only one of them made.

    :param same: how many are equal, byte for byte
    :param different: names of the others
    :param only_there: names of files that were not made here
    :param only_here: names of files that were made only here
    """

    same: int
    different: list[str]
    only_there: list[str]
    only_here: list[str]


def compare_files(
    there: Sequence[ArtifactResponse], here: Reproduction, *, ignored: frozenset[str] = frozenset()
) -> FileComparison:
    """
    Compare by hash what two runs made.

    :param ignored: categories of artifacts that tell of the run itself
    """
    theirs = _digests(there, ignored)
    ours = _digests(here.artifacts, ignored)
    both = [key for key in theirs if key in ours]
    return FileComparison(
        same=sum(theirs[key] == ours[key] for key in both),
        different=[
            name for category, name in both if theirs[category, name] != ours[category, name]
        ],
        only_there=[name for category, name in theirs if (category, name) not in ours],
        only_here=[name for category, name in ours if (category, name) not in theirs],
    )


def _digests(artifacts: Sequence[Any], ignored: frozenset[str]) -> dict[tuple[str, str], str]:
    return {
        (artifact.category, name): file.checksums.get("sha256", "")
        for artifact in artifacts
        if artifact.category not in ignored
        for name, file in artifact.files.items()
    }
