# SPDX-License-Identifier: GPL-3.0-or-later
"""A task of somebody else's: fetches, runs a command that leaves strays, uploads."""

from __future__ import annotations

import hashlib
from pathlib import Path

from pydantic import Field
from typing_extensions import override

from debusine.artifacts.files import LocalArtifact
from debusine.artifacts.kinds.test import Test, TestData
from debusine.domain.category import ArtifactCategory
from debusine.domain.result import WorkRequestResults
from debusine.tasks import RunCommandTask
from debusine.tasks.inputs.inputs import SingleInput
from debusine.tasks.models import BaseDynamicTaskData, BaseTaskData, LookupSingle


class ProbeData(BaseTaskData):
    """What the probe takes: an artifact, a shell script, bytes to upload."""

    input_artifact: LookupSingle
    script: str = "true"
    upload_mib: int = Field(default=0, ge=0)


class ProbeDynamicData(BaseDynamicTaskData):
    """What was looked up."""

    input_artifact_id: int


class Probe(RunCommandTask[ProbeData, ProbeDynamicData]):
    """Fetch, run, upload."""

    TASK_VERSION = 1
    input_artifact = SingleInput(categories=[ArtifactCategory("debusine:test")])

    @override
    def get_subject(self) -> str | None:
        return None

    @override
    def compute_dynamic_data(self) -> ProbeDynamicData:
        return ProbeDynamicData(input_artifact_id=self.input_artifact.artifact_id)

    @override
    def fetch_input(self, destination: Path) -> bool:
        self.fetch_artifact(self.dynamic_data.input_artifact_id, destination)
        return True

    @override
    def _cmdline(self) -> list[str]:
        return ["sh", "-c", self.data.script]

    @override
    def upload_artifacts(
        self, execute_directory: Path, *, execution_result: WorkRequestResults
    ) -> None:
        big = execute_directory / "big"
        block = hashlib.sha256(str(self.work_request_id).encode()).digest() * 32768
        with big.open("wb") as file:
            for _ in range(self.data.upload_mib):
                file.write(block)
        self.debusine.upload_artifact(
            LocalArtifact(
                category=Test.category,
                data=TestData(),
                files={"big": big},
                content_types={},
            ),
            workspace=self.workspace_name,
            work_request=self.work_request_id,
        )
