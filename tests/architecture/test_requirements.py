# SPDX-License-Identifier: GPL-3.0-or-later
"""What is installed is pinned, hashed, names no index, and satisfies what we declare."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "requirements").glob("*.txt"))
EXTRAS_OF_RUN = ["client", "worker", "server", "postgres"]
HASH = re.compile(r"^    --hash=sha256:[0-9a-f]{64}( \\)?$")
PIN = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^]]*\])?==([^ ;]+)(?: ; .*)? \\$")


def _pins(path: Path) -> dict[str, str]:
    matches = [PIN.match(line) for line in path.read_text().splitlines()]
    return {str(canonicalize_name(match[1])): match[2] for match in matches if match}


def _declared(extras: list[str]) -> list[Requirement]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    optional = project["optional-dependencies"]
    texts = [*project["dependencies"], *(text for extra in extras for text in optional[extra])]
    return [Requirement(text) for text in texts]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_line_is_a_pin_or_a_hash(path: Path) -> None:
    lines = [line for line in path.read_text().splitlines() if not line.startswith("#")]
    assert _pins(path)
    other = [line for line in lines if not PIN.match(line)]
    assert [
        line for line in other if not re.match(r"^    --hash=sha256:[0-9a-f]{64}( \\)?$", line)
    ] == []


@pytest.mark.parametrize(
    ("name", "extras"), [("run.txt", EXTRAS_OF_RUN), ("dev.txt", [*EXTRAS_OF_RUN, "dev"])]
)
def test_pins_satisfy_what_is_declared(name: str, extras: list[str]) -> None:
    pins = _pins(ROOT / "requirements" / name)
    wrong = [
        str(requirement)
        for requirement in _declared(extras)
        if requirement.name != "debusine"
        and not requirement.specifier.contains(pins.get(canonicalize_name(requirement.name), "0"))
    ]
    # mend with scripts/lock
    assert wrong == []


def test_tests_run_with_what_users_run_with() -> None:
    run, dev = (_pins(ROOT / "requirements" / name) for name in ("run.txt", "dev.txt"))
    assert {name: pin for name, pin in run.items() if dev.get(name) != pin} == {}
