# SPDX-License-Identifier: GPL-3.0-or-later
"""
Read .dsc, .changes and .buildinfo files from untrusted hands.

What is read here is used as file names, labels and look-up keys, so names must be a
single path component and sources and versions must have the form Debian Policy gives
them.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from debian import deb822

from debusine.artifacts.base import NameVersion
from debusine.artifacts.checksums import digest_file
from debusine.errors import UserError

MAX_BYTES = 32 * 1024 * 1024
"""Larger files are not read; the largest of Debian's .changes have less than 1 MiB."""

PACKAGE_NAME = re.compile(r"[a-z0-9][a-z0-9+.-]+")
""":source: Debian Policy 5.6.1"""
VERSION = re.compile(r"(?:[0-9]+:)?[A-Za-z0-9][A-Za-z0-9.+~:-]*")
""":source: Debian Policy 5.6.12; a leading letter occurs in old packages"""

_FIELD = re.compile(rb"([^\s:]+)\s*:")
_DIGEST_COLUMNS = {
    "Files": ("md5sum", "md5"),
    "Checksums-Md5": ("md5", "md5"),
    "Checksums-Sha1": ("sha1", "sha1"),
    "Checksums-Sha256": ("sha256", "sha256"),
    "Checksums-Sha512": ("sha512", "sha512"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedFile:
    """
    A file that a control file names.

    :param hexdigests: by name of the algorithm as in :mod:`hashlib`, never empty
    """

    name: str
    size_bytes: int
    hexdigests: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlFile:
    """
    A .dsc, .changes or .buildinfo file whose form has been checked.

    :param fields: all fields in their order, with plain dicts and lists as values
    :param listed: files it names, by name, in its order; the file itself is not among them
    """

    path: Path
    fields: Mapping[str, Any]
    listed: Mapping[str, ListedFile]

    @property
    def package(self) -> NameVersion:
        """Source package and version."""
        return source_of_fields(self.fields)

    @property
    def architectures(self) -> frozenset[str]:
        """Words of the field Architecture."""
        return frozenset(self.fields.get("Architecture", "").split())

    def problems(self, *, only: Collection[str] | None = None) -> list[str]:
        """
        Compare the files it names with those beside it.

        :param only: names to look at; default: all
        :returns: one line per mismatch, empty if all are there with the right
            size and digests
        """
        return [
            line
            for file in self.listed.values()
            if only is None or file.name in only
            for line in _compare(file, self.path.parent)
        ]

    def check_files(self, *, only: Collection[str] | None = None) -> None:
        """
        Insist that the files it names are beside it and are what it says.

        :param only: names to look at; default: all
        :raises UserError: listing every mismatch
        """
        if problems := self.problems(only=only):
            raise UserError(
                f"{self.path.name} does not fit its files: {problems[0]}",
                details="\n".join(problems[1:]) or None,
                resolution="Fetch or make the source package again.",
            )


def read_dsc(path: Path) -> ControlFile:
    """
    Read a source control file.

    :raises UserError: if it cannot be read or its form is wrong
    """
    return _read(path, deb822.Dsc, ("Format", "Source", "Version", "Files"))


def read_changes(path: Path) -> ControlFile:
    """
    Read an upload control file.

    :raises UserError: if it cannot be read or its form is wrong
    """
    required = ("Source", "Version", "Architecture", "Files", "Checksums-Sha256")
    return _read(path, deb822.Changes, required)


def read_buildinfo(path: Path) -> ControlFile:
    """
    Read a record of a build.

    :raises UserError: if it cannot be read or its form is wrong
    """
    return _read(path, deb822.BuildInfo, ("Source", "Version", "Checksums-Sha256"))


def installed_build_depends(buildinfo: ControlFile) -> dict[str, str]:
    """
    The packages a build could use.

    :returns: version by package (with ``:ARCHITECTURE`` if it says so), sorted by package
    """
    found = re.findall(
        r"([a-z0-9][a-z0-9+.:-]+)\s*\(=\s*([^)\s]+)\)",
        str(buildinfo.fields.get("Installed-Build-Depends", "")),
    )
    return dict(sorted(found))


def recorded_environment(buildinfo: ControlFile) -> dict[str, str]:
    """
    Variables that a build had, as far as it says.

    :returns: value by name, in its order
    :source: deb-buildinfo(5), Environment
    """
    text = str(buildinfo.fields.get("Environment", ""))
    found = re.findall(r'^\s*([A-Za-z_][A-Za-z0-9_]*)="((?:[^"\\]|\\.)*)"$', text, re.MULTILINE)
    return {name: re.sub(r"\\(.)", r"\1", value) for name, value in found}


def source_of_fields(fields: Mapping[str, Any]) -> NameVersion:
    """
    Source package and version of a control paragraph.

    ``Source`` may carry a version of its own, and default to ``Package``.

    :raises UserError: if a name or version has the wrong form
    """
    source = fields.get("Source") or fields.get("Package", "")
    name, _, rest = str(source).partition(" ")
    version = rest.strip().strip("()") or str(fields.get("Version", ""))
    if not PACKAGE_NAME.fullmatch(name):
        raise UserError(f"field Source: not the name of a package: {name!r}")
    if not VERSION.fullmatch(version):
        raise UserError(f"field Version: not a version: {version!r}")
    return NameVersion(name, version)


def is_file_name(name: str) -> bool:
    """
    Whether a name is a single, printable path component.

    >>> [is_file_name(name) for name in ("a_1.dsc", "../a", "..", "", "a b")]
    [True, False, False, False, False]
    """
    return name.isprintable() and name not in {"", ".", ".."} and not re.search(r"[/\s]", name)


def _read(path: Path, parser: type[deb822.Deb822], required: tuple[str, ...]) -> ControlFile:
    lines = _payload(path)
    fields = {str(key): _plain(value) for key, value in parser(lines).items()}
    for name in required:
        if not fields.get(name):
            raise _malformed(path, name, "is missing")
    for name in _DIGEST_COLUMNS:
        if isinstance(fields.get(name), dict):
            fields[name] = [fields[name]]
    try:
        source_of_fields(fields)
    except UserError as error:
        raise UserError(f"{path.name}: {error.brief}") from error
    return ControlFile(path=path, fields=fields, listed=_listed(path, fields))


def _payload(path: Path) -> list[bytes]:
    """Return the lines of the one paragraph of a file, without a signature around it."""
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}") from error
    if len(content) > MAX_BYTES:
        raise UserError(f"{path.name} is larger than {MAX_BYTES} bytes")
    try:
        content.decode("utf-8")
        _, lines, _ = deb822.Deb822.split_gpg_and_payload(iter(content.splitlines()))
    except UnicodeDecodeError as error:
        raise UserError(f"{path.name} is not UTF-8 text: {error.reason}") from error
    except EOFError as error:
        raise UserError(f"{path.name} has no content or a truncated signature") from error
    names = [match.group(1).lower() for line in lines if (match := _FIELD.match(line))]
    for name in names:
        if names.count(name) > 1:
            raise _malformed(path, name.decode(), "is given twice")
    return list(lines)


def _plain(value: Any) -> Any:
    """Turn the parser's own types into plain ones."""
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, Mapping):
        return {str(key): str(item) for key, item in value.items()}
    return str(value)


