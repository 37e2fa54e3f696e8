# SPDX-License-Identifier: GPL-3.0-or-later
"""Show how two versions of a package differ."""

from __future__ import annotations

import tempfile
from pathlib import Path

from typing_extensions import override

from debusine.artifacts.files import LocalArtifact
from debusine.artifacts.kinds.binary_package import BinaryPackage
from debusine.artifacts.kinds.debdiff import Debdiff as DebdiffKind
from debusine.artifacts.kinds.debdiff import DebdiffData as DebdiffReportData
from debusine.artifacts.kinds.source_package import SourcePackage
from debusine.artifacts.kinds.upload import Upload
from debusine.domain import tags
from debusine.domain.action_key import Network
from debusine.tasks.debdiff_data import (
    BINARY_PREFIX,
    DEBDIFF_GUIDE,
    SOURCE_PREFIX,
    DebdiffData,
    DebdiffDynamicData,
)
from debusine.tasks.debdiff_sides import (
    Side,
    arguments,
    compare,
    file_to_compare,
    source_names,
)
from debusine.tasks.inputs.inputs import EnvironmentInput, MultiInputList, SingleInputList, Stage
from debusine.tasks.report import ReportTask


class Debdiff(ReportTask[DebdiffData, DebdiffDynamicData]):
    """Compares two source packages, or two sets of binary packages."""

    TASK_VERSION = 1
    GUIDE = DEBDIFF_GUIDE
    NETWORK = Network.APT
    CAPTURE_OUTPUT_FILENAME = DebdiffKind.file_name
    PACKAGES = ("devscripts", "diffstat", "patchutils", "wdiff")
    # 1: they differ
    GOOD_STATUSES = frozenset({0, 1})

    source_artifacts = SingleInputList(
        field="input.source_artifacts",
        stage=Stage.PENDING,
        categories=[SourcePackage.category],
        verbose_name="Source packages",
    )
    binary_artifacts = MultiInputList(
        field="input.binary_artifacts",
        stage=Stage.PENDING,
        categories=[Upload.category, BinaryPackage.category],
        verbose_name="Binary packages",
    )
    environment = EnvironmentInput()

    @override
    def post_init(self) -> None:
        super().post_init()
        self._sides: list[list[Path]] = []

    # what the server asks

    @property
    def _inputs(self) -> list[Side]:
        """The old artifacts, then the new ones."""
        if self.source_artifacts:
            return [[artifact] for artifact in self.source_artifacts]
        return [found.artifacts for found in self.binary_artifacts]

    @override
    def get_subject(self) -> str | None:
        if self.source_artifacts:
            return SOURCE_PREFIX + source_names(self.source_artifacts[:1])[0]
        names = source_names(*self._inputs)
        return BINARY_PREFIX + names[0] if len(names) == 1 else None

    @override
    def compute_system_provided_tags(self) -> set[str]:
        own = {tags.source_package_tag(name) for name in source_names(self.source_artifacts[:1])}
        return super().compute_system_provided_tags() | own

    @override
    def compute_dynamic_data(self) -> DebdiffDynamicData:
        old, new = self._inputs
        are_sources = bool(self.source_artifacts)
        ids = [[number for one in side for number in one.resolved_ids()] for side in (old, new)]
        found = compare(old, new)
        return DebdiffDynamicData(
            subject=self.get_subject(),
            parameter_summary=found.summary(
                "source" if are_sources else self.data.build_architecture
            ),
            environment_id=self.environment.artifact_id,
            input_source_artifacts_ids=[number for [number] in ids] if are_sources else None,
            input_binary_artifacts_ids=None if are_sources else ids,
        )

    # the run

    @override
    def fetch_input(self, destination: Path) -> bool:
        assert self.dynamic_data is not None, "no dynamic data"
        for side in self.dynamic_data.sides:
            self._sides.append([self._fetch(number, destination) for number in side])
        return True

    def _fetch(self, number: int, destination: Path) -> Path:
        # both sides may have files of the same name, or even be the same artifact
        directory = Path(tempfile.mkdtemp(prefix=f"{number}_", dir=destination))
        self.fetch_artifact(number, directory)
        return directory

    @override
    def configure_for_execution(self, download_directory: Path) -> bool:
        files: list[list[Path]] = []
        for side in self._sides:
            found = [file_to_compare(directory) for directory in side]
            files.append([path for path in found if path is not None])
            if not files[-1] or None in found:
                return self._refuse("an artifact to compare is neither an upload nor one package")
        self._sides = files
        self._prepare_program()
        return True

    @override
    def _cmdline(self) -> list[str]:
        old, new = self._sides
        return ["debdiff", *dict.fromkeys(self.data.extra_flags), *arguments(old, new)]

    @override
    def _report(self, output: Path) -> LocalArtifact:
        assert self.dynamic_data is not None, "no dynamic data"
        original, new = (" ".join(path.name for path in side) for side in self._sides)
        summary = self.dynamic_data.parameter_summary
        data = DebdiffReportData(
            original=original, new=new, label=f"debdiff {summary}" if summary else None
        )
        return DebdiffKind.from_output(output, data)
