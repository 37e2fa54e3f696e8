# SPDX-License-Identifier: GPL-3.0-or-later
"""Build a source package of a template and the signatures that it wanted."""

from __future__ import annotations

from pathlib import Path

from typing_extensions import override

from debusine.artifacts.base import parse_data
from debusine.artifacts.deb822 import read_changes, read_dsc
from debusine.artifacts.kinds.binary_package import BinaryPackage, BinaryPackageData
from debusine.artifacts.kinds.signing_output import SigningOutput, SigningOutputData
from debusine.artifacts.kinds.source_package import SourcePackage
from debusine.artifacts.kinds.upload import Upload
from debusine.domain.action_key import Network
from debusine.domain.result import WorkRequestResults
from debusine.errors import UserError
from debusine.tasks.assemblesignedsource_data import (
    ASSEMBLE_SIGNED_SOURCE_GUIDE,
    AssembleSignedSourceData,
    AssembleSignedSourceDynamicData,
)
from debusine.tasks.checks import ensure_artifact_categories
from debusine.tasks.inputs.inputs import (
    EnvironmentInput,
    MultiInput,
    SingleInput,
    Stage,
    UnsignedMultiInput,
)
from debusine.tasks.install import install_missing
from debusine.tasks.sandbox import pull_limited
from debusine.tasks.sbuild_output import consistency_errors
from debusine.tasks.signed_source import Signatures, SourceHead, check_source, write_source
from debusine.tasks.signing_template import SOURCE_TEMPLATE, code_signing_directory
from debusine.tasks.unpacking import LIMITS, FetchedPackage, fetch_package, unpacked_template
from debusine.tasks.upload import upload_output
from debusine.tasks.with_executor import BaseTaskWithExecutor

BUILD_LOG = "build.log"
MAX_CHANGES_BYTES = 32 * 1024 * 1024


