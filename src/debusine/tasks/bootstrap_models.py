# SPDX-License-Identifier: GPL-3.0-or-later
"""What users submit for the tasks that make systems."""

from __future__ import annotations

import base64
import binascii
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import unquote, urlsplit

from pydantic import AfterValidator, Field, model_validator

from debusine.tasks.models import BaseDynamicTaskData, BaseTaskData, BaseTaskDataModel

LOCAL_KEYRINGS = (Path("/usr/share/keyrings"), Path("/usr/local/share/keyrings"))
INLINE_KEYRING = "data:application/pgp-keys;base64,"
MAX_INLINE_KEYRING_BYTES = 1024**2


class SignatureCheck(StrEnum):
    """Whose keys a repository is checked with."""

    SYSTEM = "system"
    EXTERNAL = "external"
    NO_CHECK = "no-check"


def _unique(values: list[str] | None) -> list[str] | None:
    if values is not None and len(set(values)) != len(values):
        message = "must not hold anything twice"
        raise ValueError(message)
    return values


def _argument(value: str) -> str:
    """Refuse what programs would read as more than one word or as an option."""
    if not value or value.startswith("-") or any(c.isspace() or c == "," for c in value):
        message = f"{value!r} must be one word without commas that starts with no hyphen"
        raise ValueError(message)
    return value


Word = Annotated[str, AfterValidator(_argument)]


def inline_keyring(url: str) -> bytes | None:
    """
    Decode a key that is part of its URL.

    :returns: None if the URL is not of this kind
    :raises ValueError: if the key is empty, too large or not in base64
    :source: RFC 2397

    >>> inline_keyring("data:application/pgp-keys;base64,a2V5")
    b'key'
    """
    if not url.startswith(INLINE_KEYRING):
        return None
    if len(url) > MAX_INLINE_KEYRING_BYTES * 4 // 3 + len(INLINE_KEYRING) + 4:
        message = f"keys in URLs have at most {MAX_INLINE_KEYRING_BYTES} bytes"
        raise ValueError(message)
    try:
        key = base64.b64decode(url.removeprefix(INLINE_KEYRING), validate=True)
    except binascii.Error as error:
        message = f"the key in the URL is not base64: {error}"
        raise ValueError(message) from error
    if not key:
        message = "the URL holds no key"
        raise ValueError(message)
    return key


def _keyring_url(url: str) -> str:
    if inline_keyring(url) is not None:
        return url
    parts = urlsplit(url)
    if parts.scheme in {"http", "https"} and parts.hostname:
        return url
    if parts.scheme != "file" or parts.netloc:
        message = f"must be a URL with http, https or file, or start with {INLINE_KEYRING}"
        raise ValueError(message)
    path = Path(unquote(parts.path)).resolve()
    if not any(path.is_relative_to(directory) for directory in LOCAL_KEYRINGS):
        places = " or ".join(str(directory) for directory in LOCAL_KEYRINGS)
        message = f"local keyrings must lie below {places}"
        raise ValueError(message)
    return url


class BootstrapKeyring(BaseTaskDataModel):
    """
    Keys to check a repository with.

    :param url: where they are; a ``data:`` URL holds them itself
    :param sha256sum: of the file; empty: not checked
    :param install: whether the new system trusts the repository by them as well
    """

    url: Annotated[str, AfterValidator(_keyring_url)]
    sha256sum: Annotated[str, Field(pattern=r"^([0-9a-f]{64})?$")] = ""
    install: bool = False


class BootstrapRepository(BaseTaskDataModel):
    """
    A repository that packages come from.

    :param mirror: URL of the archive
    :param suite: suite in the archive
    :param types: binary packages, sources, or both
    :param components: None: those that its Release file names
    :param check_signature_with: keys to check Release files with: those of the worker's APT, those
        in ``keyring``, or none
    :param keyring_package: package with its keys, to be installed
    :param check_valid_until: whether a Release file past its time is refused, now and in the
        new system; None: as APT does
    """

    mirror: Word
    suite: Word
    types: Annotated[
        list[Literal["deb", "deb-src"]],
        Field(min_length=1, default_factory=lambda: ["deb"]),
        AfterValidator(_unique),
    ]
    components: Annotated[list[Word] | None, AfterValidator(_unique)] = None
    check_signature_with: SignatureCheck = SignatureCheck.SYSTEM
    keyring_package: Word | None = None
    keyring: BootstrapKeyring | None = None
    check_valid_until: bool | None = None

    @model_validator(mode="after")
    def check_keyring(self) -> Self:
        """
        External keys must be given.

        :raises ValueError: if they are not
        """
        if self.check_signature_with is SignatureCheck.EXTERNAL and self.keyring is None:
            message = "check_signature_with 'external' requires a keyring"
            raise ValueError(message)
        return self


class BootstrapOptions(BaseTaskDataModel):
    """
    What the system shall be.

    :param architecture: what the system runs on
    :param variant: which packages it starts with
    :param extra_packages: packages to install beyond the variant
    :param use_signed_by: name the keys of each repository in its sources file
    :param gpgv_command: which program checks signatures
    """

    architecture: Word
    variant: str | None = None
    extra_packages: list[Word] = Field(default_factory=list)
    use_signed_by: bool = True
    gpgv_command: Literal["gpgv", "gpgv-sq"] | None = None


class SystemBootstrapData(BaseTaskData):
    """
    What a user submits to have a system made.

    :param bootstrap_repositories: the first one says what the system is
    :param customization_script: program that runs in the system, before it is packed
    """

    bootstrap_options: BootstrapOptions
    bootstrap_repositories: Annotated[list[BootstrapRepository], Field(min_length=1)]
    customization_script: str | None = None


class BootstrapDynamicData(BaseDynamicTaskData):
    """What the server found out: nothing beyond the common."""
