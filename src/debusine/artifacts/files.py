# SPDX-License-Identifier: GPL-3.0-or-later
"""An artifact on this machine, before the server knows it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from debusine.artifacts.base import ArtifactData, kind_for
from debusine.artifacts.checksums import FileDigests, digest_file
from debusine.domain.category import ArtifactCategory
from debusine.errors import UserError


@dataclass(frozen=True, kw_only=True)
class LocalArtifact:
    """
    An artifact that is about to be created from local files.

    ``debusine.wire.artifact.ArtifactCreate.from_local`` turns it into a request.

    :param data: instance of the data model of the category's kind
    :param files: path in the artifact to the local file
    :param content_types: by path in the artifact, where the kind knows better than
        a guess; filled from the kind when not given
    :param remote_files: content that the server is expected to have already
    :raises UserError: if a file is missing or irregular, a path leaves the artifact
        or the files are not those of the kind
    """

    category: ArtifactCategory
    data: ArtifactData
    files: dict[str, Path]
    content_types: dict[str, str] = field(default_factory=dict)
    remote_files: dict[str, FileDigests] = field(default_factory=dict)

    def __post_init__(self) -> None:
        kind = kind_for(self.category)
        if not isinstance(self.data, kind.data_type):
            message = f"data of {self.category} must be a {kind.data_type.__name__}"
            raise TypeError(message)
        for path, local in self.files.items():
            check_artifact_path(path)
            check_regular_file(local)
        for path in self.remote_files:
            check_artifact_path(path)
            if path in self.files:
                raise UserError(f"{path} is given both as a local and as a remote file")
        of_kind = {path: kind.content_type(path) for path in (*self.files, *self.remote_files)}
        known = {path: content_type for path, content_type in of_kind.items() if content_type}
        object.__setattr__(self, "content_types", known | self.content_types)
        kind.check_files(self.data, {**self.files, **dict.fromkeys(self.remote_files)})

    def digests(self) -> dict[str, FileDigests]:
        """
        Read all local files.

        :returns: by path in the artifact; remote files last
        """
        return {path: digest_file(local) for path, local in self.files.items()} | self.remote_files


def check_artifact_path(path: str) -> None:
    """
    Check the path of a file in an artifact.

    :raises UserError: if it is empty, absolute, not in its shortest form, or climbs out
    """
    parts = PurePosixPath(path).parts
    normal = "/".join(parts) == path
    if not parts or not normal or ".." in parts or path.startswith("/") or "\0" in path:
        raise UserError(f"not a path inside an artifact: {path!r}")


def check_regular_file(local: Path) -> None:
    """
    Check a file that shall become part of an artifact.

    :raises UserError: if it is missing, a symbolic link or no regular file
    """
    if local.is_symlink() or not local.is_file():
        problem = "is not a regular file" if local.exists() or local.is_symlink() else "is missing"
        raise UserError(f"{local} {problem}")


def by_name(paths: Iterable[Path]) -> dict[str, Path]:
    """
    Give each file its bare name as path in the artifact.

    :raises UserError: if two have the same name
    """
    files: dict[str, Path] = {}
    for path in paths:
        if path.name in files:
            raise UserError(f"two files are called {path.name}: {files[path.name]} and {path}")
        files[path.name] = path
    return files


def below(directory: Path) -> dict[str, Path]:
    """
    Every regular file below a directory, by its path from there, sorted.

    Symbolic links and special files are left out.
    """
    return {
        path.relative_to(directory).as_posix(): path
        for path in sorted(directory.rglob("*"))
        if path.is_file() and not path.is_symlink()
    }
