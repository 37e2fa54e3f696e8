# SPDX-License-Identifier: GPL-3.0-or-later
"""Pages are complete, up to date and true; examples in docstrings are, too."""

from __future__ import annotations

import ast
import doctest
import importlib
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import click
import pytest
import yaml
from pydantic import RootModel

from debusine.admin.main import cli as admin
from debusine.artifacts.assets.base import all_asset_kinds
from debusine.artifacts.bare_data.base import all_bare_data_kinds
from debusine.artifacts.base import all_kinds
from debusine.cli.main import cli
from debusine.signing.main import main as signing
from debusine.tasks.base import BaseExternalTask
from debusine.tasks.registry import load_kinds
from debusine.testing.project import Project
from debusine.util.discovery import load_all
from debusine.worker.main import main as worker

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT / "docs" / "reference"
ERROR_EVENT = re.compile(r"\b(?:log\.(?:error|exception|critical)|log_failure)\(\s*\"([a-z-]+)\"")
EVENT = re.compile(r"\b(?:log\.[a-z]+|log_failure)\(\s*\"([a-z-]+)\"")
YAML = re.compile(r"```yaml\n(.*?)```", re.DOTALL)
SHELL = re.compile(r"```sh\n(.*?)```", re.DOTALL)
CALL = re.compile(r"\s*(?:\w+=\S+\s+)*(?:\S*/)?(debusine(?:-worker|-signing)?(?:\s.*)?)")
# codes of results that are constants of a module
NAMED_CODES = ("RETRY_LIMIT_EXCEEDED", "CONFIGURE_FAILED", "DEPENDENCY_FAILED")
# folder of pages to package
TASKS = {
    "tasks": "debusine.tasks.kinds",
    "signing": "debusine.tasks.signing",
    "server": "debusine.server.tasks",
}
PROGRAMS: dict[str, click.Command] = {
    "debusine": cli,
    "debusine-admin": admin,
    "debusine-worker": worker,
    "debusine-signing": signing,
}


def test_pages_are_up_to_date_and_linked() -> None:
    process = subprocess.Popen(
        [sys.executable, ROOT / "scripts" / "docs", "--check"], stderr=subprocess.PIPE, text=True
    )
    _, problems = process.communicate()
    assert problems == ""
    assert process.returncode == 0


def _tasks() -> dict[str, type[BaseExternalTask[Any, Any]]]:
    """Tasks by their pages, without those that tests register."""
    load_kinds()
    load_all(TASKS["server"])
    return {
        f"{folder}/{task.name}": task
        for folder, package in TASKS.items()
        for tasks in BaseExternalTask.registry.classes.values()
        for task in tasks.values()
        if task.__module__.startswith(f"{package}.")
    }


def _model_name(model: type) -> str:
    return f"<!-- fields {model.__module__}:{model.__qualname__}"


@pytest.mark.parametrize("name", sorted(_tasks()))
def test_every_task_has_its_page(name: str) -> None:
    task, page = _tasks()[name], (REFERENCE / f"{name}.md").read_text()
    assert page.startswith(f"# {task.name}\n")
    assert _model_name(task.task_data_type) in page
    # what the file of the task says
    for part in ("example", "limits", "inputs", "results"):
        assert f"<!-- {part} {task.__module__}:{task.__qualname__} -->" in page
    examples = YAML.findall(page)
    assert examples
    for example in examples:
        task.task_data_type.model_validate(yaml.safe_load(example))


CATEGORIES: list[tuple[str, str, type[Any]]] = [
    (folder, category, kind)
    for folder, kinds in [
        ("artifacts", all_kinds()),
        ("bare_data", all_bare_data_kinds()),
        ("assets", all_asset_kinds()),
    ]
    for category, kind in kinds.items()
]


@pytest.mark.parametrize(
    ("folder", "kind"),
    [pytest.param(folder, kind, id=f"{folder} {name}") for folder, name, kind in CATEGORIES],
)
def test_every_category_has_its_page(folder: str, kind: type[Any]) -> None:
    name = kind.__module__.rpartition(".")[2]
    page = (REFERENCE / folder / f"{name}.md").read_text()
    assert page.startswith(f"# {kind.category}\n")
    for model in _models_of(kind):
        assert _model_name(model) in page
    for example in YAML.findall(page):
        kind.data_type.model_validate(yaml.safe_load(example))


