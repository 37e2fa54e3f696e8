# SPDX-License-Identifier: GPL-3.0-or-later
"""``debian:upload``: a .changes and the files it lists."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import model_validator
from typing_extensions import override

from debusine.artifacts.base import ArtifactData, ArtifactKind, NameVersion
from debusine.artifacts.checksums import FileDigests
from debusine.artifacts.deb822 import read_changes, source_of_fields
from debusine.artifacts.files import LocalArtifact, by_name
from debusine.artifacts.rules import check_same_files, only_file
from debusine.domain.category import ArtifactCategory


class UploadData(ArtifactData):
    """What the .changes says."""

    type: Literal["dpkg"]
    changes_fields: dict[str, Any]

    @model_validator(mode="after")
    def _architectures_fit_files(self) -> Self:
        """
        Files of an upload follow from its architectures.

        A source upload may lack the original tarballs.
        """
        names, architectures = self.file_names(), self.architecture_words()
        debs = [name for name in names if name.endswith((".deb", ".udeb"))]
        infos = [name for name in names if name.endswith(".buildinfo")]
        dscs = [name for name in names if name.endswith(".dsc")]
        if architectures == {"source"}:
            others = [name for name in infos if not name.endswith("_source.buildinfo")]
            if unexpected := debs + others:
                message = f"unexpected files in a source-only upload: {sorted(unexpected)}"
                raise ValueError(message)
        elif not debs:
            message = f"no .deb or .udeb in an upload for {' '.join(sorted(architectures))}"
            raise ValueError(message)
        if len(dscs) != int("source" in architectures):
            message = f"found {len(dscs)} .dsc files in an upload for {sorted(architectures)}"
            raise ValueError(message)
        return self

    def file_names(self) -> list[str]:
        """
        Names in the field Files, in its order.

        :raises ValueError: if there is no such field, or it has another form
        """
        try:
            return [str(entry["name"]) for entry in self.changes_fields["Files"]]
        except (KeyError, TypeError) as error:
            message = "changes_fields: Files is missing or not a list of entries with a name"
            raise ValueError(message) from error

    def architecture_words(self) -> set[str]:
        """
        Words of the field Architecture.

        :raises ValueError: if there are none
        """
        words = str(self.changes_fields.get("Architecture", "")).split()
        if not words:
            message = "changes_fields: Architecture is missing"
            raise ValueError(message)
        return set(words)


class Upload(ArtifactKind[UploadData]):
    """Exactly one .changes, and exactly the files it lists."""

    category = ArtifactCategory("debian:upload")
    title = "Upload"
    icon = "cloud-upload"

    @classmethod
    @override
    def label(cls, data: UploadData) -> str:
        fields = data.changes_fields
        source = str(fields.get("Source") or "").split()
        if source and "Version" in fields:
            return f"{source[0]}_{fields['Version']}"
        return min(data.file_names())

    @classmethod
    @override
    def check_files(cls, data: UploadData, files: Mapping[str, Path | None]) -> None:
        changes = only_file(cls.title, files, ".changes")
        check_same_files(changes, files, {changes, *data.file_names()})

    @classmethod
    @override
    def content_type(cls, path: str) -> str | None:
        text = path.endswith((".changes", ".dsc", ".buildinfo"))
        return "text/plain; charset=utf-8" if text else None

    @classmethod
    @override
    def source(cls, data: UploadData) -> NameVersion:
        return source_of_fields(data.changes_fields)

    @classmethod
    @override
    def architectures(cls, data: UploadData) -> frozenset[str]:
        return frozenset(data.architecture_words() - {"source"})

    @classmethod
    def from_changes(
        cls, path: Path, *, allow_remote: bool = False, check: bool = True
    ) -> LocalArtifact:
        """
        Make an artifact of a .changes and the files beside it.

        :param allow_remote: files that are not there are declared only; the server
            must have their content already
        :param check: compare the files with what the .changes says of them
        :raises UserError: if the .changes is malformed or does not fit its files
        """
        changes = read_changes(path)
        local = [path.parent / name for name in changes.listed]
        remote: dict[str, FileDigests] = {}
        if allow_remote:
            local = [each for each in local if each.exists()]
            remote = {
                name: FileDigests(size_bytes=listed.size_bytes, hexdigests=listed.hexdigests)
                for name, listed in changes.listed.items()
                if path.parent / name not in local
            }
        if check:
            changes.check_files(only=[each.name for each in local])
        return LocalArtifact(
            category=cls.category,
            data=UploadData(type="dpkg", changes_fields=dict(changes.fields)),
            files=by_name([path, *local]),
            remote_files=remote,
        )
