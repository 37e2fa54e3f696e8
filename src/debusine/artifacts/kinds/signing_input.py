# SPDX-License-Identifier: GPL-3.0-or-later
"""``debusine:signing-input``: files that shall be signed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from typing_extensions import override

from debusine.artifacts.base import ArtifactData, ArtifactKind
from debusine.artifacts.files import LocalArtifact, by_name
from debusine.domain.category import ArtifactCategory
from debusine.errors import UserError


class SigningInputData(ArtifactData):
    """
    Who may ask for it.

    :param trusted_certs: SHA-256 fingerprints, each of which the signing service must trust
    """

    trusted_certs: list[str] | None = None
    binary_package_name: str | None = None


class SigningInput(ArtifactKind[SigningInputData]):
    """At least one file."""

    category = ArtifactCategory("debusine:signing-input")
    title = "Signing input"
    icon = "pen"

    @classmethod
    @override
    def label(cls, data: SigningInputData) -> str:
        name = data.binary_package_name
        return f"signing input of {name}" if name else "signing input"

    @classmethod
    @override
    def check_files(cls, data: SigningInputData, files: Mapping[str, Path | None]) -> None:
        if not files:
            raise UserError(f"{cls.title} needs at least one file")

    @classmethod
    @override
    def content_type(cls, path: str) -> str:
        return "application/octet-stream"

    @classmethod
    def from_files(cls, paths: Iterable[Path]) -> LocalArtifact:
        """
        Make an artifact of files, each under its own name.

        :raises UserError: if there are none
        """
        return LocalArtifact(category=cls.category, data=SigningInputData(), files=by_name(paths))
