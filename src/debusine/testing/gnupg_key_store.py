# SPDX-License-Identifier: GPL-3.0-or-later
"""
A key store that signs for real with GnuPG and debsign, for tests.

Its keys lie unprotected in a directory; it knows nothing of UEFI.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
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
from debusine.util.command import Command, CommandError, run

_TIMEOUT_S = 60
_GPG = ("gpg", "--batch", "--no-tty", "--quiet", "--pinentry-mode", "loopback", "--passphrase", "")


class GnupgKeyStore:
    """
    Keys of one GnuPG home directory.

    :param home: is made; :meth:`close` ends the agent that GnuPG starts for it
    """

    def __init__(self, home: Path) -> None:
        home.mkdir(mode=0o700, exist_ok=True)
        self.home = home
        self._env = {**os.environ, "GNUPGHOME": str(home), "LC_ALL": "C.UTF-8"}
        self._purposes: dict[str, KeyPurpose] = {}

    def close(self) -> None:
        """End the agent that holds the keys."""
        run(Command(["gpgconf", "--kill", "all"], env=self._env, timeout_s=_TIMEOUT_S))

    @property
    def trusted_certs(self) -> Collection[str]:
        """None."""
        return ()

    def generate(
        self, purpose: KeyPurpose, description: str, *, occasion: Occasion
    ) -> SigningKeyData:
        """Make an Ed25519 key that signs and never expires; see the port."""
        del occasion
        before = set(self._fingerprints())
        self._gpg("--quick-generate-key", description, "ed25519", "sign", "never")
        (fingerprint,) = set(self._fingerprints()) - before
        self._purposes[fingerprint] = purpose
        return SigningKeyData.of(
            purpose=purpose,
            fingerprint=fingerprint,
            public_key=self._gpg("--export", fingerprint),
            description=description,
        )

    def has_key(self, purpose: KeyPurpose, fingerprint: str) -> bool:
        """Whether there is a key of a purpose."""
        return self._purposes.get(fingerprint) is purpose

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
        del occasion
        check_mode(purpose, mode)
        self._require(purpose, fingerprints)
        how = "--clear-sign" if mode is SigningMode.CLEAR else "--detach-sign"
        keys = [word for fingerprint in fingerprints for word in ("--local-user", fingerprint)]
        try:
            self._gpg("--yes", "--armor", *keys, "--output", str(target), how, str(source))
        except CommandError as error:
            raise SigningError(f"cannot sign {source.name}", details=error.details) from error

    def debsign(self, fingerprint: str, changes: Path, *, occasion: Occasion) -> None:
        """Sign an upload in place; see the port."""
        del occasion
        self._require(KeyPurpose.OPENPGP_UPLOAD, [fingerprint])
        # debsign needs a program of one word
        program = self.home / "gpg"
        program.write_text(f'#!/bin/sh\nexec {" ".join(_GPG[:-1])} "" "$@"\n')
        program.chmod(0o700)
        argv = ["debsign", "--no-conf", f"-p{program}", f"-k{fingerprint}", "--re-sign"]
        try:
            command = Command(
                [*argv, changes.name], cwd=changes.parent, env=self._env, timeout_s=_TIMEOUT_S
            )
            run(command)
        except CommandError as error:
            raise SigningError(f"cannot sign {changes.name}", details=error.details) from error

    def verify(self, signed: Path, source: Path | None = None) -> list[str]:
        """
        Fingerprints of the keys whose signatures are good, sorted.

        :param signed: the signature, or the file that holds it
        :param source: what was signed, if it is another file
        :raises CommandError: if a signature is not good
        """
        files = [str(signed), *([] if source is None else [str(source)])]
        said = self._gpg("--status-fd", "1", "--verify", *files).decode()
        return sorted(
            line.split()[2] for line in said.splitlines() if line.startswith("[GNUPG:] VALIDSIG ")
        )

    def _fingerprints(self) -> list[str]:
        listed = self._gpg("--with-colons", "--list-secret-keys").decode().splitlines()
        return [line.split(":")[9] for line in listed if line.startswith("fpr:")]

    def _require(self, purpose: KeyPurpose, fingerprints: Sequence[str]) -> None:
        for fingerprint in fingerprints:
            if not self.has_key(purpose, fingerprint):
                raise NoSuchKeyError(f"no key {purpose.value}:{fingerprint}")

    def _gpg(self, *arguments: str) -> bytes:
        return run(Command([*_GPG, *arguments], env=self._env, timeout_s=_TIMEOUT_S)).stdout
