# SPDX-License-Identifier: GPL-3.0-or-later
"""Every declared program starts."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import debusine

ROOT = Path(__file__).parents[2]
SCRIPTS = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]


@pytest.mark.parametrize("name", sorted(SCRIPTS))
def test_script_says_its_version(name: str) -> None:
    program = Path(sys.executable).parent / name
    output = subprocess.check_output([program, "--version"], text=True, stderr=subprocess.STDOUT)
    assert debusine.__version__ in output


def test_standalone_says_its_options() -> None:
    output = subprocess.check_output([sys.executable, "-m", "debusine.standalone", "--help"])
    assert b"--while-used" in output


@pytest.mark.parametrize("verb", ["quickstart", "test", "lint", "types", "bench", "docs", "build"])
def test_make_knows_the_verb(verb: str) -> None:
    output = subprocess.check_output(["make", "--dry-run", verb], cwd=ROOT, text=True)
    assert output.strip()


def test_ci_calls_the_verb() -> None:
    assert (ROOT / ".ci" / "run").read_text().rstrip().endswith("exec make test")
