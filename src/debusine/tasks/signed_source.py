# SPDX-License-Identifier: GPL-3.0-or-later
"""Put signatures into the source that a template holds."""

from __future__ import annotations

import io
import re
import tarfile
from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from debian.changelog import Changelog, ChangelogParseError

from debusine.artifacts.base import NameVersion
from debusine.artifacts.deb822 import VERSION
from debusine.artifacts.kinds.signing_output import SigningOutputData
from debusine.domain.key_purpose import KeyPurpose
from debusine.errors import UserError
from debusine.tasks.signing_template import PURPOSES, TemplateMetadata, package_name
from debusine.util.files import safe_join
from debusine.util.tar_tree import TarTree

FORMAT = "3.0 (native)"
CHANGELOG = "debian/changelog"
REQUIRED = (
    "debian/source/format",
    CHANGELOG,
    "debian/control",
    "debian/copyright",
    "debian/rules",
)
# they would have a say in what dpkg-source packs
FORBIDDEN = ("debian/source/options", "debian/source/local-options")
SIGNATURES = "debian/signatures"
MAX_SIGNATURE_BYTES = 16 * 1024 * 1024
_DISTRIBUTION = re.compile(r"[A-Za-z0-9][A-Za-z0-9+.~_-]*")


@dataclass(frozen=True, kw_only=True, slots=True)
class SourceHead:
    """
    What the newest entry of a changelog says.

    :param distribution: the first
    """

    package: NameVersion
    distribution: str

    @property
    def stem(self) -> str:
        """
        Beginning of file names; an epoch is no part of it.

        >>> SourceHead(package=NameVersion("hello", "1:2-3"), distribution="sid").stem
        'hello_2-3'
        """
        name, version = self.package
        return f"{name}_{version.partition(':')[2] or version}"


@dataclass(kw_only=True, slots=True)
class Signatures:
    """
    Signatures, by what they are for and the file that was signed.

    The file is named as in the signing input: ``PACKAGE/PATH``.
    """

    files: dict[tuple[KeyPurpose, str], Path] = field(default_factory=dict)
    failures: dict[tuple[KeyPurpose, str], str] = field(default_factory=dict)

    def add(self, data: SigningOutputData, directory: Path) -> None:
        """
        Take the results of one artifact.

        :param directory: where its files are
        :raises UserError: if a path leads out, or there are two signatures of a file
        """
        for result in data.results:
            key = (data.purpose, result.file)
            if result.output_file is None:
                self.failures[key] = result.error_message or ""
                continue
            path = safe_join(directory, result.output_file)
            if path.is_symlink() or not path.is_file():
                raise UserError(f"signature of {result.file} is missing: {result.output_file}")
            if key in self.files and self.files[key].read_bytes() != path.read_bytes():
                raise UserError(f"there are two signatures of {result.file}, which differ")
            self.files[key] = path

    def chosen(self, metadata: TemplateMetadata) -> dict[str, Path]:
        """
        Find the signature of each file that a template wants.

        :returns: by the path in the source package where it goes
        :raises UserError: if one is missing, or of a type that we do not know
        """
        found = {}
        for package, wanted in metadata.wanted():
            purpose = PURPOSES.get(wanted.sig_type)
            if purpose is None:
                raise UserError(
                    f"{package}: {wanted.file} wants a signature of an unknown type:"
                    f" {wanted.sig_type!r}",
                    resolution=f"Known are: {', '.join(PURPOSES)}.",
                )
            name = f"{package}/{wanted.file}"
            path = self.files.get((purpose, name))
            if path is None:
                raise UserError(
                    f"there is no {purpose.value} signature of {name}",
                    details=self.failures.get((purpose, name)),
                )
            found[f"{SIGNATURES}/{name}.sig"] = path
        return found


def check_source(tree: TarTree) -> SourceHead:
    """
    Check a source package that is about to be built, of which nobody knows who wrote it.

    :raises UserError: if something is missing, of another format, or leads out of the tree
    """
    tree.check_links()
    for path in REQUIRED:
        tree.file(path)
    for path in FORBIDDEN:
        if tree.has(path):
            raise UserError(f"the template must not have {path}")
    found = tree.text("debian/source/format")
    if found.removesuffix("\n") != FORMAT:
        raise UserError(f"the format of the source must be {FORMAT!r}, not {found.strip()!r}")
    return read_head(tree.text(CHANGELOG))


def read_head(changelog: str) -> SourceHead:
    """
    Read the newest entry of a changelog.

    :raises UserError: if it is malformed
    :source: deb-changelog(5)
    """
    try:
        newest = Changelog(changelog, max_blocks=1, strict=True)
        name, version = package_name(newest.package or ""), str(newest.version)
        distribution = (newest.distributions or "").split()[0]
    except (ChangelogParseError, ValueError, IndexError) as error:
        raise UserError(f"{CHANGELOG} is malformed: {error}") from error
    if not VERSION.fullmatch(version):
        raise UserError(f"{CHANGELOG}: not a version: {version!r}")
    if not _DISTRIBUTION.fullmatch(distribution):
        raise UserError(f"{CHANGELOG}: not the name of a distribution: {distribution!r}")
    return SourceHead(package=NameVersion(name, version), distribution=distribution)


def write_source(tree: TarTree, signatures: Mapping[str, Path], target: Path) -> None:
    """
    Write the archive of a source tree with signatures in it; times are kept.

    :param tree: has been checked
    :param signatures: file by path in the tree
    :raises UserError: if the tree has something where a signature belongs, or one is too large
    """
    mtime = tree.file(CHANGELOG).mtime
    with tarfile.open(target, "w", format=tarfile.PAX_FORMAT) as archive:
        for path, member in tree.members.items():
            content = tree.stream(member) if member.isreg() else None
            archive.addfile(_plain(member, path), content)
        for path, file in signatures.items():
            _check_free(tree, path)
            if file.stat().st_size > MAX_SIGNATURE_BYTES:
                raise UserError(f"{path} is larger than {MAX_SIGNATURE_BYTES} bytes")
            signature = file.read_bytes()
            member = tarfile.TarInfo(path)
            member.size, member.mtime = len(signature), mtime
            archive.addfile(member, io.BytesIO(signature))


def _plain(member: tarfile.TarInfo, path: str) -> tarfile.TarInfo:
    """The same, with nothing but name, kind, time and harmless permissions."""
    plain = copy(member)
    plain.name = path
    plain.uid = plain.gid = 0
    plain.uname = plain.gname = ""
    plain.pax_headers = {}
    plain.mode = member.mode & 0o755 | (0o700 if member.isdir() else 0o600)
    return plain


def _check_free(tree: TarTree, path: str) -> None:
    """Insist that a file can be made without touching what is there, be it through a link."""
    for parent in reversed(PurePosixPath(path).parents):
        member = tree.members.get(str(parent))
        if member is not None and not member.isdir():
            raise UserError(f"the template has something where signatures belong: {parent}")
    if path in tree.members:
        raise UserError(f"the template has a signature already: {path}")
