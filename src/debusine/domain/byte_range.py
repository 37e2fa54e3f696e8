# SPDX-License-Identifier: GPL-3.0-or-later
"""Ranges of bytes in HTTP headers: of an upload, and of a download."""

from __future__ import annotations

import re
from dataclasses import dataclass

from debusine.errors import UserError

_NUMBER = r"[0-9]{1,18}"
_CONTENT_RANGE = re.compile(
    rf"bytes (?:(?P<query>\*)|(?P<start>{_NUMBER})-(?P<end>{_NUMBER}))/(?P<size>\*|{_NUMBER})"
)
_RANGE = re.compile(rf"bytes=(?P<start>{_NUMBER})?-(?P<end>{_NUMBER})?")


@dataclass(frozen=True, kw_only=True, slots=True)
class StatusQuery:
    """A client asks how much of a file has arrived."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Chunk:
    """
    A client sends a part of a file.

    :param length: number of bytes that must come; None: as many as come, up to the end
    """

    start: int
    length: int | None


def parse_content_range(header: str | None, *, size: int) -> StatusQuery | Chunk:
    """
    Read the ``Content-Range`` header of an upload (RFC 9110 14.4).

    :param header: None when there is none: the body is the file from its beginning
    :param size: of the whole file, as it was declared
    :raises UserError: if the header is malformed or does not fit the file

    >>> parse_content_range("bytes 0-9/20", size=20)
    Chunk(start=0, length=10)
    >>> parse_content_range("bytes */*", size=20)
    StatusQuery()
    """
    if header is None:
        return Chunk(start=0, length=None)
    match = _CONTENT_RANGE.fullmatch(header.strip())
    if match is None:
        raise UserError("Invalid Content-Range", details=f"cannot read {header:.100}")
    if match["size"] not in {"*", str(size)}:
        raise UserError(
            "Invalid Content-Range",
            details=f"the file was declared with {size} bytes, not {match['size']}",
        )
    if match["query"]:
        return StatusQuery()
    start, end = int(match["start"]), int(match["end"])
    if end < start:
        raise UserError("Invalid Content-Range", details=f"{header:.100} ends before it starts")
    if start > size or end >= size:
        raise UserError("Invalid Content-Range", details=f"the file ends at {size} bytes")
    return Chunk(start=start, length=end - start + 1)


def parse_range(header: str | None, *, size: int) -> range | None:
    """
    Read the ``Range`` header of a download.

    :param size: of the whole file
    :returns: the offsets asked for, clipped to the file; None: the whole file
    :raises UserError: for other units, several ranges, or one that lies outside

    >>> parse_range("bytes=-5", size=20)
    range(15, 20)
    """
    if header is None:
        return None
    match = _RANGE.fullmatch(header.strip())
    if match is None or not (match["start"] or match["end"]):
        raise UserError("Invalid Range", details=f"cannot read {header:.100}")
    if match["start"] is None:
        found = range(max(0, size - int(match["end"])), size)
    else:
        last = size - 1 if match["end"] is None else min(int(match["end"]), size - 1)
        found = range(int(match["start"]), last + 1)
    if not found:
        raise UserError("Invalid Range", details=f"{header:.100} is outside of {size} bytes")
    return found
