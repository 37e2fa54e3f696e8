# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest

from debusine.domain.pocket import Pocket, pocket_of


def solved(base: str, *overlays: str) -> Pocket:
    count = f"-count(changed,APT-Release:=/{overlays[0]}/)"
    return Pocket(
        base=base,
        overlays=overlays,
        resolver="aspcud",
        criteria=f"-count(down),{count},-removed,-changed,-new",
    )


@pytest.mark.parametrize(
    ("suite", "expected"),
    [
        ("trixie", Pocket(base="trixie")),
        ("unreleased", Pocket(base="sid")),
        ("unstable", Pocket(base="sid")),
        ("experimental", solved("sid", "experimental")),
        ("rc-buggy", solved("sid", "experimental")),
        ("bookworm-backports", solved("bookworm", "bookworm-backports")),
        (
            "bookworm-backports-sloppy",
            solved("bookworm", "bookworm-backports", "bookworm-backports-sloppy"),
        ),
        (
            "bookworm-backports-staging",
            solved("bookworm", "bookworm-backports", "bookworm-backports-staging"),
        ),
        ("bookworm-updates", Pocket(base="bookworm", overlays=("bookworm-updates",))),
        (
            "bookworm-proposed-updates",
            Pocket(base="bookworm", overlays=("bookworm-proposed-updates",)),
        ),
        ("bookworm-security", Pocket(base="bookworm", security="bookworm-security")),
        ("some-thing", Pocket(base="some-thing")),
    ],
)
def test_what_a_suite_is_built_in(suite: str, expected: Pocket) -> None:
    assert pocket_of(suite) == expected
