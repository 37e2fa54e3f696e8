# SPDX-License-Identifier: GPL-3.0-or-later
"""
Read the distribution from a source package's changelog, without unpacking anything.

Archives come from untrusted hands: they are read as streams, within limits, and
nothing is written.
"""

from __future__ import annotations

import gzip
import re
import tarfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import zstandard

from debusine.errors import UserError

MAX_MEMBERS = 200_000
MAX_CHANGELOG_BYTES = 64 * 1024
MAX_LINE_BYTES = 64 * 1024
MAX_DIFF_BYTES = 256 * 1024 * 1024

_HEADER = re.compile(
    r"^(?P<name>[a-z0-9][a-z0-9+.-]*) \((?P<version>[^)\s]+)\)(?P<distributions>(?:\s+[\w+.-]+)+);",
    re.IGNORECASE,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class ChangelogEntry:
    """The first line of a changelog."""

    name: str
    version: str
    distribution: str


def parse_changelog(lines: Iterable[str]) -> ChangelogEntry | None:
    """
    Read the newest entry.

    >>> parse_changelog(["hello (2.10-3) unstable; urgency=medium"]).distribution
    'unstable'
    """
    for line in lines:
        match = _HEADER.match(line)
        if match:
            return ChangelogEntry(
                name=match["name"],
                version=match["version"],
                distribution=match["distributions"].split()[0],
            )
        if line.strip():
            return None
    return None


def read_changelog(path: Path) -> ChangelogEntry:
    """
    Read ``debian/changelog`` of a tree.

    :raises UserError: if it is missing or malformed
    """
    try:
        with path.open("rb") as file:
            text = file.read(MAX_CHANGELOG_BYTES).decode(errors="replace")
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}") from error
    entry = parse_changelog(text.splitlines())
    if entry is None:
        raise UserError(
            f"{path} does not begin with an entry as deb-changelog(5) wants it",
            resolution="Mend the first line: NAME (VERSION) DISTRIBUTION; urgency=medium",
        )
    return entry


def find_changelog(files: Iterable[Path]) -> ChangelogEntry | None:
    """
    Find the newest entry in the files of a source package.

    :param files: the archives and diffs that a .dsc lists
    :returns: None if there is none that can be read
    """
    paths = list(files)
    for path in sorted(paths, key=_rank):
        try:
            if path.name.endswith(".diff.gz"):
                entry = parse_changelog(_from_diff(path))
            elif ".tar." in path.name and not path.name.endswith(".asc"):
                entry = _from_tar(path)
            else:
                entry = None
        except (OSError, EOFError, tarfile.TarError, zstandard.ZstdError, ValueError):
            # the server and dpkg-source judge damaged files; here it is only about a default
            entry = None
        if entry is not None:
            return entry
    return None


def _rank(path: Path) -> int:
    if ".debian.tar." in path.name or path.name.endswith(".diff.gz"):
        return 0
    return 2 if ".orig" in path.name else 1


def _from_diff(path: Path) -> Iterator[str]:
    inside = False
    left = MAX_DIFF_BYTES
    with gzip.open(path) as stream:
        while left > 0 and (raw := stream.readline(MAX_LINE_BYTES)):
            left -= len(raw)
            line = raw.decode(errors="replace")
            if line.startswith("+++ "):
                inside = line.split("\t")[0].strip().endswith("/debian/changelog")
            elif inside and line.startswith("+"):
                yield line[1:]


def _from_tar(path: Path) -> ChangelogEntry | None:
    with _open_tar(path) as archive:
        for count, member in enumerate(archive):
            parts = [part for part in member.name.split("/") if part != "."]
            if member.isfile() and parts[-2:] == ["debian", "changelog"] and len(parts) <= 3:  # noqa: PLR2004  TOP/debian/changelog
                file = archive.extractfile(member)
                text = file.read(MAX_CHANGELOG_BYTES).decode(errors="replace") if file else ""
                return parse_changelog(text.splitlines())
            if count > MAX_MEMBERS:
                break
    return None


def _open_tar(path: Path) -> tarfile.TarFile:
    if path.suffix == ".zst":
        stream = zstandard.ZstdDecompressor().stream_reader(path.open("rb"), closefd=True)
        return tarfile.open(fileobj=stream, mode="r|")
    return tarfile.open(path, mode="r|*")
