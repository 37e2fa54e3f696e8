# SPDX-License-Identifier: GPL-3.0-or-later
"""What a signing key may be used for."""

from __future__ import annotations

from enum import StrEnum


class KeyPurpose(StrEnum):
    """The values are those of the wire."""

    UEFI = "uefi"
    OPENPGP_UPLOAD = "openpgp"
    OPENPGP_REPOSITORY = "openpgp-repository"
