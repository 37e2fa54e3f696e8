# SPDX-License-Identifier: GPL-3.0-or-later
"""Take the files out of binary packages that a template wants signed."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from typing_extensions import override

from debusine.artifacts.base import NameVersion
from debusine.artifacts.files import LocalArtifact
from debusine.artifacts.kinds.binary_package import BinaryPackage, BinaryPackageData
from debusine.artifacts.kinds.signing_input import SigningInput, SigningInputData
from debusine.domain.action_key import Network
from debusine.domain.result import WorkRequestResults
from debusine.errors import UserError
from debusine.tasks.extractforsigning_data import (
    EXTRACT_FOR_SIGNING_GUIDE,
    ExtractForSigningData,
    ExtractForSigningDynamicData,
)
from debusine.tasks.inputs.inputs import (
    EnvironmentInput,
    SingleInput,
    Stage,
    UploadArtifactsInput,
)
from debusine.tasks.signing_template import PackageToSign
from debusine.tasks.unpacking import FetchedPackage, fetch_package, unpacked, unpacked_template
from debusine.tasks.upload import upload_output
from debusine.tasks.with_executor import BaseTaskWithExecutor


class ExtractForSigning(BaseTaskWithExecutor[ExtractForSigningData, ExtractForSigningDynamicData]):
    """
    Takes the files out of binary packages that a template wants signed.

    Packages are unpacked inside of the environment, as nobody knows what is in them.
    """

    TASK_VERSION = 1
    GUIDE = EXTRACT_FOR_SIGNING_GUIDE
    NETWORK = Network.NONE

    input_template_artifact = SingleInput(
        field="input.template_artifact",
        stage=Stage.PENDING,
        categories=[BinaryPackage.category],
        verbose_name="Template",
    )
    input_binary_artifacts = UploadArtifactsInput(
        field="input.binary_artifacts",
        categories=[BinaryPackage.category],
        verbose_name="Binary packages",
    )
    environment = EnvironmentInput()

    @override
    def post_init(self) -> None:
        super().post_init()
        self.template: FetchedPackage | None = None
        self.binaries: list[FetchedPackage] = []
        self.extracted: list[tuple[FetchedPackage, LocalArtifact]] = []

    # what the server asks

    @property
    def _template_name_version(self) -> NameVersion:
        data = self.input_template_artifact.data
        assert isinstance(data, BinaryPackageData), "the input checks the category"
        return BinaryPackage.binary(data)

    @override
    def get_subject(self) -> str:
        return self._template_name_version.name

    @override
    def compute_dynamic_data(self) -> ExtractForSigningDynamicData:
        template_id = self.input_template_artifact.artifact_id
        assert template_id is not None, "the template exists"
        name, version = self._template_name_version
        architectures = {
            word
            for binary in self.input_binary_artifacts.artifacts
            if isinstance(binary.data, BinaryPackageData)
            for word in BinaryPackage.architectures(binary.data)
        }
        return ExtractForSigningDynamicData(
            subject=name,
            parameter_summary=f"{name}_{version} ({', '.join(sorted(architectures))})",
            environment_id=self.environment.artifact_id,
            input_template_artifact_id=template_id,
            # an upload and a package of it may both be given
            input_binary_artifacts_ids=list(
                dict.fromkeys(self.input_binary_artifacts.resolved_ids())
            ),
        )

    # the run

    @override
    def fetch_input(self, destination: Path) -> bool:
        assert self.dynamic_data is not None, "no dynamic data"
        template_id = self.dynamic_data.input_template_artifact_id
        self.template = fetch_package(
            self, template_id, destination / "template", key="input.template_artifact"
        )
        self.binaries = [
            # packages of several builds may have files of the same name
            fetch_package(
                self, number, destination / "binary" / str(number), key="input.binary_artifacts"
            )
            for number in self.dynamic_data.input_binary_artifacts_ids
        ]
        return True

    @override
    def configure_for_execution(self, download_directory: Path) -> bool:
        self._prepare_executor_instance()
        return True

    @override
    def run(self, execute_directory: Path) -> WorkRequestResults:
        """Extract all files; what is wrong with the packages is raised."""
        template = self.template
        assert template is not None, "nothing was fetched"
        with unpacked_template(self, template, execute_directory) as (_, metadata):
            wanted = metadata.packages
        for name, package in wanted.items():
            binary = choose_binary(name, self.binaries, template.architectures)
            self.extracted.append((binary, self._extract(binary, package, execute_directory)))
        return WorkRequestResults.SUCCESS

    def _extract(
        self, binary: FetchedPackage, package: PackageToSign, execute_directory: Path
    ) -> LocalArtifact:
        """Extract the files of one package, whose name the template has been checked for."""
        inside = execute_directory / binary.name
        files: dict[str, Path] = {}
        with unpacked(
            self,
            binary.path,
            inside=inside,
            outside=self.get_scratch_directory() / "binary.tar",
        ) as tree:
            for number, path in enumerate(package.paths):
                # what a stranger calls a file is no name for one of ours
                target = execute_directory / "extracted" / binary.name / str(number)
                tree.copy(path, target)
                files[f"{binary.name}/{path}"] = target
        return LocalArtifact(
            category=SigningInput.category,
            data=SigningInputData(
                trusted_certs=package.trusted_certs, binary_package_name=binary.name
            ),
            files=files,
        )

    @override
    def upload_artifacts(
        self, execute_directory: Path, *, execution_result: WorkRequestResults
    ) -> None:
        if execution_result is not WorkRequestResults.SUCCESS:
            return
        assert self.template is not None, "nothing was fetched"
        for binary, artifact in self.extracted:
            about = [self.template.artifact_id, binary.artifact_id]
            upload_output(self, artifact, relates_to=about)


def choose_binary(
    name: str, binaries: Iterable[FetchedPackage], architectures: frozenset[str]
) -> FetchedPackage:
    """
    Find the package that a template names.

    :param architectures: of the template; decides among packages for several
    :raises UserError: if there is none, or no single one
    """
    found = [binary for binary in binaries if binary.name == name]
    if len(found) > 1:
        found = [binary for binary in found if binary.architectures & architectures] or found
    if len(found) == 1:
        return found[0]
    if not found:
        raise UserError(
            f"the template wants files of {name} signed, which is not among the binary packages",
            resolution="Give its artifact, or that of its upload, in input.binary_artifacts.",
        )
    ids = ", ".join(str(binary.artifact_id) for binary in found)
    raise UserError(
        f"several binary packages are called {name}: artifacts {ids}",
        resolution="Give only the one that the template was built with.",
    )
