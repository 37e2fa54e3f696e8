# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from debusine.worker.directories import (
    TaskDirectories,
    choose_scratch_base,
    clean_leftovers,
    create,
    is_passable,
    make_working_directory,
)
from debusine.worker.user import Account

ACCOUNT = Account.current()


@pytest.fixture
def working(tmp_path: Path) -> Path:
    path = tmp_path / "work"
    make_working_directory(path)
    return path


def test_made_for_sub_ids_to_pass(working: Path, tmp_path: Path) -> None:
    base = tmp_path / "scratch"
    base.mkdir()
    made, lock = create(7, working=working, scratch_base=base, account=ACCOUNT)
    with lock:
        assert made.root.name.startswith("WR-7-")
        assert made.scratch.parent == base
        assert made.scratch.name == "debusine-" + made.root.name
        modes = {
            path.name: path.stat().st_mode & 0o777
            for path in (working, made.work, made.home, made.tmp, made.spool)
        }
        assert modes == {"work": 0o711, "home": 0o711, "tmp": 0o711, "spool": 0o700}
        assert made.root.stat().st_mode & 0o777 == 0o711
    made.remove()
    assert list(working.iterdir()) == []
    assert list(base.iterdir()) == []


def test_names_survive_json(tmp_path: Path) -> None:
    made = TaskDirectories(root=tmp_path / "a", scratch=tmp_path / "b")
    assert TaskDirectories.from_json(made.to_json()) == made


def test_scratch_in_the_work_directory(working: Path) -> None:
    made, lock = create(7, working=working, scratch_base=None, account=ACCOUNT)
    with lock:
        assert made.scratch.parent == made.root


def test_leftovers_go_with_their_scratch(working: Path, tmp_path: Path) -> None:
    base = tmp_path / "scratch"
    base.mkdir()
    made, lock = create(7, working=working, scratch_base=base, account=ACCOUNT)
    (made.scratch / "file").touch()
    lock.release()
    assert clean_leftovers(working) == 1
    assert list(working.iterdir()) == list(base.iterdir()) == []


def test_what_is_in_use_stays(working: Path) -> None:
    made, lock = create(7, working=working, scratch_base=None, account=ACCOUNT)
    with lock:
        assert clean_leftovers(working) == 0
        assert made.tmp.is_dir()


def test_what_is_just_being_made_stays(working: Path) -> None:
    root = working / "WR-7-abc"
    root.mkdir()
    assert clean_leftovers(working) == 0
    os.utime(root, (time.time() - 100, time.time() - 100))
    assert clean_leftovers(working) == 1


def test_cleaning_does_not_follow_a_forged_name(working: Path, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.mkdir()
    made, lock = create(7, working=working, scratch_base=None, account=ACCOUNT)
    (made.root / "scratch").write_text(str(victim))
    lock.release()
    clean_leftovers(working)
    assert victim.is_dir()


@pytest.mark.parametrize("name", ["system-images", "WR-x", "reports", "WR-7-a.b"])
def test_other_directories_stay(working: Path, name: str) -> None:
    (working / name).mkdir()
    (working / "WR-8-link").symlink_to(working / name)
    assert clean_leftovers(working) == 0
    assert (working / name).is_dir()


def test_missing_working_directory_has_no_leftovers(tmp_path: Path) -> None:
    assert clean_leftovers(tmp_path / "none") == 0


def test_configured_scratch_is_made(working: Path, tmp_path: Path) -> None:
    chosen = tmp_path / "elsewhere"
    assert choose_scratch_base(chosen, working) == chosen
    assert chosen.stat().st_mode & 0o777 == 0o711


def test_passable(tmp_path: Path) -> None:
    inner = tmp_path / "closed" / "inner"
    inner.mkdir(parents=True)
    inner.parent.chmod(0o700)
    assert not is_passable(inner)
    assert is_passable(Path("/var/tmp"))
