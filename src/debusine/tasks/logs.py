# SPDX-License-Identifier: GPL-3.0-or-later
"""The log files of a task, the artifact that they become, and where output goes live."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Protocol

from debusine.artifacts.files import check_artifact_path
from debusine.artifacts.kinds.debug_logs import DebugLogs
from debusine.artifacts.relation import RelationType

if TYPE_CHECKING:
    from debusine.client.debusine import Debusine

STAGES_LOG = "stages.log"
FETCH_LOG = "fetch_input.log"
CONFIGURE_LOG = "configure_for_execution.log"
RESULT_LOG = "task_result.log"


def how_to_repeat(work_request_id: int) -> str:
    """
    Last line of every log of a task that anybody can run again.

    >>> how_to_repeat(12)
    'To run this again: debusine reproduce 12'
    """
    return f"To run this again: debusine reproduce {work_request_id}"


class LogSender(Protocol):
    """Port: where the output of a running task goes live. The worker implements it."""

    def send(self, data: bytes, stream: str) -> None:
        """
        Send a piece of output; may block, which slows the task down.

        :param data: raw bytes, not necessarily whole lines or UTF-8
        :param stream: ``stdout``, ``stderr`` or ``internal``
        """
        ...

    def send_end(self, exit_code: int) -> None:
        """
        Say that the task ended; never raises.

        :param exit_code: of its last command; -1 if there was none
        """
        ...


class LogDirectory:
    """
    The log files of one task.

    :param directory: holds nothing else; made when it is needed
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def open(self, filename: str, mode: str) -> IO[Any]:
        """
        Open a log file; the same name is the same file.

        :raises UserError: if the name leads out of the directory
        """
        check_artifact_path(filename)
        path = self.directory / filename
        path.parent.mkdir(parents=True, exist_ok=True)
        return path.open(mode) if "b" in mode else path.open(mode, encoding="utf-8")

    def append(self, filename: str, lines: Iterable[str]) -> None:
        """Append lines; what UTF-8 cannot hold is replaced."""
        text = "".join(f"{line}\n" for line in lines)
        with self.open(filename, "ab") as file:
            file.write(text.encode(errors="replace"))

    def delete(self, filename: str) -> None:
        """Delete a log file; it may not exist."""
        (self.directory / filename).unlink(missing_ok=True)

    def upload(
        self,
        client: Debusine | None,
        *,
        workspace: str | None,
        work_request: int | None,
        relates_to: Iterable[int],
        last_line: str | None = None,
    ) -> None:
        """
        Make one artifact of all files and delete them; without files nothing is uploaded.

        :param relates_to: what the task read; may name one twice
        :param last_line: what each log shall end with
        """
        if not self.directory.exists():
            return
        if last_line is not None:
            self._end_each_with(last_line)
        artifact = DebugLogs.from_directory(self.directory)
        if artifact.files:
            assert client is not None, "no access to the server"
            assert workspace is not None, "no workspace"
            uploaded = client.upload_artifact(
                artifact, workspace=workspace, work_request=work_request
            )
            for target in dict.fromkeys(relates_to):
                client.relation_create(uploaded.id, target, RelationType.RELATES_TO)
        shutil.rmtree(self.directory)

    def _end_each_with(self, line: str) -> None:
        for path in sorted(self.directory.rglob("*.log")):
            with path.open("rb+") as file:
                if file.seek(0, os.SEEK_END):
                    file.seek(-1, os.SEEK_END)
                    is_cut = file.read(1) != b"\n"
                    file.write(b"\n" if is_cut else b"")
                file.write(f"{line}\n".encode())
