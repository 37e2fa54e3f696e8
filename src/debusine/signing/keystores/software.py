# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys that lie encrypted in the database of the signing service."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from debusine.artifacts.assets.signing_key import SigningKeyData
from debusine.artifacts.deb822 import read_changes
from debusine.domain.key_purpose import KeyPurpose
from debusine.errors import UserError
from debusine.signing.gnupg import gnupg_home
from debusine.signing.records import AuditEntry, AuditEvent, Records, StoredKey
from debusine.signing.service_key import ServiceKeys
from debusine.tasks.signing.key_store import (
    NoSuchKeyError,
    Occasion,
    SigningError,
    SigningMode,
    check_mode,
)
from debusine.util.clock import Clock, SystemClock
from debusine.util.command import CommandError
from debusine.util.files import sha256_of

_SIGNED_BY_DEBSIGN = (".dsc", ".buildinfo")


@dataclass(kw_only=True)
class SoftwareKeyStore:
    """
    Signs with OpenPGP keys.

    A key is opened for as long as one signature takes, in a directory of its own, after
    the audit log says what it is opened for.

    :param trusted_certs: SHA-256 fingerprints of certificates that input may ask to be trusted
    """

    records: Records
    service_keys: ServiceKeys
    trusted_certs: Collection[str] = ()
    clock: Clock = field(default_factory=SystemClock)

    def generate(
        self, purpose: KeyPurpose, description: str, *, occasion: Occasion
    ) -> SigningKeyData:
        """
        Make a key; see the port.

        :raises UserError: for a purpose that takes other keys than those of OpenPGP
        :raises SigningError: if gpg does not make one
        """
        _require_openpgp(purpose)
        try:
            with gnupg_home() as home:
                fingerprint = home.generate(description)
                public = home.export(fingerprint)
                sealed = self.service_keys.seal(home.export_secret(fingerprint))
        except CommandError as error:
            raise SigningError("cannot make a key", details=error.details) from error
        now = self.clock.now()
        key = StoredKey(
            purpose=purpose,
            fingerprint=fingerprint,
            description=description,
            private_key=sealed,
            public_key=public,
            created_at=now,
        )
        entry = AuditEntry(
            event=AuditEvent.GENERATE,
            purpose=purpose,
            fingerprint=fingerprint,
            work_request_id=occasion.work_request_id,
            data={"description": description},
            created_at=now,
        )
        self.records.add_key(key, entry)
        return SigningKeyData.of(
            purpose=purpose, fingerprint=fingerprint, public_key=public, description=description
        )

    def has_key(self, purpose: KeyPurpose, fingerprint: str) -> bool:
        """Whether there is a key of a purpose."""
        return self.records.find_key(purpose, fingerprint) is not None

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
        Sign a file; see the port.

        :raises UserError: if keys of the purpose do not sign in the mode
        :raises SigningError: if the file cannot be signed
        """
        check_mode(purpose, mode)
        _require_openpgp(purpose)
        keys = self._find(purpose, fingerprints)
        self._note(keys, [source], occasion)
        try:
            with gnupg_home() as home:
                for key in keys:
                    home.take(self.service_keys.open(key.private_key))
                detached = mode is SigningMode.DETACHED
                home.sign(fingerprints, source, target, detached=detached)
        except CommandError as error:
            raise SigningError(f"cannot sign {source.name}", details=error.details) from error

    def debsign(self, fingerprint: str, changes: Path, *, occasion: Occasion) -> None:
        """
        Sign an upload in place; see the port.

        :raises SigningError: if the upload cannot be signed
        """
        [key] = self._find(KeyPurpose.OPENPGP_UPLOAD, [fingerprint])
        self._note([key], _files_of_upload(changes), occasion)
        try:
            with gnupg_home() as home:
                home.take(self.service_keys.open(key.private_key))
                home.debsign(fingerprint, changes)
        except CommandError as error:
            raise SigningError(f"cannot sign {changes.name}", details=error.details) from error

    def _find(self, purpose: KeyPurpose, fingerprints: Iterable[str]) -> list[StoredKey]:
        found = []
        for fingerprint in fingerprints:
            key = self.records.find_key(purpose, fingerprint)
            if key is None:
                raise NoSuchKeyError(f"no key {purpose.value}:{fingerprint}")
            found.append(key)
        return found

    def _note(self, keys: Iterable[StoredKey], files: Iterable[Path], occasion: Occasion) -> None:
        """Write down what keys are about to be used for."""
        data: dict[str, Any] = {"files": _digests(files)}
        for name in ("username", "user_id"):
            if (value := getattr(occasion, name)) is not None:
                data[name] = value
        if occasion.resource:
            data["resource"] = dict(occasion.resource)
        entries = [
            AuditEntry(
                event=AuditEvent.SIGN,
                purpose=key.purpose,
                fingerprint=key.fingerprint,
                work_request_id=occasion.work_request_id,
                data=data,
                created_at=self.clock.now(),
            )
            for key in keys
        ]
        self.records.note(entries)


def _require_openpgp(purpose: KeyPurpose) -> None:
    if purpose is KeyPurpose.UEFI:
        raise UserError("this signing service keeps OpenPGP keys only, none for uefi")


def _files_of_upload(changes: Path) -> list[Path]:
    """The files that get a signature."""
    try:
        listed = read_changes(changes).listed
    except UserError as error:
        raise SigningError(f"cannot sign {changes.name}", details=error.explain()) from error
    named = [name for name in listed if name.endswith(_SIGNED_BY_DEBSIGN)]
    return [changes, *(changes.with_name(name) for name in sorted(named))]


def _digests(files: Iterable[Path]) -> dict[str, str]:
    digests = {}
    for path in files:
        try:
            digests[path.name] = sha256_of(path)
        except OSError as error:
            raise SigningError(f"cannot sign {path.name}", details=str(error)) from error
    return digests
