# SPDX-License-Identifier: GPL-3.0-or-later
"""Numbers and moments as bytes that a database can sort."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SIZE = 8
_HALF = 1 << (8 * _SIZE - 1)


def rank_of_time(moment: datetime) -> bytes:
    """Encode a moment to the microsecond, in eight bytes."""
    return rank_of_number((moment - _EPOCH) // timedelta(microseconds=1))


def rank_of_number(number: int) -> bytes:
    """
    Encode a number in eight bytes; larger ones count as the largest that fits.

    >>> rank_of_number(-1) < rank_of_number(9) < rank_of_number(10)
    True
    """
    return (max(-_HALF, min(number, _HALF - 1)) + _HALF).to_bytes(_SIZE, "big")
