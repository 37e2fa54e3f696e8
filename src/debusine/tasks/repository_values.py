# SPDX-License-Identifier: GPL-3.0-or-later
"""
What users may say of an APT repository: nothing that APT, or a shell, would read as more.

The values go to files that APT reads as root. They hold no line break, and a blank only
where it separates suites.

:source: sources.list(5), RFC 9580 section 6.2
"""

from __future__ import annotations

import re
from typing import Annotated, TypeAlias

from pydantic import AfterValidator, AnyUrl, BeforeValidator, UrlConstraints

SCHEMES = frozenset(
    {"http", "https", "ftp", "tor+http", "tor+https", "mirror+http", "mirror+https"}
)
"""What APT fetches by itself; other methods start programs or read files."""

_WORD = re.compile(r"[A-Za-z0-9_-]+")
_SUITES = re.compile(r"[A-Za-z0-9_./-]+(?: [A-Za-z0-9_./-]+)*")
_PLACE = re.compile(r"[A-Za-z0-9._~:/?@!$&()*+,;=%-]*")
_BLANK_OR_CONTROL = re.compile(r"[\x00-\x20\x7f-\xa0\u2028\u2029]")

_BEGIN = "-----BEGIN PGP PUBLIC KEY BLOCK-----"
_END = "-----END PGP PUBLIC KEY BLOCK-----"
_KEY_LINE = re.compile(r"[A-Za-z0-9+/=]*|[A-Za-z0-9-]+: [ -~]*")


def check_words(values: list[str] | None) -> list[str] | None:
    """
    Check names of components or architectures; an empty list is none at all.

    :raises ValueError: if one is no word
    """
    for value in values or []:
        if not _WORD.fullmatch(value):
            message = f"{value!r} may hold only letters, digits, '_' and '-'"
            raise ValueError(message)
    return values or None


def check_suite(value: str) -> str:
    """
    Check the name of a suite, or the names of several with one blank between them.

    :raises ValueError: if it is none, or flat and other suites are mixed

    >>> check_suite("trixie trixie-updates"), check_suite("./")
    ('trixie trixie-updates', './')
    """
    if not _SUITES.fullmatch(value):
        message = (
            f"{value!r} may hold only letters, digits and '_./-';"
            " single spaces stand between several suites"
        )
        raise ValueError(message)
    if len({suite.endswith("/") for suite in value.split()}) > 1:
        message = f"{value!r}: either all suites end with '/' or none does"
        raise ValueError(message)
    return value


def _check_text(value: object) -> object:
    # whoever parses URLs would drop or quote them
    if isinstance(value, str) and _BLANK_OR_CONTROL.search(value):
        message = "must be a URL without blanks, line breaks and control characters"
        raise ValueError(message)
    return value


def _check_url(url: AnyUrl) -> AnyUrl:
    if url.username is not None or url.password is not None:
        message = (
            "must not hold a user name or password: they would be stored and shown;"
            " the APT configuration of the worker may have them, see apt_auth.conf(5)"
        )
        raise ValueError(message)
    if url.scheme not in SCHEMES:
        message = f"{url.scheme!r} is none of {', '.join(sorted(SCHEMES))}"
        raise ValueError(message)
    place = (url.path or "") + ("" if url.query is None else f"?{url.query}")
    if url.fragment is not None or not _PLACE.fullmatch(place):
        message = "must not hold brackets, quotes, '#', '\\', '^', '`' or '|'"
        raise ValueError(message)
    return url


def check_key(text: str) -> str:
    """
    Check that a text is one or more armoured public keys, and nothing else.

    :returns: the same without blanks at ends of lines and lines around it
    :raises ValueError: if it is not; the message does not show it
    """
    lines = [line.rstrip(" \t\r") for line in text.split("\n")]
    is_inside, blocks = False, 0
    for number, line in enumerate(lines, start=1):
        is_border = line == (_END if is_inside else _BEGIN)
        if is_border:
            is_inside = not is_inside
            blocks += is_inside
        elif not (_KEY_LINE.fullmatch(line) if is_inside else line == ""):
            message = f"must be armoured public keys alone; line {number} is not part of one"
            raise ValueError(message)
    if is_inside or not blocks:
        message = f"must be an armoured public key, from {_BEGIN} to {_END}"
        raise ValueError(message)
    return "\n".join(lines).strip("\n")


Words: TypeAlias = Annotated[list[str] | None, AfterValidator(check_words)]
Suite: TypeAlias = Annotated[str, AfterValidator(check_suite)]
RepositoryUrl: TypeAlias = Annotated[
    AnyUrl,
    UrlConstraints(host_required=True),
    BeforeValidator(_check_text),
    AfterValidator(_check_url),
]
ArmouredKey: TypeAlias = Annotated[str, AfterValidator(check_key)]
