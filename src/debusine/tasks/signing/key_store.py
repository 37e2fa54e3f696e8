# SPDX-License-Identifier: GPL-3.0-or-later
"""Port: what a signing task may ask of whatever holds the keys."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from debusine.artifacts.assets.signing_key import SigningKeyData
from debusine.domain.key_purpose import KeyPurpose
from debusine.errors import DebusineError, UserError


class SigningMode(StrEnum):
    """What a signature looks like."""

    ATTACHED = "attached"
    """Inside of the file, which is a program for UEFI."""

    DETACHED = "detached"
    """In a file of its own."""

    CLEAR = "clear"
    """Around the text that is signed."""

    DEBSIGN = "debsign"
    """Around each of the control files of an upload."""


MODES: Mapping[KeyPurpose, frozenset[SigningMode]] = {
    KeyPurpose.UEFI: frozenset({SigningMode.ATTACHED, SigningMode.DETACHED}),
    KeyPurpose.OPENPGP_UPLOAD: frozenset(
        {SigningMode.CLEAR, SigningMode.DETACHED, SigningMode.DEBSIGN}
    ),
    KeyPurpose.OPENPGP_REPOSITORY: frozenset({SigningMode.CLEAR, SigningMode.DETACHED}),
}
"""What a key may be used for, by its purpose."""


class NoSuchKeyError(UserError):
    """A key store does not hold a key."""

    code = "no-such-key"


class SigningError(DebusineError):
    """A key store could not sign."""

    code = "signing-failed"


@dataclass(frozen=True, kw_only=True, slots=True)
class Occasion:
    """
    Why a key is used: what a key store writes into its records.

    :param username: who asked for it
    :param resource: what is signed, such as ``{"path": "Release"}``
    """

    work_request_id: int
    username: str | None = None
    user_id: int | None = None
    resource: Mapping[str, str] = field(default_factory=dict)


class KeyStore(Protocol):
    """
    Holds private keys and signs with them; a key never leaves it.

    Contract: ``tests/contract/test_key_stores.py``.
    """

    @property
    def trusted_certs(self) -> Collection[str]:
        """SHA-256 fingerprints of certificates that input may ask to be trusted."""
        ...

    def generate(
        self, purpose: KeyPurpose, description: str, *, occasion: Occasion
    ) -> SigningKeyData:
        """
        Make a key.

        :returns: its public half, with a fingerprint that no other key has
        """
        ...

    def has_key(self, purpose: KeyPurpose, fingerprint: str) -> bool:
        """Whether there is a key of a purpose."""
        ...

    def sign(  # noqa: PLR0913  each is a fact of its own
        self,
        purpose: KeyPurpose,
        fingerprints: Sequence[str],
        mode: SigningMode,
        *,
        source: Path,
        target: Path,
        occasion: Occasion,
    ) -> None:
        """
        Sign a file with one or more keys, all signatures in one file.

        :param mode: any but ``debsign``
        :param target: is written: the signature, or for ``attached`` and ``clear`` the file
            with it
        :raises NoSuchKeyError: if one of the keys is not there
        :raises UserError: if keys of the purpose do not sign in the mode
        :raises SigningError: if the file cannot be signed
        """
        ...

    def debsign(self, fingerprint: str, changes: Path, *, occasion: Occasion) -> None:
        """
        Sign an upload in place: the .changes, and the .dsc and .buildinfo that it lists.

        Signatures that are there are replaced; the .changes lists the files as they are now.

        :raises NoSuchKeyError: if there is no such key for uploads
        :raises SigningError: if the upload cannot be signed
        """
        ...


def check_mode(purpose: KeyPurpose, mode: SigningMode) -> None:
    """
    Check that keys of a purpose sign in a mode.

    :raises UserError: if they do not
    """
    if mode not in MODES[purpose]:
        possible = ", ".join(sorted(MODES[purpose]))
        raise UserError(
            f"keys for {purpose.value} make no {mode.value} signatures",
            details=f"They make: {possible}",
        )
