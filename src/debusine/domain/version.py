# SPDX-License-Identifier: GPL-3.0-or-later
"""
Versions of Debian packages as bytes that a database can sort.

:source: Debian Policy 5.6.12, deb-version(7); the comparison is that of dpkg
"""

from __future__ import annotations

import re

from debusine.errors import UserError

MAX_LENGTH = 255
_PARTS = re.compile(r"([^0-9]*)([0-9]*)")
# "~" sorts before the end of a part, and that before letters; all else comes last
_TILDE = 1
_END = 2
_FIRST_LETTER = 16
_OTHER = 128


class VersionError(UserError):
    """A text cannot be the version of a package."""

    code = "version"


def version_rank(version: str) -> bytes:
    """
    Encode a version so that bytes compare as dpkg compares versions.

    Versions that dpkg takes for equal, such as ``1.0`` and ``0:1.00-0``, give the same bytes.

    :returns: at most four bytes for each character, and eight more
    :raises VersionError: for what is empty, no ASCII, longer than 255 characters, or has
        an epoch that is no number

    >>> version_rank("1.0~rc1-1") < version_rank("1.0-1") < version_rank("1:0.5")
    True
    """
    if not version or len(version) > MAX_LENGTH or not version.isascii() or "\0" in version:
        raise VersionError(f"not a version of a package: {version!r:.80}")
    epoch, colon, rest = version.partition(":")
    if not colon:
        epoch, rest = "0", version
    if not epoch.isdigit():
        raise VersionError(f"version {version!r} has an epoch that is no number")
    upstream, hyphen, revision = rest.rpartition("-")
    if not hyphen:
        upstream, revision = rest, ""
    return _number(epoch) + _part(upstream) + _part(revision)


def _part(text: str) -> bytes:
    """Encode an upstream version or a revision: text and number in turn, and an end."""
    # nothing is as much as 0
    pairs = [(found[1], found[2]) for found in _PARTS.finditer(text) if found[0]] or [("", "")]
    encoded = b"".join(_text(chars) + _number(digits) for chars, digits in pairs)
    return encoded + bytes([_END])


def _text(chars: str) -> bytes:
    return bytes([*(_weight(char) for char in chars), _END])


def _weight(char: str) -> int:
    if char == "~":
        return _TILDE
    return ord(char) - ord("A") + _FIRST_LETTER if char.isalpha() else ord(char) + _OTHER


def _number(digits: str) -> bytes:
    significant = digits.lstrip("0").encode()
    return bytes([len(significant)]) + significant
