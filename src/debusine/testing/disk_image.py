# SPDX-License-Identifier: GPL-3.0-or-later
"""A fake server whose one environment is a real one, which does not fit into memory well."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path

from typing_extensions import override

from debusine.artifacts.kinds.system_tarball import SystemTarball
from debusine.testing.task_client import FakeTaskClient
from debusine.wire.artifact import ArtifactResponse, FileResponse

ENVIRONMENT_ID = 1
_URL = "https://example.org/"


class DiskImageClient(FakeTaskClient):
    """
    Serves an environment from disk, as artifact 1, and the rest from memory.

    :param tarball: of trixie, for amd64

    >>> DiskImageClient(Path("/nowhere/trixie.tar.zst")).artifact_get(1).data["codename"]
    'trixie'
    """

    def __init__(self, tarball: Path) -> None:
        super().__init__()
        self.tarball = tarball

    @override
    def artifact_get(self, artifact_id: int, *, workspace: str | None = None) -> ArtifactResponse:
        if artifact_id != ENVIRONMENT_ID:
            return super().artifact_get(artifact_id, workspace=workspace)
        size = self.tarball.stat().st_size if self.tarball.exists() else 0
        return ArtifactResponse(
            id=ENVIRONMENT_ID,
            url=_URL,
            scope="debusine",
            workspace="System",
            category=SystemTarball.category,
            created_at=datetime(2026, 1, 1, tzinfo=UTC),
            data={"codename": "trixie", "architecture": "amd64", "vendor": "debian"},
            download_tar_gz_url=_URL,
            files_to_upload=[],
            files={self.tarball.name: FileResponse(size=size, checksums={}, url=_URL)},
        )

    @override
    def download_artifact(
        self,
        artifact_id: int,
        destination: Path,
        *,
        workspace: str | None = None,
        progress: object = None,
    ) -> ArtifactResponse:
        if artifact_id == ENVIRONMENT_ID:
            shutil.copyfile(self.tarball, destination / self.tarball.name)
            return self.artifact_get(artifact_id)
        return super().download_artifact(artifact_id, destination, workspace=workspace)
