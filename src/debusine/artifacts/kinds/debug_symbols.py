# SPDX-License-Identifier: GPL-3.0-or-later
"""``debian:debug-symbols``: debug information of a package, by build-id."""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Annotated

from pydantic import AfterValidator, Field
from typing_extensions import override

from debusine.artifacts.base import ArtifactData, ArtifactKind
from debusine.artifacts.deb import open_member
from debusine.artifacts.files import LocalArtifact
from debusine.artifacts.rules import check_same_files
from debusine.domain.category import ArtifactCategory
from debusine.errors import UserError

_DIRECTORY = PurePosixPath("usr/lib/debug/.build-id")
_MEMBER = re.compile(r"([0-9a-f]{2})/([0-9a-f]{38})\.debug")


def _unique(build_ids: list[str]) -> list[str]:
    if len(set(build_ids)) != len(build_ids):
        message = "a build-id is given twice"
        raise ValueError(message)
    return build_ids


class DebugSymbolsData(ArtifactData):
    """The build-ids, each 40 hexadecimal digits."""

    build_ids: Annotated[
        list[Annotated[str, Field(pattern=r"^[0-9a-f]{40}$")]], AfterValidator(_unique)
    ]


class DebugSymbols(ArtifactKind[DebugSymbolsData]):
    """One file per build-id, called by it."""

    category = ArtifactCategory("debian:debug-symbols")
    title = "Debug symbols"
    icon = "bug"

    @classmethod
    @override
    def label(cls, data: DebugSymbolsData) -> str:
        count = len(data.build_ids)
        return f"debug-symbols ({count} build-id{'' if count == 1 else 's'})"

    @classmethod
    @override
    def check_files(cls, data: DebugSymbolsData, files: Mapping[str, Path | None]) -> None:
        check_same_files(cls.title, files, data.build_ids)

    @classmethod
    @override
    def content_type(cls, path: str) -> str:
        return "application/octet-stream"

    @classmethod
    def from_deb(cls, path: Path, directory: Path) -> LocalArtifact | None:
        """
        Extract the debug information of a package.

        Supplements shared by several build-ids (DWZ) are not among them.

        :param path: a ``-dbgsym`` package, .deb or .ddeb
        :param directory: where to extract to; must exist
        :returns: None if it holds none
        :raises UserError: if the package is damaged or lays out its files otherwise
        """
        files: dict[str, Path] = {}
        with open_member(path, "data.tar") as archive:
            for member in archive:
                name = PurePosixPath(member.name)
                if not member.isreg() or not name.is_relative_to(_DIRECTORY):
                    continue
                match = _MEMBER.fullmatch(name.relative_to(_DIRECTORY).as_posix())
                content = archive.extractfile(member)
                if match is None or content is None:
                    raise UserError(f"{path.name}: unexpected debug information {member.name}")
                build_id = match.group(1) + match.group(2)
                files[build_id] = directory / build_id
                with files[build_id].open("wb") as target:
                    shutil.copyfileobj(content, target, 1024 * 1024)
        if not files:
            return None
        data = DebugSymbolsData(build_ids=sorted(files))
        return LocalArtifact(category=cls.category, data=data, files=files)
