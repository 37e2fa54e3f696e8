# SPDX-License-Identifier: GPL-3.0-or-later
"""
Look files up in an archive as if it were unpacked, without unpacking it.

Archives of strangers hold symbolic links out of the tree, devices, and paths with
``..``: none of them can do harm where nothing but chosen regular files is written.
"""

from __future__ import annotations

import tarfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO, Self

from debusine.util.tar import CHUNK_BYTES, ArchiveError, Limits

MAX_LINKS = 40
MAX_TEXT_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True, kw_only=True, slots=True)
class TarTree:
    """
    A directory tree in an archive.

    :param members: by path from the root of the tree, which itself is not among them
    """

    archive: tarfile.TarFile
    members: Mapping[str, tarfile.TarInfo] = field(repr=False)

    @classmethod
    @contextmanager
    def open(cls, path: Path, *, limits: Limits | None = None) -> Iterator[Self]:
        """
        Read which members an uncompressed archive has.

        :raises ArchiveError: if it is damaged, has too many members, or a path leads out
        """
        try:
            with tarfile.open(path, mode="r:") as archive:
                yield cls(archive=archive, members=_members(archive, limits or Limits()))
        except (tarfile.TarError, EOFError) as error:
            raise ArchiveError(f"cannot read {path.name}: {error}") from error

    def below(self, directory: str) -> Self:
        """
        The tree whose root is a directory of this one; links must not leave that.

        :raises ArchiveError: if there is no such directory
        """
        root = self._resolve(directory)
        if root is None or (root and not self.members[root].isdir()):
            raise ArchiveError(f"no such directory: {directory}")
        start = f"{root}/" if root else ""
        members = {
            path.removeprefix(start): member
            for path, member in self.members.items()
            if path.startswith(start)
        }
        return type(self)(archive=self.archive, members=members)

    def has(self, path: str) -> bool:
        """
        Whether there is anything at a path, be it a link that leads nowhere.

        :raises ArchiveError: if a link on the way leads out of the tree
        """
        pure = PurePosixPath(path)
        parent = self._resolve(str(pure.parent))
        return parent is not None and str(PurePosixPath(parent, pure.name)) in self.members

    def check_links(self) -> None:
        """
        Insist on a tree of files, directories, and links that stay inside.

        :raises ArchiveError: naming what is something else
        """
        for path, member in self.members.items():
            if member.issym():
                self._resolve(path)
            elif not (member.isreg() or member.isdir()):
                raise ArchiveError(f"neither file nor directory nor symbolic link: {path}")

    def file(self, path: str) -> tarfile.TarInfo:
        """
        Find a regular file, symbolic links followed.

        :raises ArchiveError: if there is none, or a link leads out of the tree
        """
        found = self._resolve(path)
        if not found:
            raise ArchiveError(f"no such file: {path}")
        member = self.members[found]
        if not member.isreg():
            raise ArchiveError(f"not a regular file: {path}")
        return member

    def read(self, path: str, *, max_bytes: int = MAX_TEXT_BYTES) -> bytes:
        """
        Content of a small file.

        :raises ArchiveError: see :meth:`file`; or if it is larger than ``max_bytes``
        """
        member = self.file(path)
        if member.size > max_bytes:
            raise ArchiveError(f"{path} is larger than {max_bytes} bytes")
        with self.stream(member) as stream:
            return stream.read()

    def text(self, path: str) -> str:
        """
        Content of a small file of text.

        :raises ArchiveError: see :meth:`read`; or if it is not UTF-8
        """
        try:
            return self.read(path).decode("utf-8")
        except UnicodeDecodeError as error:
            raise ArchiveError(f"{path} is not UTF-8 text: {error.reason}") from error

    def copy(self, path: str, target: Path) -> None:
        """
        Write a file, in directories that are made if need be.

        :raises ArchiveError: see :meth:`file`
        """
        member = self.file(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        with self.stream(member) as stream, target.open("xb") as output:
            while chunk := stream.read(CHUNK_BYTES):
                output.write(chunk)

    def stream(self, member: tarfile.TarInfo) -> IO[bytes]:
        """Content of a regular file."""
        stream = self.archive.extractfile(member)
        assert stream is not None, "regular files have content"
        return stream

    def _resolve(self, path: str) -> str | None:
        """
        Follow symbolic links.

        :returns: path of a member that is no link, empty for the root; None if there is nothing
        :raises ArchiveError: if the way leads out of the tree, though there be nothing
        """
        todo = list(reversed(_parts(path)))
        at: list[str] = []
        links = 0
        while todo:
            part = todo.pop()
            if part == "..":
                if not at:
                    raise ArchiveError(f"leads out of its directory: {path}")
                at.pop()
                continue
            at.append(part)
            member = self.members.get("/".join(at))
            if member is None or not member.issym():
                continue
            links += 1
            if links > MAX_LINKS:
                raise ArchiveError(f"too many symbolic links: {path}")
            at.pop()
            if member.linkname.startswith("/"):
                raise ArchiveError(f"leads out of its directory: {path} -> {member.linkname}")
            todo.extend(reversed(_parts(member.linkname)))
        found = "/".join(at)
        return found if not found or found in self.members else None


def _parts(path: str) -> tuple[str, ...]:
    return PurePosixPath(path).parts


def _members(archive: tarfile.TarFile, limits: Limits) -> dict[str, tarfile.TarInfo]:
    found: dict[str, tarfile.TarInfo] = {}
    total = 0
    for count, member in enumerate(archive, start=1):
        total += member.size
        if count > limits.members or total > limits.size_bytes:
            raise ArchiveError(
                f"holds more than {limits.members} members or {limits.size_bytes} bytes"
            )
        parts = _parts(member.name)
        if ".." in parts or member.name.startswith("/"):
            raise ArchiveError(f"path leads out of the archive: {member.name}")
        if not parts:
            continue
        path = "/".join(parts)
        if path in found:
            raise ArchiveError(f"stands in the archive twice: {path}")
        found[path] = member
    return found
