# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from debian.debian_support import NativeVersion
from hypothesis import example, given
from hypothesis import strategies as st

from debusine.domain.version import MAX_LENGTH, VersionError, version_rank

_parts = st.text(alphabet="019aZ~.+-", min_size=1, max_size=12)
_versions = st.one_of(_parts, st.builds("{}:{}".format, st.integers(0, 12), _parts))


@given(_versions, _versions)
@example("1.0", "1.0~rc1")
@example("1.0", "0:1.00-0")
@example("1.", "1.0")
@example("a", "a0")
@example("1.0-1", "1.0-1+b1")
@example("9", "10")
@example("1", "1.")
def test_bytes_compare_as_versions_do(one: str, other: str) -> None:
    # NativeVersion wants both to match the form of versions; the part after it is dpkg's
    expected = _compare(one, other)
    ranks = version_rank(one), version_rank(other)
    assert (ranks[0] > ranks[1]) - (ranks[0] < ranks[1]) == expected


def _compare(one: str, other: str) -> int:
    def split(version: str) -> tuple[int, str, str]:
        epoch, colon, rest = version.partition(":")
        upstream, hyphen, revision = (rest if colon else version).rpartition("-")
        if not hyphen:
            upstream, revision = revision, ""
        return int(epoch) if colon else 0, upstream, revision

    left, right = split(one), split(other)
    if left[0] != right[0]:
        return 1 if left[0] > right[0] else -1
    for pair in zip(left[1:], right[1:], strict=True):
        # the rule of Debian Policy 5.6.12 for one part
        found: int = NativeVersion._version_cmp_part(*pair)
        if found:
            return found
    return 0


@pytest.mark.parametrize("version", ["", "é", "x:1", ":1", "1" * (MAX_LENGTH + 1), "1\0"])
def test_what_is_no_version(version: str) -> None:
    with pytest.raises(VersionError):
        version_rank(version)


def test_long_numbers_fit() -> None:
    assert version_rank("9" * MAX_LENGTH) > version_rank("9" * (MAX_LENGTH - 1))
    assert len(version_rank("a1" * 127)) <= 4 * 254 + 8