def _models_of(kind: type[Any]) -> list[type]:
    """The model of a kind's data, or the alternatives that it stands for."""
    if not issubclass(kind.data_type, RootModel):
        return [kind.data_type]
    return list(get_args(kind.data_type.model_fields["root"].annotation))


def test_no_page_is_about_a_kind_that_does_not_exist() -> None:
    pages = {f"{folder}/{n}" for folder in TASKS for n in _names_of_pages(folder)}
    assert pages == set(_tasks())
    for wanted in {folder for folder, _, _ in CATEGORIES}:
        names = {
            kind.__module__.rpartition(".")[2] for folder, _, kind in CATEGORIES if folder == wanted
        }
        assert _names_of_pages(wanted) == names


def test_every_endpoint_group_has_its_page(project: Project) -> None:
    groups = {path.stem for path in project.python("src/debusine/api/endpoints")} - {"__init__"}
    missing = {
        group
        for group in groups
        if f"<!-- endpoints {group} -->" not in (REFERENCE / "api" / f"{group}.md").read_text()
    }
    assert missing == set()


def _names_of_pages(folder: str) -> set[str]:
    return {page.stem for page in (REFERENCE / folder).glob("*.md")} - {"index"}


def test_every_error_event_has_its_remedy(project: Project) -> None:
    text = "\n".join(project.text(path) for path in project.python("src/debusine"))
    listed = _first_cells(project, "events.md")
    assert set(ERROR_EVENT.findall(text)) <= listed
    assert listed <= set(EVENT.findall(text))


def test_every_error_code_has_its_remedy(project: Project) -> None:
    codes = {
        code for path in project.python("src/debusine") for code in _codes_of(project.tree(path))
    }
    assert codes == _first_cells(project, "errors.md")


def _codes_of(tree: ast.Module) -> Iterator[str]:
    """Codes that classes of errors have, and those that results are given."""
    for node in ast.walk(tree):
        match node:
            case ast.ClassDef(name=name, body=body) if name.endswith("Error"):
                yield from (code for each in body for code in _assigned(each, "code"))
            case ast.Call(
                func=ast.Name(id="OutputError" | "_StageError"), args=args, keywords=named
            ):
                given = [*args[:1], *(each.value for each in named if each.arg == "code")]
                yield from (str(each.value) for each in given if isinstance(each, ast.Constant))
            case ast.Assign():
                yield from _assigned(node, *NAMED_CODES)


def _assigned(statement: ast.stmt, *names: str) -> list[str]:
    """The text that a statement gives to one of some names."""
    match statement:
        case (
            ast.Assign(targets=[ast.Name(id=name)], value=ast.Constant(value=str(text)))
            | ast.AnnAssign(target=ast.Name(id=name), value=ast.Constant(value=str(text)))
        ):
            return [text] if name in names else []
    return []


def _first_cells(project: Project, page: str) -> set[str]:
    """What the rows of the tables in a page are about."""
    text = project.text(Path("docs/reference") / page)
    return set(re.findall(r"^\| `([^`]+)` \|", text, re.MULTILINE))


def _calls_in_pages() -> list[str]:
    """Calls of our programs in the shell examples of all pages."""
    pages = [page for page in (ROOT / "docs").rglob("*.md") if "_build" not in page.parts]
    blocks = [
        block.replace("\\\n", " ")
        for page in [*pages, *ROOT.glob("*.md")]
        for block in SHELL.findall(page.read_text())
    ]
    parts = [part for block in blocks for part in re.split(r"&&|\||\n", block)]
    return sorted({match[1].strip() for part in parts if (match := CALL.fullmatch(part))})


@pytest.mark.parametrize("call", _calls_in_pages())
def test_calls_in_pages_are_possible(call: str) -> None:
    name, *words = shlex.split(call, comments=True)
    command, known = PROGRAMS[name], {"-h", "--help"}
    while True:
        known |= {option for each in command.params for option in each.opts}
        if not isinstance(command, click.Group) or not words or words[0].startswith("-"):
            break
        found = command.get_command(click.Context(command), words.pop(0))
        assert found is not None
        command = found
    options = {word.partition("=")[0] for word in words if word.startswith("-")}
    assert options <= known


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
