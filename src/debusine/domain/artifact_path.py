# SPDX-License-Identifier: GPL-3.0-or-later
"""Paths of files in artifacts: what is accepted from clients, and how names are written out."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from urllib.parse import quote

MAX_PATH_LENGTH = 500


def path_problem(path: str) -> str | None:
    """
    Say what is wrong with a path; None if it may be used.

    A path is relative and stays inside: it is written to disk by whoever
    downloads the artifact.

    >>> path_problem("pool/hello_2.10-3_amd64.deb")
    >>> path_problem("../../etc/passwd")
    'path must not hold empty parts, "." or ".."'
    """
    if not path or len(path) > MAX_PATH_LENGTH:
        return f"path must have 1 to {MAX_PATH_LENGTH} characters"
    if any(unicodedata.category(character) in {"Cc", "Cs"} for character in path):
        return "path must not hold control characters"
    if any(part in {"", ".", ".."} for part in path.split("/")):
        return 'path must not hold empty parts, "." or ".."'
    if any(len(part.encode()) > 255 for part in path.split("/")):  # noqa: PLR2004  NAME_MAX
        return "a part of the path is longer than 255 bytes"
    return None


def directories_that_are_files(paths: Iterable[str]) -> list[str]:
    """
    Paths that are a file and, by another path, also a directory.

    :returns: sorted, may be empty

    >>> directories_that_are_files(["a", "a/b", "c/d"])
    ['a']
    """
    known = set(paths)
    parents = {
        "/".join(parts[:length])
        for parts in (path.split("/") for path in known)
        for length in range(1, len(parts))
    }
    return sorted(known & parents)


def disposition(kind: str, name: str) -> str:
    """
    Write a ``Content-Disposition`` header.

    :param kind: ``attachment`` or ``inline``
    :source: RFC 6266

    >>> disposition("attachment", "hello.dsc")
    'attachment; filename="hello.dsc"'
    >>> disposition("inline", 'ä".txt')
    "inline; filename*=UTF-8''%C3%A4%22.txt"
    """
    if name.isascii() and not set(name) & set('"\\'):
        return f'{kind}; filename="{name}"'
    return f"{kind}; filename*=UTF-8''{quote(name, safe='')}"
