# SPDX-License-Identifier: GPL-3.0-or-later
"""Pages are up to date and their links lead somewhere; examples in docstrings are true."""

from __future__ import annotations

import doctest
import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

from debusine.testing.project import Project

ERROR_EVENT = re.compile(r"\blog\.(?:error|exception)\(\s*\"([a-z-]+)\"")
ROOT = Path(__file__).parents[2]


def test_pages_are_up_to_date_and_linked() -> None:
    process = subprocess.Popen(
        [sys.executable, ROOT / "scripts" / "docs", "--check"], stderr=subprocess.PIPE, text=True
    )
    _, problems = process.communicate()
    assert problems == ""
    assert process.returncode == 0


def test_every_error_event_has_its_remedy(project: Project) -> None:
    listed = project.text(Path("docs/reference/events.md"))
    text = "\n".join(project.text(path) for path in project.python("src/debusine"))
    events = set(ERROR_EVENT.findall(text))
    assert sorted(event for event in events if f"`{event}`" not in listed) == []


def _modules_with_examples() -> list[str]:
    source = ROOT / "src"
    return sorted(
        ".".join(path.relative_to(source).with_suffix("").parts)
        for path in source.rglob("*.py")
        if ">>> " in path.read_text()
    )


@pytest.mark.parametrize("name", _modules_with_examples())
def test_examples_are_true(name: str) -> None:
    result = doctest.testmod(importlib.import_module(name))
    assert result.attempted
    assert result.failed == 0
