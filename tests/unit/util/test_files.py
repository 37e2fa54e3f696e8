# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from debusine.errors import UserError
from debusine.util.files import replace_file, safe_join, sha256_of, write_atomically


def test_sha256(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"x" * 3_000_000)
    assert sha256_of(tmp_path / "f") == hashlib.sha256(b"x" * 3_000_000).hexdigest()


def test_write_atomically_replaces_and_leaves_nothing_else(tmp_path: Path) -> None:
    target = tmp_path / "f"
    target.write_text("old")
    write_atomically(target, b"new", mode=0o600)
    assert target.read_bytes() == b"new"
    assert target.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["f"]


def test_an_exception_keeps_the_old_content(tmp_path: Path) -> None:
    target = tmp_path / "f"
    target.write_text("old")
    with pytest.raises(ZeroDivisionError):
        fail_half_way(target)
    assert target.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["f"]


def fail_half_way(target: Path) -> None:
    with replace_file(target) as stream:
        stream.write(b"half" * (1 // 0))


@pytest.mark.parametrize("bad", ["", "/etc/passwd", "..", "a/../../b", "a/..", "a\0b", "."])
def test_safe_join_refuses(tmp_path: Path, bad: str) -> None:
    with pytest.raises(UserError, match="leads out"):
        safe_join(tmp_path, bad)


def test_safe_join_refuses_links_that_lead_out(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "link").symlink_to(tmp_path)
    with pytest.raises(UserError, match="leads out"):
        safe_join(tmp_path / "in", "link/file")


@pytest.mark.parametrize("good", ["a", "a/b", "a..b", ".hidden"])
def test_safe_join(tmp_path: Path, good: str) -> None:
    assert safe_join(tmp_path, good) == tmp_path / good