def _listed(path: Path, fields: Mapping[str, Any]) -> dict[str, ListedFile]:
    """Merge the fields that list files, which must agree about names and sizes."""
    sizes: dict[str, int] = {}
    digests: dict[str, dict[str, str]] = {}
    first: str | None = None
    for field, (column, algorithm) in _DIGEST_COLUMNS.items():
        if field not in fields:
            continue
        entries = [_entry(path, field, column, entry) for entry in fields[field]]
        names = [name for name, _, _ in entries]
        if len(set(names)) != len(names):
            raise _malformed(path, field, "names a file twice")
        if first is not None and set(names) != set(sizes):
            raise _malformed(path, field, f"names other files than {first}")
        first = first or field
        for name, size_bytes, hexdigest in entries:
            if sizes.setdefault(name, size_bytes) != size_bytes:
                raise _malformed(path, field, f"gives another size for {name} than {first}")
            digests.setdefault(name, {})[algorithm] = hexdigest
    return {
        name: ListedFile(name=name, size_bytes=sizes[name], hexdigests=digests[name])
        for name in sizes
    }


def _entry(path: Path, field: str, column: str, entry: Mapping[str, str]) -> tuple[str, int, str]:
    """Read one line of a field that lists files."""
    name = entry.get("name", "")
    size = entry.get("size", "")
    hexdigest = entry.get(column, "").lower()
    if not is_file_name(name):
        raise _malformed(path, field, f"not a file name: {name!r}")
    if not re.fullmatch(r"[0-9]{1,18}", size):
        raise _malformed(path, field, f"not a size: {size!r} of {name}")
    if not re.fullmatch(r"[0-9a-f]{32,128}", hexdigest):
        raise _malformed(path, field, f"not a digest: {hexdigest!r} of {name}")
    return name, int(size), hexdigest


def _compare(file: ListedFile, directory: Path) -> list[str]:
    """Return one line per way in which a file differs from what is said about it."""
    local = directory / file.name
    if local.is_symlink() or not local.is_file():
        return [f"{file.name} is missing"]
    actual = digest_file(local, file.hexdigests)
    if actual.size_bytes != file.size_bytes:
        return [f"{file.name}: expected {file.size_bytes} bytes, found {actual.size_bytes}"]
    return [
        f"{file.name}: expected {algorithm} {expected}, found {actual.hexdigests[algorithm]}"
        for algorithm, expected in file.hexdigests.items()
        if actual.hexdigests[algorithm] != expected
    ]


def _malformed(path: Path, field: str, problem: str) -> UserError:
    return UserError(f"{path.name}: field {field} {problem}")
