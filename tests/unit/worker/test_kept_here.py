# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import os
from pathlib import Path

import pytest

from debusine.artifacts.kinds.debug_logs import DebugLogs
from debusine.artifacts.relation import RelationType
from debusine.client.debusine import Debusine
from debusine.errors import NotPossibleError
from debusine.tasks.kinds.noop import Noop
from debusine.worker.kept_here import KEPT, REPRODUCING, read_kept
from debusine.worker.reproduction import choose_account


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    directory = tmp_path / KEPT
    directory.mkdir()
    return directory


def test_uploads_are_kept_and_the_server_is_not_asked(tmp_path: Path, kept: Path) -> None:
    task = Noop({"result": "failure"})
    # nothing listens there
    task.configure_server_access(Debusine("http://127.0.0.1:1/api", "key", patience_s=0))
    task.work_request_id = 12
    task.workspace_name = "System"
    task.set_working_directory(tmp_path / "work")
    REPRODUCING.equip(task)
    task.append_to_log_file("sub/notes.log", ["one"])
    task.execute()
    assert task.debusine is not None
    more = tmp_path / "more"
    more.mkdir()
    (more / "other.log").write_text("two")
    second = task.debusine.upload_artifact(DebugLogs.from_directory(more), workspace="System")
    related = task.debusine.relation_create(second.id, 3, RelationType.RELATES_TO)
    assert (related.artifact, related.target) == (second.id, 3)
    found = read_kept(kept)
    assert [(one.category, sorted(one.files)) for one in found] == [
        (DebugLogs.category, ["stages.log", "sub/notes.log"]),
        (DebugLogs.category, ["other.log"]),
    ]
    notes = kept / found[0].directory / "sub/notes.log"
    assert notes.read_text() == "one\nTo run this again: debusine reproduce 12\n"
    # the copy stays when the task has gone
    (more / "other.log").unlink()
    assert (kept / found[1].directory / "other.log").read_text() == "two"


def test_root_needs_a_user_to_run_tasks() -> None:
    with pytest.raises(NotPossibleError, match="there is no user nobody-of-this-name here"):
        choose_account("nobody-of-this-name", is_root=True)
    with pytest.raises(NotPossibleError, match="must not run as root"):
        choose_account("root", is_root=True)


def test_everybody_else_runs_tasks_themselves() -> None:
    assert choose_account("nobody-of-this-name", is_root=False).uid == os.getuid()
