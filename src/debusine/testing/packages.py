# SPDX-License-Identifier: GPL-3.0-or-later
"""
Packages written by hand: right in form, in a millisecond, without dpkg.

They are for tests of what reads packages; what builds or installs them needs real ones.
"""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterable, Mapping
from pathlib import Path

import zstandard

from debusine.artifacts.checksums import digest_file


def write_deb(
    directory: Path,
    fields: Mapping[str, str] | None = None,
    *,
    files: Mapping[str, bytes] | None = None,
    links: Mapping[str, str] | None = None,
    suffix: str = ".deb",
    compression: str = "xz",
) -> Path:
    """
    Write a binary package.

    :param fields: of the control paragraph, over those of ``hello 1.0-1 amd64``
    :param files: content by path, without a leading slash
    :param links: target by path, of symbolic links
    :param compression: of both archives: ``gz``, ``xz``, ``zst`` or empty
    :returns: ``PACKAGE_VERSION_ARCHITECTURE.deb`` in the directory

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as name:
    ...     write_deb(Path(name), {"Package": "greet"}).name
    'greet_1.0-1_amd64.deb'
    """
    control = {
        "Package": "hello",
        "Version": "1.0-1",
        "Architecture": "amd64",
        "Maintainer": "A Person <person@example.org>",
        "Description": "a package written by hand",
    } | dict(fields or {})
    text = "".join(f"{key}: {value}\n" for key, value in control.items())
    extension = f".{compression}" if compression else ""
    members = {
        "debian-binary": b"2.0\n",
        f"control.tar{extension}": _tar({"control": text.encode(), "md5sums": b""}, compression),
        f"data.tar{extension}": _tar(files or {}, compression, links or {}),
    }
    name = "_".join((control["Package"], control["Version"], control["Architecture"]))
    path = directory / f"{name}{suffix}"
    path.write_bytes(b"!<arch>\n" + b"".join(_ar_member(*item) for item in members.items()))
    return path


def write_dsc(
    directory: Path,
    name: str = "hello",
    version: str = "1.0-1",
    *,
    files: Mapping[str, bytes] | None = None,
) -> Path:
    """
    Write a source control file and the files it lists.

    :param files: content by name; default: an upstream and a Debian tarball
    :returns: the .dsc in the directory

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as name:
    ...     write_dsc(Path(name), "greet", "2.0-1").name
    'greet_2.0-1.dsc'
    """
    upstream = version.split("-", maxsplit=1)[0]
    if files is None:
        files = {
            f"{name}_{upstream}.orig.tar.gz": b"upstream",
            f"{name}_{version}.debian.tar.xz": b"debian",
        }
    for file_name, content in files.items():
        (directory / file_name).write_bytes(content)
    paragraph = {
        "Format": "3.0 (quilt)",
        "Source": name,
        "Binary": name,
        "Architecture": "any",
        "Version": version,
        "Maintainer": "A Person <person@example.org>",
    }
    listed = [directory / file_name for file_name in files]
    path = directory / f"{name}_{version}.dsc"
    path.write_text(_paragraph(paragraph) + _checksums(listed))
    return path


def write_changes(
    directory: Path,
    files: Iterable[Path],
    *,
    architecture: str,
    fields: Mapping[str, str] | None = None,
) -> Path:
    """
    Write an upload control file for files of the same directory.

    :param architecture: words of the field Architecture
    :param fields: over those of ``hello 1.0-1``
    :returns: the .changes in the directory

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as name:
    ...     deb = write_deb(Path(name))
    ...     write_changes(Path(name), [deb], architecture="amd64").name
    'hello_1.0-1_amd64.changes'
    """
    paragraph = {
        "Format": "1.8",
        "Date": "Thu, 01 Jan 2026 00:00:00 +0000",
        "Source": "hello",
        "Architecture": architecture,
        "Version": "1.0-1",
        "Distribution": "unstable",
    } | dict(fields or {})
    stem = f"{paragraph['Source'].split()[0]}_{paragraph['Version']}"
    path = directory / f"{stem}_{architecture.rsplit(maxsplit=1)[-1]}.changes"
    path.write_text(_paragraph(paragraph) + _checksums(list(files), extra="utils optional "))
    return path


def _paragraph(fields: Mapping[str, str]) -> str:
    return "".join(f"{key}: {value}\n" for key, value in fields.items())


def _checksums(files: Iterable[Path], *, extra: str = "") -> str:
    """Return the fields that list files; ``extra`` stands before the names in Files."""
    algorithms = {"Checksums-Sha1": "sha1", "Checksums-Sha256": "sha256", "Files": "md5"}
    digests = {path.name: digest_file(path, algorithms.values()) for path in files}
    lines = []
    for field, algorithm in algorithms.items():
        lines.append(f"{field}:")
        between = extra if field == "Files" else ""
        lines += [
            f" {each.hexdigests[algorithm]} {each.size_bytes} {between}{name}"
            for name, each in digests.items()
        ]
    return "\n".join(lines) + "\n"


def _tar(
    files: Mapping[str, bytes], compression: str, links: Mapping[str, str] | None = None
) -> bytes:
    """Pack files and symbolic links, with the directories dpkg insists on."""
    packed = io.BytesIO()
    mode = {"": "w", "gz": "w:gz", "xz": "w:xz", "zst": "w"}[compression]
    directories = {"."}
    with tarfile.open(fileobj=packed, mode=mode) as archive:  # type: ignore[call-overload]  # chosen above
        contents: dict[str, bytes | str] = {**files, **(links or {})}
        for name, content in contents.items():
            parents = ["./" + str(parent) for parent in reversed(Path(name).parents)]
            for parent in parents:
                if parent not in directories and parent != "./.":
                    directories.add(parent)
                    member = tarfile.TarInfo(parent)
                    member.type, member.mode = tarfile.DIRTYPE, 0o755
                    archive.addfile(member)
            member = tarfile.TarInfo(f"./{name}")
            if isinstance(content, str):
                member.type, member.linkname = tarfile.SYMTYPE, content
                archive.addfile(member)
            else:
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
    content = packed.getvalue()
    return zstandard.compress(content) if compression == "zst" else content


def _ar_member(name: str, content: bytes) -> bytes:
    """Write one member, see deb(5) and ar(5)."""
    header = f"{name:<16}{0:<12}{0:<6}{0:<6}{'100644':<8}{len(content):<10}`\n".encode()
    return header + content + b"\n" * (len(content) % 2)
