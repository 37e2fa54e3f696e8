# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from pathlib import Path

import pytest

from debusine.errors import NotPossibleError
from debusine.util.subids import SubIds, free_range, subids_for


def test_subids_by_name_and_number(tmp_path: Path) -> None:
    file = tmp_path / "subuid"
    file.write_text("root:200000:65536\nother:1:2\n# comment\nroot:broken:1\n0:300000:10\n")
    assert subids_for("root", file) == [SubIds(200000, 65536), SubIds(300000, 10)]
    assert subids_for("nobody-here", file) == []
    assert subids_for("root", tmp_path / "missing") == []


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("", 100000),
        ("a:100000:65536\n", 165536),
        ("b:300000:10\nnonsense\na:100000:65536\n", 165536),
        ("b:230000:10\na:100000:65536\n", 230010),
        ("a:100000:65536\na:120000:10\n", 165536),
    ],
)
def test_a_free_range_overlaps_no_other(tmp_path: Path, text: str, first: int) -> None:
    file = tmp_path / "subuid"
    file.write_text(text)
    assert free_range(file) == first


def test_a_file_that_is_not_there_takes_nothing(tmp_path: Path) -> None:
    assert free_range(tmp_path / "subuid") == 100000


def test_no_room(tmp_path: Path) -> None:
    file = tmp_path / "subuid"
    file.write_text("a:100000:600000000\n")
    with pytest.raises(NotPossibleError, match="no free range"):
        free_range(file)
