# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from pathlib import Path

import pytest

from debusine.artifacts.base import check_data, describe
from debusine.artifacts.kinds.debug_symbols import DebugSymbols
from debusine.errors import UserError
from debusine.testing.packages import write_deb

ROOT = "usr/lib/debug/.build-id"


def test_debug_information_is_extracted_by_build_id(tmp_path: Path) -> None:
    deb = write_deb(
        tmp_path,
        files={
            f"{ROOT}/ab/{'0' * 38}.debug": b"zero",
            f"{ROOT}/cd/{'1' * 38}.debug": b"one",
            "usr/lib/debug/.dwz/x86_64-linux-gnu/hello.debug": b"shared",
            "usr/share/doc/hello-dbgsym": b"",
        },
    )
    target = tmp_path / "out"
    target.mkdir()
    artifact = DebugSymbols.from_deb(deb, target)
    assert artifact is not None
    ids = ["ab" + "0" * 38, "cd" + "1" * 38]
    assert artifact.data.model_dump() == {"build_ids": ids}
    assert [artifact.files[each].read_bytes() for each in ids] == [b"zero", b"one"]
    assert describe(artifact.category, {"build_ids": ids}) == "debug-symbols (2 build-ids)"
    assert describe(artifact.category, {"build_ids": ids[:1]}) == "debug-symbols (1 build-id)"


def test_a_package_without_any_makes_no_artifact(tmp_path: Path) -> None:
    assert DebugSymbols.from_deb(write_deb(tmp_path, files={"usr/x": b""}), tmp_path) is None


@pytest.mark.parametrize("name", ["ab/short.debug", f"ab/{'0' * 38}.so", "ab/../../../x"])
def test_other_layouts_are_refused(tmp_path: Path, name: str) -> None:
    deb = write_deb(tmp_path, files={f"{ROOT}/{name}": b""})
    with pytest.raises(UserError, match="unexpected debug information"):
        DebugSymbols.from_deb(deb, tmp_path)


def test_build_ids_are_unique_and_well_formed() -> None:
    for build_ids in (["a" * 40, "a" * 40], ["A" * 40], ["a" * 39]):
        with pytest.raises(UserError):
            check_data("debian:debug-symbols", {"build_ids": build_ids})
