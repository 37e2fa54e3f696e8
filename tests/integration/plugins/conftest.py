# SPDX-License-Identifier: GPL-3.0-or-later
"""Tasks that other packages install, most of them broken in their own way."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from debusine.testing.own_environment import OwnEnvironment, make_own_environment, write_plugin
from debusine.util.userns import remove_tree

GOOD = """\
from debusine.domain.result import WorkRequestResults
from debusine.tasks import BaseExternalTask
from debusine.tasks.models import BaseDynamicTaskData, BaseTaskData


class {name}(BaseExternalTask[{data}, BaseDynamicTaskData]):
    {version}

    def get_subject(self):
        return None

    {run}
"""


def task(
    name: str,
    *,
    data: str = "BaseTaskData",
    version: str = "TASK_VERSION = 1",
    run: str = "run = lambda self, directory: WorkRequestResults.SUCCESS",
) -> str:
    return GOOD.format(name=name, data=data, version=version, run=run)


PLUGINS = {
    "fine": task("Fine"),
    "import-error": "import there_is_no_such_module\n",
    "syntax-error": "def\n",
    "exits": task("Leaves") + "raise SystemExit('I am leaving')\n",
    "no-class": "value = 1\n",
    "taken-name": task("Noop") + task("Other"),
    "abstract": task("Half", run=""),
    "no-version": task("Unversioned", version=""),
    "bad-model": "from __future__ import annotations\n"
    + task("Refuses", data="Model").replace(
        "\n\nclass", "\n\nclass Model(BaseTaskData):\n    field: Unknown\n\n\nclass"
    ),
    "generic": "from typing import TypeVar\n\nT = TypeVar('T')\n" + task("Generic", data="T"),
    "bad-analysis": task(
        "Blind",
        run="run = lambda self, directory: WorkRequestResults.SUCCESS\n"
        "    analyze_worker = classmethod(lambda cls: {}['nothing here'])",
    ),
}


@pytest.fixture(scope="session")
def with_plugins() -> Iterator[OwnEnvironment]:
    """An environment with all of them; not below ``tmp_path``, from which others are kept."""
    root = Path(tempfile.mkdtemp(prefix="debusine-plugins-"))
    root.chmod(0o755)
    made = make_own_environment(root)
    projects = root / "projects"
    projects.mkdir()
    for name, module in PLUGINS.items():
        made.install(write_plugin(projects, name=name, module=module))
    no_class = {"some": "wrong_base:Some", "nothing": "wrong_base:Nothing"}
    text = "class Some:\n    pass\n"
    made.install(write_plugin(projects, name="wrong-base", module=text, entry_points=no_class))
    yield made
    remove_tree(root)
