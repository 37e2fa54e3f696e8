# SPDX-License-Identifier: GPL-3.0-or-later
"""``debusine:signing-key``: the public half of a key that a signing service holds."""

from __future__ import annotations

import base64
import binascii
from typing import Annotated

from pydantic import AfterValidator, Field
from typing_extensions import override

from debusine.artifacts.assets.base import AssetData, AssetKind
from debusine.domain.category import AssetCategory
from debusine.domain.key_purpose import KeyPurpose


def _base64(text: str) -> str:
    try:
        base64.b64decode(text, validate=True)
    except binascii.Error as error:
        message = "is not base64"
        raise ValueError(message) from error
    return text


class SigningKeyData(AssetData):
    """
    A key.

    :param purpose: what the key may sign
    :param fingerprint: in hexadecimal digits
    :param public_key: the certificate or OpenPGP key, in base64
    :param description: for people
    """

    purpose: KeyPurpose
    fingerprint: Annotated[str, Field(pattern=r"^[0-9A-Fa-f]{1,64}$")]
    public_key: Annotated[str, AfterValidator(_base64)]
    description: str | None

    @property
    def public_key_bytes(self) -> bytes:
        """The certificate or OpenPGP key."""
        return base64.b64decode(self.public_key)

    @classmethod
    def of(
        cls, *, purpose: KeyPurpose, fingerprint: str, public_key: bytes, description: str | None
    ) -> SigningKeyData:
        """Make the data of a key."""
        text = base64.b64encode(public_key).decode()
        return cls(
            purpose=purpose, fingerprint=fingerprint, public_key=text, description=description
        )


class SigningKey(AssetKind[SigningKeyData]):
    """A key of a workspace; no two have the same fingerprint."""

    category = AssetCategory("debusine:signing-key")
    title = "Signing key"
    needs_workspace = True

    @classmethod
    @override
    def slug(cls, data: SigningKeyData) -> str:
        return f"{data.purpose.value}:{data.fingerprint}"
