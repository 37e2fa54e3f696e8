# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks that several kinds make of their files."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

from pydantic import AnyUrl, TypeAdapter

from debusine.errors import UserError


def only_file(title: str, files: Mapping[str, Path | None], *suffixes: str) -> str:
    """
    Find the one file with one of the suffixes; others are not looked at.

    :param title: of the kind, for the message
    :returns: its path in the artifact
    :raises UserError: if there is none or more than one
    """
    found = [path for path in files if path.endswith(suffixes)]
    if len(found) != 1:
        names = ", ".join(sorted(found)) or "none"
        raise UserError(f"{title} needs exactly one {' or '.join(suffixes)} file, found {names}")
    return found[0]


def check_single(title: str, files: Mapping[str, Path | None], *suffixes: str) -> str:
    """
    Insist on exactly one file, which has one of the suffixes.

    :returns: its path in the artifact
    :raises UserError: if there are more, or none
    """
    path = only_file(title, files, *suffixes)
    check_same_files(title, files, {path})
    return path


def check_same_files(
    owner: str, files: Mapping[str, Path | None], expected: Collection[str]
) -> None:
    """
    Insist on exactly the files expected.

    :param owner: what says which files belong, for the message
    :raises UserError: naming those that are missing or left over
    """
    missing = sorted(set(expected) - set(files))
    left_over = sorted(set(files) - set(expected))
    if missing:
        raise UserError(f"{owner}: files are missing: {', '.join(missing)}")
    if left_over:
        raise UserError(f"{owner}: files do not belong to it: {', '.join(left_over)}")


def check_url(text: str) -> str:
    """
    Insist on a URL, and keep it as it was written.

    :raises ValueError: if it is none
    """
    TypeAdapter(AnyUrl).validate_python(text)
    return text
