# SPDX-License-Identifier: GPL-3.0-or-later
"""A template for a signed source package, and a sandbox that unpacks packages."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from debusine.artifacts.deb import open_member
from debusine.testing.executor import FakeCall, FakeInstance, FakeResult
from debusine.testing.packages import write_changes, write_deb, write_dsc

TEMPLATE = "hello-signed-template"
DIRECTORY = f"usr/share/code-signing/{TEMPLATE}"
METADATA: dict[str, Any] = {
    "packages": {
        "hello": {
            "trusted_certs": ["ab" * 32],
            "files": [{"sig_type": "efi", "file": "boot/hello.efi"}],
        }
    }
}
SOURCE: Mapping[str, bytes] = {
    "debian/source/format": b"3.0 (native)\n",
    "debian/changelog": (
        b"hello-signed (1:1.0+1) unstable; urgency=medium\n\n  * Sign hello 1.0-1.\n\n"
        b" -- A Person <person@example.org>  Thu, 01 Jan 2026 00:00:00 +0000\n"
    ),
    "debian/control": (
        b"Source: hello-signed\nSection: utils\nPriority: optional\n"
        b"Maintainer: A Person <person@example.org>\nStandards-Version: 4.7.0\n\n"
        b"Package: hello-signed\nArchitecture: amd64\nDescription: signed greeting\n"
    ),
    "debian/copyright": b"Public domain\n",
    "debian/rules": b"#!/usr/bin/make -f\n",
}
"""Of the source package ``hello-signed``, content by path."""


def write_template(
    directory: Path,
    *,
    metadata: object = METADATA,
    source: Mapping[str, bytes] = SOURCE,
    links: Mapping[str, str] | None = None,
) -> Path:
    """
    Write a binary package with a template.

    :param metadata: what ``files.json`` says
    :param source: files of the source package to be, content by path
    :param links: symbolic links of that, target by path
    :returns: ``hello-signed-template_1.0-1_amd64.deb``

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as name:
    ...     write_template(Path(name)).name
    'hello-signed-template_1.0-1_amd64.deb'
    """
    files = {f"{DIRECTORY}/source-template/{path}": content for path, content in source.items()}
    files[f"{DIRECTORY}/files.json"] = json.dumps(metadata).encode()
    inside = {
        f"{DIRECTORY}/source-template/{path}": target for path, target in (links or {}).items()
    }
    return write_deb(directory, {"Package": TEMPLATE}, files=files, links=inside)


class PackageSandbox:
    r"""
    What commands do that unpack packages and build source packages, for a fake sandbox.

    >>> from debusine.testing.executor import FakeInstance
    >>> instance = FakeInstance(PackageSandbox())
    >>> instance.start()
    >>> instance.run(["dpkg-query", "--show", "dpkg-dev"]).stdout
    b'installed\n'
    >>> instance.stop()
    """

    def __init__(self) -> None:
        self.commands: list[tuple[str, ...]] = []
        """Those that were run, in order."""
        self.built: dict[str, bytes] = {}
        """Files of the source tree that was built, by path."""
        self._unpacked: dict[str, Path] = {}

    def __call__(self, call: FakeCall, instance: FakeInstance) -> FakeResult:
        """Do what a command does."""
        self.commands.append(call.argv)
        match call.argv:
            case ("dpkg-query", *_):
                return FakeResult(stdout=b"installed\n")
            case ("head", *_, path):
                return FakeResult(stdout=instance.inside(Path(path)).read_bytes())
            case ("dpkg-deb", "-x", deb, directory):
                self._unpacked[directory] = instance.inside(Path(deb))
            case ("tar", "--create", *options):
                source = self._unpacked[_option(options, "directory")]
                _repack(source, instance.inside(Path(_option(options, "file"))))
            case ("tar", "--extract", *options):
                self.built = _contents(instance.inside(Path(_option(options, "file"))))
            case ("mkdir", *_, path):
                instance.inside(Path(path)).mkdir(parents=True)
            case ("env", where, *command):
                _build(command, instance.inside(Path(_option([where], "chdir"))))
            case _:
                pass
        return FakeResult()


def _build(command: Sequence[str], tree: Path) -> None:
    """Leave what dpkg-source and dpkg-genchanges leave."""
    if command[0] == "dpkg-source":
        files = {"hello-signed_1.0+1.tar.xz": b"packed"}
        dsc = write_dsc(tree.parent, "hello-signed", "1:1.0+1", files=files)
        dsc.rename(dsc.with_name("hello-signed_1.0+1.dsc"))
        return
    files_there = [path for path in tree.parent.iterdir() if path.is_file()]
    fields = {"Source": "hello-signed", "Version": "1:1.0+1"}
    changes = write_changes(tree.parent, files_there, architecture="source", fields=fields)
    changes.rename(tree / _option([command[-1].replace("-O", "--o=")], "o"))


def _option(words: Sequence[str], name: str) -> str:
    """Value of ``--NAME=VALUE``."""
    [value] = [word.partition("=")[2] for word in words if word.partition("=")[0] == f"--{name}"]
    return value


def _repack(deb: Path, target: Path) -> None:
    with open_member(deb, "data.tar") as archive, tarfile.open(target, "w") as packed:
        for member in archive:
            packed.addfile(member, archive.extractfile(member) if member.isreg() else None)


def _contents(path: Path) -> dict[str, bytes]:
    with tarfile.open(path) as archive:
        files = {member.name: archive.extractfile(member) for member in archive if member.isreg()}
        return {name: file.read() for name, file in files.items() if file is not None}
