# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from debusine.errors import NotPossibleError
from debusine.testing.made_once import VARIABLE, made_once


@pytest.fixture(autouse=True)
def _place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path))


def test_who_comes_at_the_same_time_gets_the_same() -> None:
    calls = []

    def make(directory: Path) -> None:
        calls.append(directory)
        (directory / "content").write_text("made")

    with ThreadPoolExecutor(4) as pool:
        found = set(pool.map(lambda _: made_once("thing", make), range(4)))
    [directory] = found
    assert (directory / "content").read_text() == "made"
    assert len(calls) == 1


def test_what_could_not_be_made_is_made_by_the_next() -> None:
    def fail(directory: Path) -> None:
        (directory / "half").touch()
        raise NotPossibleError("no room")

    with pytest.raises(NotPossibleError):
        made_once("thing", fail)
    directory = made_once("thing", lambda place: (place / "whole").touch())
    assert [path.name for path in directory.iterdir()] == ["whole"]
