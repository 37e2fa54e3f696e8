# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from pathlib import Path

import pytest

from debusine.cli.embedded import ensure_server
from debusine.client.local_server import DataDir
from debusine.errors import UserError
from debusine.standalone.main import make_data_dir


@pytest.mark.parametrize(
    "names", [[], ["in-use", "apt"], ["lost+found"], ["secret-key"], ["lock", "store"]]
)
def test_a_data_directory_is_new_or_has_had_a_server(tmp_path: Path, names: list[str]) -> None:
    for name in names:
        (tmp_path / name).touch()
    DataDir(tmp_path).require_own()


def test_a_data_directory_need_not_exist(tmp_path: Path) -> None:
    DataDir(tmp_path / "new").require_own()


def test_nobody_takes_a_directory_of_something_else(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").touch()
    with pytest.raises(UserError, match=r"holds thesis\.txt"):
        make_data_dir(DataDir(tmp_path))
    with pytest.raises(UserError, match=r"holds thesis\.txt"), ensure_server(DataDir(tmp_path)):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]
