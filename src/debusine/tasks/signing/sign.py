# SPDX-License-Identifier: GPL-3.0-or-later
"""Sign files, for UEFI or with OpenPGP."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, Field
from typing_extensions import override

from debusine.artifacts.files import LocalArtifact, below
from debusine.artifacts.kinds.signing_input import SigningInput, SigningInputData
from debusine.artifacts.kinds.signing_output import SigningOutput, SigningOutputData, SigningResult
from debusine.domain.key_purpose import KeyPurpose
from debusine.domain.result import WorkRequestResults
from debusine.errors import DebusineError, PermissionDeniedError
from debusine.tasks.guide import Guide
from debusine.tasks.inputs.inputs import MultiInput, Stage
from debusine.tasks.models import BaseDynamicTaskData, BaseTaskData, LookupMultiple
from debusine.tasks.signing.base import SigningTask
from debusine.tasks.signing.key_store import Occasion, SigningMode
from debusine.tasks.upload import upload_output

MODE_OF_PURPOSE = {
    KeyPurpose.UEFI: SigningMode.DETACHED,
    KeyPurpose.OPENPGP_UPLOAD: SigningMode.CLEAR,
}
KERNEL_MODULE = ".ko"
SKIPPED = "Skipped kernel module (not yet supported)"
SUFFIX = ".sig"
SIGN_LOG = "sign.log"


def _signs_files(purpose: KeyPurpose) -> KeyPurpose:
    if purpose not in MODE_OF_PURPOSE:
        message = f"keys for {purpose.value} sign indexes only, with signrepositoryindex"
        raise ValueError(message)
    return purpose


class SignData(BaseTaskData):
    """
    What is submitted for ``sign``.

    :param purpose: of the key
    :param unsigned: signing inputs
    :param key: fingerprint
    """

    purpose: Annotated[KeyPurpose, AfterValidator(_signs_files)]
    unsigned: LookupMultiple
    key: str


class SignDynamicData(BaseDynamicTaskData):
    """
    What the server found out for ``sign``.

    :param unsigned_ids: signing inputs
    :param unsigned_binary_package_names: package that each of them is for, if it is for one
    """

    unsigned_ids: list[int] = Field(default_factory=list)
    unsigned_binary_package_names: list[str | None] = Field(default_factory=list)

    @override
    def get_input_artifacts_ids(self) -> list[int]:
        return [*super().get_input_artifacts_ids(), *self.unsigned_ids]


class Sign(SigningTask[SignData, SignDynamicData]):
    """Signs every file of some signing inputs."""

    TASK_VERSION = 1
    GUIDE = Guide(
        example="""
            purpose: uefi
            unsigned: [421]
            key: 6E3F0C1B7A2D4C5E8F90A1B2C3D4E5F60718293A4B5C6D7E8F9001122334455
        """,
        results={
            WorkRequestResults.SUCCESS: "at least one file was signed, and all others but kernel"
            " modules",
            WorkRequestResults.FAILURE: "otherwise",
        },
        limits="A key for repositories signs indexes only, with `signrepositoryindex`. Nothing is"
        " signed unless every certificate in `trusted_certs` of the inputs is one that the"
        " signing service trusts, the server gives leave for the key and each input, and the"
        " signing service holds the key. What is missing stands in `fetch_input.log`.",
    )
    CAPABILITIES = {"available:uefi": "sbsign"}  # noqa: RUF012  never changed

    unsigned = MultiInput(categories=[SigningInput.category], stage=Stage.PENDING)

    @override
    def post_init(self) -> None:
        super().post_init()
        self.occasions: dict[int, Occasion] = {}
        self.inputs_data: dict[int, SigningInputData] = {}
        self.results: dict[int, list[SigningResult]] = {}

    @override
    def needed_tools(self) -> dict[str, str]:
        return super().needed_tools() if self.data.purpose is KeyPurpose.UEFI else {}

    @override
    def get_subject(self) -> str | None:
        names = {name for name in self._package_names() if name is not None}
        return names.pop() if len(names) == 1 else None

    def _package_names(self) -> list[str | None]:
        return [
            item.data.binary_package_name if isinstance(item.data, SigningInputData) else None
            for item in self.unsigned.artifacts
        ]

    @override
    def compute_dynamic_data(self) -> SignDynamicData:
        names = [name for name in self._package_names() if name is not None]
        return SignDynamicData(
            subject=self.get_subject(),
            parameter_summary=", ".join([f"{self.data.purpose.value} key", *names]),
            unsigned_ids=self.unsigned.resolved_ids(),
            unsigned_binary_package_names=self._package_names(),
        )

    # the run

    @override
    def fetch_input(self, destination: Path) -> bool:
        assert self.dynamic_data is not None, "no dynamic data"
        for artifact_id in self.dynamic_data.unsigned_ids:
            artifact = self.fetch_artifact(artifact_id, destination / str(artifact_id))
            data = SigningInputData.model_validate(artifact.data)
            self._check_trust(artifact_id, data)
            self.occasions[artifact_id] = self.ask_leave(
                self.data.purpose, self.data.key, artifact_id=artifact_id
            )
            self.inputs_data[artifact_id] = data
        return True

    def _check_trust(self, artifact_id: int, data: SigningInputData) -> None:
        unknown = sorted(set(data.trusted_certs or ()) - set(self.keys.trusted_certs))
        if unknown:
            raise PermissionDeniedError(
                f"artifact {artifact_id} trusts certificates that this signing service does not: "
                + ", ".join(unknown)
            )

    @override
    def prepare_to_run(self, download_directory: Path, execute_directory: Path) -> None:
        self.download_directory = download_directory

    @override
    def run(self, execute_directory: Path) -> WorkRequestResults:
        for artifact_id in self.inputs_data:
            files = below(self.download_directory / str(artifact_id))
            self.results[artifact_id] = [
                self._sign(artifact_id, path, local, execute_directory / str(artifact_id))
                for path, local in files.items()
            ]
        outcomes = [result for results in self.results.values() for result in results]
        is_signed = any(result.output_file is not None for result in outcomes)
        has_failed = any(result.error_message not in {None, SKIPPED} for result in outcomes)
        good = is_signed and not has_failed
        return WorkRequestResults.SUCCESS if good else WorkRequestResults.FAILURE

    def _sign(self, artifact_id: int, path: str, local: Path, directory: Path) -> SigningResult:
        if path.endswith(KERNEL_MODULE):
            return self._failed(path, SKIPPED)
        target = directory / f"{path}{SUFFIX}"
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            self.keys.sign(
                self.data.purpose,
                [self.data.key],
                MODE_OF_PURPOSE[self.data.purpose],
                source=local,
                target=target,
                occasion=self.occasions[artifact_id],
            )
        except DebusineError as error:
            return self._failed(path, error.explain())
        return SigningResult(file=path, output_file=f"{path}{SUFFIX}")

    def _failed(self, path: str, message: str) -> SigningResult:
        self.append_to_log_file(SIGN_LOG, [f"{path}: {message}"])
        return SigningResult(file=path, error_message=message)

    @override
    def upload_artifacts(
        self, execute_directory: Path, *, execution_result: WorkRequestResults
    ) -> None:
        for artifact_id, results in self.results.items():
            output = self._output(artifact_id, results, execute_directory / str(artifact_id))
            upload_output(self, output, relates_to=[artifact_id])

    def _output(
        self, artifact_id: int, results: list[SigningResult], directory: Path
    ) -> LocalArtifact:
        package = self.inputs_data[artifact_id].binary_package_name
        named: dict[str, Any] = {} if package is None else {"binary_package_name": package}
        return LocalArtifact(
            category=SigningOutput.category,
            data=SigningOutputData(
                purpose=self.data.purpose, fingerprint=self.data.key, results=results, **named
            ),
            files={
                result.output_file: directory / result.output_file
                for result in results
                if result.output_file is not None
            },
        )
