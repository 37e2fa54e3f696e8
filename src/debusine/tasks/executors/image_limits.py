# SPDX-License-Identifier: GPL-3.0-or-later
"""Which system images a machine keeps, and which it does without."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from debusine.util.files import write_atomically

GIB = 1024**3


class CacheLimits(BaseModel):
    """
    What is kept at most; what is in use stays in any case.

    :param images: how many, of those that were used last
    :param size_bytes: how much room they take together
    :param age_days: how long after its last use
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    images: int = Field(default=10, ge=0)
    size_bytes: int = Field(default=20 * GIB, ge=0)
    age_days: int = Field(default=30, ge=0)


@dataclass(frozen=True, kw_only=True, slots=True)
class CachedImage:
    """
    An image on this machine.

    :param used_at: when it was used last; None if nobody knows
    :param size_bytes: with what backends made of it, about
    """

    directory: Path
    filename: str
    used_at: datetime | None
    size_bytes: int
    in_use: bool


def beyond(
    images: Iterable[CachedImage], limits: CacheLimits, *, now: datetime
) -> list[CachedImage]:
    """
    Choose what goes: all that nobody knows the last use of, then what was used longest ago.

    :returns: oldest first; what is in use counts, but is never chosen

    >>> def image(name: str, day: int, gib: int) -> CachedImage:
    ...     return CachedImage(directory=Path(name), filename="x", in_use=name == "busy",
    ...         used_at=datetime(2026, 1, day), size_bytes=gib * GIB)
    >>> images = [image("a", 9, 1), image("b", 8, 2), image("busy", 7, 1), image("c", 6, 1)]
    >>> def chosen(**limits: int) -> list[str]:
    ...     doomed = beyond(images, CacheLimits(**limits), now=datetime(2026, 1, 10))
    ...     return [str(each.directory) for each in doomed]
    >>> chosen(images=2), chosen(size_bytes=2 * GIB), chosen(age_days=2)
    (['c'], ['c', 'b'], ['c'])
    """
    known = [image for image in images if image.used_at is not None]
    known.sort(key=lambda image: image.used_at or now, reverse=True)
    doomed = [image for image in images if image.used_at is None]
    oldest = now - timedelta(days=limits.age_days)
    count = size = 0
    for image in known:
        is_kept = image.in_use or (
            count < limits.images
            and size + image.size_bytes <= limits.size_bytes
            and (image.used_at or now) >= oldest
        )
        if is_kept:
            count, size = count + 1, size + image.size_bytes
        else:
            doomed.append(image)
    return [image for image in reversed(doomed) if not image.in_use]


def read_limits(path: Path) -> CacheLimits:
    """What the worker's administrator set; the defaults if there is nothing to be read."""
    try:
        return CacheLimits.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return CacheLimits()


def write_limits(path: Path, limits: CacheLimits) -> None:
    """Say what all who use a cache keep of it."""
    write_atomically(path, limits.model_dump_json().encode(), mode=0o644)
