# SPDX-License-Identifier: GPL-3.0-or-later
"""Which artifacts a build becomes, and how they relate."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from debusine.artifacts.base import NameVersion
from debusine.artifacts.files import LocalArtifact
from debusine.artifacts.kinds.binary_package import BinaryPackage
from debusine.artifacts.kinds.build_log import BuildLog
from debusine.artifacts.kinds.debug_symbols import DebugSymbols
from debusine.artifacts.kinds.signing_input import SigningInput
from debusine.artifacts.kinds.upload import Upload
from debusine.artifacts.relation import RelationType
from debusine.tasks.sbuild_data import BuildComponent, SbuildData
from debusine.tasks.sbuild_output import find_build_log, read_dose_report

if TYPE_CHECKING:
    from debusine.client.debusine import Debusine


@dataclass(frozen=True, slots=True, kw_only=True)
class SbuildUpload:
    """
    Uploads the artifacts of one build.

    :param source: the package that was built
    :param source_ids: artifacts that the build used
    """

    client: Debusine
    workspace: str | None
    work_request: int | None
    data: SbuildData
    source: NameVersion
    source_ids: list[int]

    def build_log(self, directory: Path, *, explain: bool) -> int | None:
        """
        Upload the log.

        :param explain: look in it for why build dependencies could not be installed
        :returns: the artifact; None if there is no log
        """
        log = find_build_log(directory)
        if log is None:
            return None
        artifact = BuildLog.from_log(
            log,
            self.source,
            architecture=self.data.host_architecture_label,
            bd_uninstallable=read_dose_report(log) if explain else None,
        )
        number = self._upload(artifact)
        self._relate(number, self.source_ids, RelationType.RELATES_TO)
        return number

    def packages(self, directory: Path, scratch: Path, log_id: int | None) -> None:
        """
        Upload what a successful build made.

        :param scratch: for extracted debug symbols; made, and removed again
        :param log_id: artifact of the log
        """
        binaries: list[int] = []
        for deb in self._debs(directory):
            number = self._upload(BinaryPackage.from_deb(deb))
            binaries.append(number)
            self._relate(number, self.source_ids, RelationType.BUILT_USING)
            self._relate_log(log_id, number)
            self._debug_symbols(deb, number, scratch)
        for changes in sorted(directory.glob("*.changes")):
            # the files were compared with what it says a moment ago
            upload = self._upload(Upload.from_changes(changes, check=False))
            self._relate(upload, binaries, RelationType.EXTENDS)
            self._relate(upload, binaries, RelationType.RELATES_TO)
            self._relate_log(log_id, upload)
            signing_input = self._upload(SigningInput.from_files([changes]))
            self._relate(signing_input, [upload], RelationType.RELATES_TO)

    def _debs(self, directory: Path) -> list[Path]:
        """Packages of the components asked for, sorted by name."""
        wanted = []
        if BuildComponent.ANY in self.data.build_components:
            wanted.append(self.data.build_architecture)
        if BuildComponent.ALL in self.data.build_components:
            wanted.append("all")
        return sorted(
            path
            for architecture in wanted
            for suffix in ("deb", "udeb")
            for path in directory.glob(f"*_{architecture}.{suffix}")
        )

    def _debug_symbols(self, deb: Path, number: int, scratch: Path) -> None:
        """Upload the debug symbols that belong to a package, by build-id."""
        package, _, rest = deb.stem.partition("_")
        for sibling in (f"{package}-dbgsym_{rest}.deb", f"{package}-dbgsym_{rest}.ddeb"):
            path = deb.with_name(sibling)
            if not path.is_file():
                continue
            scratch.mkdir()
            try:
                artifact = DebugSymbols.from_deb(path, scratch)
                if artifact is not None:
                    self._relate(self._upload(artifact), [number], RelationType.RELATES_TO)
            finally:
                shutil.rmtree(scratch)

    def _upload(self, artifact: LocalArtifact) -> int:
        created = self.client.upload_artifact(
            artifact, workspace=self.workspace, work_request=self.work_request
        )
        return created.id

    def _relate(self, artifact: int, targets: Iterable[int], relation: RelationType) -> None:
        for target in targets:
            self.client.relation_create(artifact, target, relation)

    def _relate_log(self, log_id: int | None, target: int) -> None:
        if log_id is not None:
            self._relate(log_id, [target], RelationType.RELATES_TO)
