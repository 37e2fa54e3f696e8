# SPDX-License-Identifier: GPL-3.0-or-later
"""The content type a stored file is served with: never one that a browser would run."""

from __future__ import annotations

import re

_SAFE = frozenset(
    {
        "text/plain",
        "text/pgp",
        "text/markdown",
        "application/json",
        "application/pgp-signature",
        "application/gzip",
        "application/octet-stream",
        "application/vnd.debian.binary-package",
        "application/x-bzip2",
        "application/x-tar",
        "application/x-xz",
        "application/zstd",
    }
)
_BY_SUFFIX = {
    **dict.fromkeys(
        ("build", "buildinfo", "changes", "dsc", "log", "md", "sources", "txt"),
        "text/plain; charset=utf-8",
    ),
    "asc": "application/pgp-signature",
    "bz2": "application/x-bzip2",
    "deb": "application/vnd.debian.binary-package",
    "gz": "application/gzip",
    "json": "application/json",
    "sig": "application/pgp-signature",
    "tar": "application/x-tar",
    "udeb": "application/vnd.debian.binary-package",
    "xz": "application/x-xz",
    "zst": "application/zstd",
}
_FORM = re.compile(r"[\w.+-]+/[\w.+-]+( ?; ?[\w-]+=(?:[\w.+:-]+|\"[\w.+: -]*\"))*", re.ASCII)
MAX_CONTENT_TYPE_LENGTH = 255


def is_content_type(text: str) -> bool:
    """
    Whether a text is a content type that may be stored.

    >>> is_content_type("text/plain; charset=utf-8"), is_content_type("text/plain x")
    (True, False)
    """
    return len(text) <= MAX_CONTENT_TYPE_LENGTH and _FORM.fullmatch(text) is not None


def content_type_of(path: str, stored: str | None) -> str:
    """
    The content type to serve a file with.

    :param stored: what the client declared; None leaves the guess to its name

    >>> content_type_of("report.html", "text/html")
    'text/plain'
    >>> content_type_of("hello_2.10-3_amd64.deb", None)
    'application/vnd.debian.binary-package'
    """
    if stored is None:
        return _BY_SUFFIX.get(path.rpartition(".")[2], "application/octet-stream")
    kind = stored.partition(";")[0].strip()
    if kind in _SAFE:
        return stored
    return "text/plain" if kind.startswith("text/") else "application/octet-stream"
