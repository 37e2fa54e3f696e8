# SPDX-License-Identifier: GPL-3.0-or-later
"""
Templates for signed source packages: binary packages that say what is to be signed.

``files.json`` of a template names files of other binary packages; ``source-template``
beside it becomes a source package as soon as signatures are put into it.

:source: the template format of Debian's code signing service
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from debusine.artifacts.deb822 import PACKAGE_NAME
from debusine.domain.key_purpose import KeyPurpose
from debusine.errors import UserError
from debusine.util.tar import ArchiveError
from debusine.util.tar_tree import TarTree

METADATA = "files.json"
SOURCE_TEMPLATE = "source-template"
PURPOSES: Mapping[str, KeyPurpose] = {"efi": KeyPurpose.UEFI}
"""What the key is for that makes a type of signature."""


def package_name(value: str) -> str:
    """
    Insist on the name of a package, as it becomes part of paths.

    :raises ValueError: if it is none

    >>> package_name("hello-signed")
    'hello-signed'
    """
    if not PACKAGE_NAME.fullmatch(value):
        message = f"not the name of a package: {value!r}"
        raise ValueError(message)
    return value


def inner_path(value: str) -> str:
    """
    Insist on a path below a directory, and bring it into its shortest form.

    :raises ValueError: if it is absolute, empty, or has a component ``..``

    >>> inner_path("./boot//vmlinuz")
    'boot/vmlinuz'
    """
    path = PurePosixPath(value)
    if path.is_absolute() or ".." in path.parts or not path.parts or not value.isprintable():
        message = f"not a path inside of a package: {value!r}"
        raise ValueError(message)
    return str(path)


class _Metadata(BaseModel):
    # keys that other signing services understand do no harm
    model_config = ConfigDict(frozen=True, extra="ignore")


class FileToSign(_Metadata):
    """
    A file of a binary package.

    :param sig_type: such as ``efi``
    """

    sig_type: str
    file: Annotated[str, AfterValidator(inner_path)]


class PackageToSign(_Metadata):
    """
    What is to be signed of one binary package.

    :param trusted_certs: SHA-256 fingerprints of certificates that the files trust
    """

    trusted_certs: list[str] | None = None
    files: list[FileToSign] = Field(min_length=1)

    @property
    def paths(self) -> list[str]:
        """Files, each once."""
        return list(dict.fromkeys(file.file for file in self.files))


class TemplateMetadata(_Metadata):
    """
    Content of ``files.json``.

    :param packages: by the name of the binary package
    """

    packages: dict[Annotated[str, AfterValidator(package_name)], PackageToSign]

    def wanted(self) -> Iterable[tuple[str, FileToSign]]:
        """Each file, with the package that it is of."""
        for name, package in self.packages.items():
            for file in package.files:
                yield name, file


def code_signing_directory(template: str) -> str:
    """
    Where a template holds what it has to say.

    :raises UserError: if its name is not that of a package

    >>> code_signing_directory("hello-signed-template")
    'usr/share/code-signing/hello-signed-template'
    """
    try:
        return f"usr/share/code-signing/{package_name(template)}"
    except ValueError as error:
        raise UserError(str(error)) from error


def read_metadata(tree: TarTree, template: str) -> TemplateMetadata:
    """
    Read ``files.json`` of an unpacked template.

    :param template: name of the package
    :raises UserError: if it is missing, malformed, or names paths that lead out
    """
    path = f"{code_signing_directory(template)}/{METADATA}"
    try:
        return TemplateMetadata.model_validate_json(tree.read(path))
    except ArchiveError as error:
        raise UserError(f"{template} is no template for signed packages: {error.brief}") from error
    except ValidationError as error:
        lines = [
            f"{'.'.join(map(str, each['loc'])) or METADATA}: {each['msg']}"
            for each in error.errors()
        ]
        raise UserError(
            f"{METADATA} of {template} is not valid: {lines[0]}",
            details="\n".join(lines[1:]) or None,
        ) from error
