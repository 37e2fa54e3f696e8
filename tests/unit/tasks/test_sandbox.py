# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from debusine.errors import UserError
from debusine.tasks.sandbox import pull_limited
from debusine.testing.executor import FakeCall, FakeInstance, FakeResult

CONTENT = b"0123456789"


def head(call: FakeCall, instance: FakeInstance) -> FakeResult:
    """Do what head does."""
    del instance
    program, count, _, path = call.argv
    assert program == "head"
    if path != "/file":
        return FakeResult(returncode=1, stderr=b"no such file")
    return FakeResult(stdout=CONTENT[: int(count.partition("=")[2])])


def test_a_file_is_copied_if_it_is_not_too_large(tmp_path: Path) -> None:
    instance = FakeInstance(head)
    instance.start()
    target = tmp_path / "copy"
    pull_limited(instance, Path("/file"), target, max_bytes=len(CONTENT))
    assert target.read_bytes() == CONTENT
    with pytest.raises(UserError, match="file in the sandbox is larger than 9 bytes"):
        pull_limited(instance, Path("/file"), target, max_bytes=len(CONTENT) - 1)
    assert not target.exists()
    with pytest.raises(subprocess.CalledProcessError):
        pull_limited(instance, Path("/missing"), target, max_bytes=1)
    instance.stop()
