# SPDX-License-Identifier: GPL-3.0-or-later
"""
The keys of the service itself, which seal all others.

::

    DIRECTORY/*.key    32 bytes each, a Curve25519 private key, readable by its owner only

The first by name seals; all of them open. So a new one is put in front of an old one,
which can go once nothing is sealed with it any more.
"""

from __future__ import annotations

import base64
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from nacl.exceptions import CryptoError
from nacl.public import PrivateKey, PublicKey, SealedBox

from debusine.errors import ConflictError, UserError
from debusine.tasks.signing.key_store import SigningError
from debusine.util.files import write_atomically

SUFFIX = ".key"
STORAGE = "nacl"


class ServiceKeyError(UserError):
    """A key of the signing service cannot be used."""

    code = "service-key"


@dataclass(frozen=True, slots=True)
class ServiceKeys:
    """
    Seals private keys, and opens them again.

    :param keys: the first one seals; not empty
    """

    keys: Sequence[PrivateKey]

    @classmethod
    def read(cls, directory: Path) -> ServiceKeys:
        """
        Read the keys of a directory.

        :raises ServiceKeyError: if there is none, or one cannot be used
        """
        keys = [_read(path) for path in sorted(directory.glob(f"*{SUFFIX}"))]
        if not keys:
            raise ServiceKeyError(
                f"there is no service key in {directory}",
                resolution=f"debusine-signing service-key {directory}/0001{SUFFIX}",
            )
        return cls(keys)

    def seal(self, secret: bytes) -> dict[str, str]:
        """Encrypt; what is returned goes into a row."""
        own = self.keys[0].public_key
        sealed = SealedBox(PublicKey(bytes(own))).encrypt(secret)
        return {
            "storage": STORAGE,
            "public_key": _text(bytes(own)),
            "encrypted": _text(sealed),
        }

    def open(self, sealed: Mapping[str, str]) -> bytes:
        """
        Decrypt what :meth:`seal` returned.

        :raises SigningError: if it was sealed by a key that is not here, or was changed
        """
        for key in self.keys:
            if _text(bytes(key.public_key)) == sealed.get("public_key"):
                try:
                    return SealedBox(key).decrypt(base64.b64decode(sealed["encrypted"]))
                except (CryptoError, ValueError, KeyError) as error:
                    raise SigningError("the stored key was damaged") from error
        raise SigningError(
            "the service key that sealed this key is not here",
            resolution="Put its file back into the directory of service keys.",
        )


def make_service_key(path: Path) -> None:
    """
    Make a key of the service.

    :raises ConflictError: if the file exists; what it sealed would be lost
    :raises ServiceKeyError: if it cannot be written
    """
    if path.exists():
        raise ConflictError(f"{path} exists; what it has sealed would be lost")
    try:
        write_atomically(path, bytes(PrivateKey.generate()), mode=0o600)
    except OSError as error:
        raise ServiceKeyError(f"cannot write {path}", details=str(error)) from error


def _read(path: Path) -> PrivateKey:
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
        content = path.read_bytes()
    except OSError as error:
        raise ServiceKeyError(f"cannot read {path}", details=str(error)) from error
    if mode & 0o077:
        raise ServiceKeyError(
            f"{path} can be read or changed by others", resolution=f"chmod go= {path}"
        )
    if len(content) != PrivateKey.SIZE:
        raise ServiceKeyError(f"{path} does not hold {PrivateKey.SIZE} bytes")
    return PrivateKey(content)


def _text(content: bytes) -> str:
    return base64.b64encode(content).decode()
