# SPDX-License-Identifier: GPL-3.0-or-later
"""
Tasks whose results stay on this machine.

The module is also the nursery of such tasks: ``python -m debusine.worker.kept_here FD``.
"""

from __future__ import annotations

import shutil
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from typing_extensions import override

from debusine.artifacts.files import LocalArtifact
from debusine.artifacts.relation import RelationType
from debusine.client.debusine import Debusine
from debusine.client.upload import Progress
from debusine.domain.work_request import TaskTypes
from debusine.tasks import BaseExternalTask
from debusine.wire.artifact import ArtifactCreate, ArtifactResponse, RelationResponse
from debusine.wire.reproduction import KeptArtifact
from debusine.worker import nursery
from debusine.worker.trade import Trade, name_the_way_back

KEPT = "kept"
"""Beside the working directory of the task."""

_MANIFEST = ".json"
_NO_TIME = datetime.fromtimestamp(0, UTC)


class KeptHere(Debusine):
    """A server that is only read: what a task uploads goes to a directory."""

    directory: Path

    @override
    def upload_artifact(
        self,
        artifact: LocalArtifact,
        *,
        workspace: str | None,
        work_request: int | None = None,
        progress: Progress | None = None,
    ) -> ArtifactResponse:
        wanted = ArtifactCreate.from_local(artifact, workspace=workspace)
        number = 1 + sum(1 for _ in self.directory.glob(f"*{_MANIFEST}"))
        name = f"{number}-{artifact.category.replace(':', '-')}"
        for path, local in artifact.files.items():
            target = self.directory / name / path
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(local, target)
        kept = KeptArtifact(directory=name, **wanted.model_dump())
        (self.directory / f"{name}{_MANIFEST}").write_text(kept.model_dump_json())
        return ArtifactResponse(
            # no server gives out such a number
            id=-number,
            url="",
            scope=self.scope or "",
            workspace=workspace or "",
            category=artifact.category,
            created_at=_NO_TIME,
            data=wanted.data,
            download_tar_gz_url="",
            files_to_upload=[],
        )

    @override
    def relation_create(
        self, artifact: int, target: int, relation: RelationType
    ) -> RelationResponse:
        # only a server has use for it
        return RelationResponse(id=0, artifact=artifact, target=target, type=relation)


def read_kept(directory: Path) -> list[KeptArtifact]:
    """Artifacts that were kept in a directory, in their order."""
    found = sorted(directory.glob(f"*{_MANIFEST}"), key=lambda p: int(p.name.partition("-")[0]))
    return [KeptArtifact.model_validate_json(path.read_bytes()) for path in found]


def keep_results(task: BaseExternalTask[Any, Any]) -> None:
    """Let a task upload to the directory beside its working directory."""
    assert task.debusine is not None, "a task has its server before it is equipped"
    kept = KeptHere.over(task.debusine.transport)
    kept.directory = task.get_working_directory().parent / KEPT
    task.configure_server_access(kept)
    name_the_way_back(task)


REPRODUCING = Trade(worker_type="external", task_type=TaskTypes.WORKER, equip=keep_results)
"""Runs tasks of workers for somebody who wants to see for themselves."""


if __name__ == "__main__":
    nursery.main(sys.argv[1:], REPRODUCING)