class AssembleSignedSource(
    BaseTaskWithExecutor[AssembleSignedSourceData, AssembleSignedSourceDynamicData]
):
    """
    Builds a source package of a template and signatures, and the upload of it.

    The template is unpacked and the source package built inside of the environment, as
    nobody knows what is in them.
    """

    TASK_VERSION = 1
    GUIDE = ASSEMBLE_SIGNED_SOURCE_GUIDE
    USES_APT = True
    NETWORK = Network.APT

    template = SingleInput(stage=Stage.PENDING, categories=[BinaryPackage.category])
    environment = EnvironmentInput(stage=Stage.PENDING)
    signed = MultiInput(categories=[SigningOutput.category], verbose_name="Signatures")
    # for the permission to read what it leads to, and for relations to that
    unsigned = UnsignedMultiInput(field="signed", verbose_name="What was signed")

    @override
    def post_init(self) -> None:
        super().post_init()
        self.fetched_template: FetchedPackage | None = None
        self.signatures = Signatures()
        self.head: SourceHead | None = None

    # what the server asks

    @property
    def _template_data(self) -> BinaryPackageData:
        data = self.template.data
        assert isinstance(data, BinaryPackageData), "the input checks the category"
        return data

    @override
    def get_subject(self) -> str:
        return BinaryPackage.binary(self._template_data).name

    @override
    def compute_dynamic_data(self) -> AssembleSignedSourceDynamicData:
        template_id = self.template.artifact_id
        assert template_id is not None, "the template exists"
        name, version = BinaryPackage.binary(self._template_data)
        architectures = ", ".join(sorted(BinaryPackage.architectures(self._template_data)))
        return AssembleSignedSourceDynamicData(
            subject=name,
            parameter_summary=f"{name}_{version} ({architectures})",
            environment_id=self.environment.artifact_id,
            template_id=template_id,
            signed_ids=self.signed.resolved_ids(),
            unsigned_ids=self.unsigned.resolved_ids(),
        )

    # the run

    @override
    def fetch_input(self, destination: Path) -> bool:
        assert self.dynamic_data is not None, "no dynamic data"
        self.fetched_template = fetch_package(
            self, self.dynamic_data.template_id, destination / "template", key="template"
        )
        for number in dict.fromkeys(self.dynamic_data.signed_ids):
            directory = destination / "signed" / str(number)
            directory.mkdir(parents=True)
            artifact = self.fetch_artifact(number, directory)
            ensure_artifact_categories(
                configuration_key="signed",
                category=artifact.category,
                expected=[SigningOutput.category],
            )
            data = parse_data(artifact.category, artifact.data)
            assert isinstance(data, SigningOutputData), "the category is checked"
            self.signatures.add(data, directory)
        return True

    @override
    def configure_for_execution(self, download_directory: Path) -> bool:
        self._prepare_executor_instance()
        install_missing(self, ["dpkg-dev"])
        return True

    @override
    def run(self, execute_directory: Path) -> WorkRequestResults:
        """Build the source package, and fetch it; what is wrong with the input is raised."""
        archive = self.get_scratch_directory() / "source.tar"
        try:
            self.head = self._write_source(archive, execute_directory)
            changes = self._build(self.head, archive, execute_directory)
        finally:
            archive.unlink(missing_ok=True)
        self._pull(changes, execute_directory)
        return WorkRequestResults.SUCCESS

    def _write_source(self, target: Path, execute_directory: Path) -> SourceHead:
        """Write the archive of the source tree, with all signatures in it."""
        template = self.fetched_template
        assert template is not None, "nothing was fetched"
        directory = f"{code_signing_directory(template.name)}/{SOURCE_TEMPLATE}"
        with unpacked_template(self, template, execute_directory) as (tree, metadata):
            source = tree.below(directory)
            head = check_source(source)
            write_source(source, self.signatures.chosen(metadata), target)
        return head

    def _build(self, head: SourceHead, archive: Path, execute_directory: Path) -> Path:
        """
        Build the source package in the sandbox.

        :returns: the .changes there, with the files that it lists beside it
        """
        instance = self._instance()
        tree = execute_directory / "build" / "source"
        pushed = execute_directory / archive.name
        changes = f"{head.stem}_source.changes"
        owner = instance.non_root_user
        instance.file_push(archive, pushed, user=owner, group=owner)
        there = ["env", f"--chdir={tree}"]
        for command in (
            ["mkdir", "--parents", str(tree)],
            ["tar", "--extract", f"--file={pushed}", f"--directory={tree}"],
            [*there, "dpkg-source", "-b", "."],
            [
                *there, "dpkg-genchanges", "-S", f"-DDistribution={head.distribution}",
                "-UCloses", f"-O../{changes}",
            ],
        ):  # fmt: skip
            self.run_executor_command(command, BUILD_LOG)
        return tree.with_name(changes)

    def _pull(self, changes: Path, execute_directory: Path) -> None:
        """Fetch the .changes and what it lists, whose names are those of files."""
        instance = self._instance()
        local = execute_directory / changes.name
        pull_limited(instance, changes, local, max_bytes=MAX_CHANGES_BYTES)
        for name in read_changes(local).listed:
            pull_limited(
                instance,
                changes.with_name(name),
                execute_directory / name,
                max_bytes=LIMITS.size_bytes,
            )

    @override
    def check_directory_for_consistency_errors(self, build_directory: Path) -> list[str]:
        try:
            return [*consistency_errors(build_directory), *self._wrong_packages(build_directory)]
        except UserError as error:
            return [error.brief]

    def _wrong_packages(self, directory: Path) -> list[str]:
        """Compare what was built with what the changelog promised."""
        assert self.head is not None, "nothing was built"
        expected = self.head.package
        packages = [
            *((path.name, read_dsc(path).package) for path in directory.glob("*.dsc")),
            *((path.name, read_changes(path).package) for path in directory.glob("*.changes")),
        ]
        return [
            f"{name} is about {' '.join(found)}, not {' '.join(expected)}"
            for name, found in packages
            if found != expected
        ]

    @override
    def upload_artifacts(
        self, execute_directory: Path, *, execution_result: WorkRequestResults
    ) -> None:
        if execution_result is not WorkRequestResults.SUCCESS:
            return
        [dsc] = execute_directory.glob("*.dsc")
        [changes] = execute_directory.glob("*.changes")
        source = upload_output(
            self, SourcePackage.from_dsc(dsc), built_using=self._unsigned_packages()
        )
        # the files were compared with what it says a moment ago
        upload_output(self, Upload.from_changes(changes, check=False), extends=[source])

    def _unsigned_packages(self) -> list[int]:
        """Binary packages with files that were signed, of all signatures."""
        return list(
            dict.fromkeys(
                number
                for artifact in self.unsigned.artifacts
                if artifact.category == BinaryPackage.category
                for number in artifact.resolved_ids()
            )
        )
