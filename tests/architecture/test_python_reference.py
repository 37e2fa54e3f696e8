# SPDX-License-Identifier: GPL-3.0-or-later
"""What authors of tasks may import is explained, with examples, in a known order."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
PAGES = {
    "debusine.tasks": "tasks.md",
    "debusine.tasks.inputs.inputs": "inputs.md",
    "debusine.testing": "testing.md",
}
WITH_EXAMPLES = ("debusine.tasks", "debusine.testing")
# what an example would only repeat
WITHOUT_EXAMPLE = {"Script": "a type; FakeInstance shows one"}
DOCUMENTED = re.compile(r"^(?:class )?debusine\.tasks\.(\w+)\(", re.MULTILINE)
BLOCK = re.compile(r"^<!-- python (?P<module>[\w.]+):(?P<name>\w+)(?: [\w ]+)? -->$", re.MULTILINE)


def page_of(module: str) -> str:
    return (ROOT / "docs" / "reference" / "python" / PAGES[module]).read_text()


@pytest.mark.parametrize("module", PAGES)
def test_every_public_name_stands_in_the_page(module: str) -> None:
    blocks = [(match["module"], match["name"]) for match in BLOCK.finditer(page_of(module))]
    assert len(blocks) == len(set(blocks))
    assert set(blocks) == {(module, name) for name in importlib.import_module(module).__all__}


def test_tasks_stand_in_the_order_of_the_contract() -> None:
    contract = (ROOT / "tests" / "contract" / "tasks_api.txt").read_text()
    order = [match["name"] for match in BLOCK.finditer(page_of("debusine.tasks"))]
    assert order == DOCUMENTED.findall(contract)


def _public(module: str) -> list[Any]:
    return [
        pytest.param(getattr(importlib.import_module(module), name), id=f"{module}.{name}")
        for name in importlib.import_module(module).__all__
        if name not in WITHOUT_EXAMPLE
    ]


@pytest.mark.parametrize("what", [each for module in WITH_EXAMPLES for each in _public(module)])
def test_every_public_name_has_words_and_an_example(what: Any) -> None:
    text = vars(what).get("__doc__") if isinstance(what, type) else what.__doc__
    assert text
    # that it is true, the tests of all examples say
    assert ">>> " in text


def test_the_fakes_need_no_server() -> None:
    code = "import sys, debusine.testing; print(*sys.modules)"
    loaded = subprocess.check_output([sys.executable, "-c", code], text=True).split()
    others = {"aiohttp", "channels", "django", "ninja", "psutil", "psycopg", "pytest"}
    assert "debusine.testing.task_client" in loaded
    assert others & {name.partition(".")[0] for name in loaded} == set()
    assert [name for name in loaded if name.startswith(("debusine.server", "debusine.db"))] == []
