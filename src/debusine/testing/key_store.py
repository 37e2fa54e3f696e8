# SPDX-License-Identifier: GPL-3.0-or-later
"""
Key stores for tests: one in memory, and one that signs for real with OpenPGP.

What :class:`MemoryKeyStore` signs is wrapped like OpenPGP and says in plain text who
signed what, so that whatever reads signed files reads it too. It proves nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from debusine.artifacts.assets.signing_key import SigningKeyData
from debusine.domain.key_purpose import KeyPurpose
from debusine.tasks.signing.key_store import (
    NoSuchKeyError,
    Occasion,
    SigningError,
    SigningMode,
    check_mode,
)

_HEAD = "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\n"
_SIGNATURE = "-----BEGIN PGP SIGNATURE-----\n\n{signers}\n-----END PGP SIGNATURE-----\n"


@dataclass(frozen=True, kw_only=True, slots=True)
class KeyUse:
    """
    What a key store writes into its records.

    :param event: ``generate`` or ``sign``
    """

    event: str
    purpose: KeyPurpose
    fingerprint: str
    occasion: Occasion


@dataclass(kw_only=True)
class MemoryKeyStore:
    """
    Keeps keys as names, and records their use.

    :param trusted: certificates that input may ask to be trusted
    :param refuses: names of files that cannot be signed
    """

    trusted: frozenset[str] = frozenset()
    refuses: frozenset[str] = frozenset()
    keys: dict[tuple[KeyPurpose, str], SigningKeyData] = field(default_factory=dict)
    uses: list[KeyUse] = field(default_factory=list)

    @property
    def trusted_certs(self) -> Collection[str]:
        """Certificates that input may ask to be trusted."""
        return self.trusted

    def generate(
        self, purpose: KeyPurpose, description: str, *, occasion: Occasion
    ) -> SigningKeyData:
        """Make a key; see the port."""
        seed = f"{len(self.keys)} {purpose.value} {description}".encode()
        return self.add(
            purpose, hashlib.sha256(seed).hexdigest()[:40].upper(), description, occasion=occasion
        )

    def add(
        self,
        purpose: KeyPurpose,
        fingerprint: str,
        description: str = "a key",
        *,
        occasion: Occasion | None = None,
    ) -> SigningKeyData:
        """Let a key exist."""
        key = SigningKeyData.of(
            purpose=purpose,
            fingerprint=fingerprint,
            public_key=f"public key {fingerprint}\n".encode(),
            description=description,
        )
        self.keys[purpose, fingerprint] = key
        if occasion is not None:
            self._record("generate", purpose, [fingerprint], occasion)
        return key

    def has_key(self, purpose: KeyPurpose, fingerprint: str) -> bool:
        """Whether there is a key of a purpose."""
        return (purpose, fingerprint) in self.keys

    def sign(
        self,
        purpose: KeyPurpose,
        fingerprints: Sequence[str],
        mode: SigningMode,
        *,
        source: Path,
        target: Path,
        occasion: Occasion,
    ) -> None:
        """Sign a file; see the port."""
        check_mode(purpose, mode)
        self._require(purpose, fingerprints)
        self._refuse(source)
        signature = _SIGNATURE.format(signers="\n".join(fingerprints))
        before = {SigningMode.CLEAR: _HEAD}.get(mode, "").encode()
        content = b"" if mode is SigningMode.DETACHED else source.read_bytes()
        target.write_bytes(before + content + signature.encode())
        self._record("sign", purpose, fingerprints, occasion)

    def debsign(self, fingerprint: str, changes: Path, *, occasion: Occasion) -> None:
        """Wrap the .changes alone, not the files that it lists; else see the port."""
        purpose = KeyPurpose.OPENPGP_UPLOAD
        self._require(purpose, [fingerprint])
        self._refuse(changes)
        signature = _SIGNATURE.format(signers=fingerprint)
        text = changes.read_text().removeprefix(_HEAD).partition("\n-----BEGIN PGP SIG")[0]
        changes.write_text(f"{_HEAD}{text}\n{signature}")
        self._record("sign", purpose, [fingerprint], occasion)

    def _require(self, purpose: KeyPurpose, fingerprints: Sequence[str]) -> None:
        for fingerprint in fingerprints:
            if not self.has_key(purpose, fingerprint):
                raise NoSuchKeyError(f"no key {purpose.value}:{fingerprint}")

    def _refuse(self, source: Path) -> None:
        if source.name in self.refuses:
            raise SigningError(f"cannot sign {source.name}")

    def _record(
        self, event: str, purpose: KeyPurpose, fingerprints: Sequence[str], occasion: Occasion
    ) -> None:
        self.uses += [
            KeyUse(event=event, purpose=purpose, fingerprint=fingerprint, occasion=occasion)
            for fingerprint in fingerprints
        ]


def signers_of(signed: bytes) -> list[str]:
    """Fingerprints in a signature that :class:`MemoryKeyStore` made, in order."""
    _, _, signature = signed.decode().partition("-----BEGIN PGP SIGNATURE-----\n\n")
    return signature.partition("\n-----END")[0].splitlines()
