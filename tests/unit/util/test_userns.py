# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from pathlib import Path

import pytest

from debusine.errors import NotPossibleError
from debusine.util.userns import (
    check_unshare,
    mounts_below,
    remove_tree,
)


def test_missing_tool_names_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for tool in ("unshare", "nsenter"):
        (tmp_path / tool).write_text("#!/bin/sh\n")
        (tmp_path / tool).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NotPossibleError) as caught:
        check_unshare()
    assert caught.value.resolution == "As an administrator: apt-get install uidmap"


def test_remove_tree(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    (tree / "a" / "b").mkdir(parents=True)
    (tree / "a" / "link").symlink_to(tmp_path)
    remove_tree(tree)
    remove_tree(tree)
    assert list(tmp_path.iterdir()) == []


def test_remove_tree_follows_no_link(tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    link = tmp_path / "link"
    link.symlink_to("kept")
    remove_tree(link)
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]


def test_mounts_below() -> None:
    assert Path("/proc") in mounts_below(Path("/proc"))
    assert Path("/proc") not in mounts_below(Path("/pro"))
    everything = mounts_below(Path("/"))
    assert everything.index(Path("/proc")) < everything.index(Path("/"))
