# SPDX-License-Identifier: GPL-3.0-or-later
"""``debusine:signing-output``: the signatures asked for."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Self

from pydantic import model_validator
from typing_extensions import override

from debusine.artifacts.base import ArtifactData, ArtifactKind
from debusine.artifacts.rules import check_same_files
from debusine.domain.category import ArtifactCategory
from debusine.domain.key_purpose import KeyPurpose


class SigningResult(ArtifactData):
    """What became of one file: the name of its signature, or why there is none."""

    file: str
    output_file: str | None = None
    error_message: str | None = None

    @model_validator(mode="after")
    def _one_outcome(self) -> Self:
        if (self.output_file is None) == (self.error_message is None):
            message = "exactly one of output_file and error_message must be set"
            raise ValueError(message)
        return self


class SigningOutputData(ArtifactData):
    """Which key signed what."""

    purpose: KeyPurpose
    fingerprint: str
    results: list[SigningResult]
    binary_package_name: str | None = None


class SigningOutput(ArtifactKind[SigningOutputData]):
    """One file per signature."""

    category = ArtifactCategory("debusine:signing-output")
    title = "Signing output"
    icon = "patch-check"

    @classmethod
    @override
    def label(cls, data: SigningOutputData) -> str:
        name = data.binary_package_name
        return f"signatures of {name}" if name else "signatures"

    @classmethod
    @override
    def check_files(cls, data: SigningOutputData, files: Mapping[str, Path | None]) -> None:
        expected = {each.output_file for each in data.results if each.output_file is not None}
        check_same_files(cls.title, files, expected)

    @classmethod
    @override
    def content_type(cls, path: str) -> str:
        return "application/octet-stream"
