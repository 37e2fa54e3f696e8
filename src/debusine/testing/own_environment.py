# SPDX-License-Identifier: GPL-3.0-or-later
"""A Python environment of a test's own: what ours holds, and what the test installs."""

from __future__ import annotations

import os
import shutil
import sys
import sysconfig
import venv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import debusine
from debusine.util.command import Command, Completed, run

TIMEOUT_S = 120
PROGRAMS = ("debusine", "debusine-worker", "pytest")


@dataclass(frozen=True, kw_only=True)
class OwnEnvironment:
    """
    An environment that installs and removes packages without touching ours.

    :param root: holds ``bin/python``
    :param home: home directory of what runs in it
    """

    root: Path
    home: Path

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.root / "bin" / "python"

    def variables(self) -> dict[str, str]:
        """Environment variables of a person who works in it."""
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("DEBUSINE_", "PYTHON", "DJANGO_", "COV_", "XDG_"))
        }
        path = f"{self.root / 'bin'}:{_directory_of_uv()}:{os.environ['PATH']}"
        return {**kept, "HOME": str(self.home), "PATH": path, "PYTHONDONTWRITEBYTECODE": "1"}

    def run(self, *argv: str | Path, cwd: Path | None = None, check: bool = True) -> Completed:
        """Run a command in it; by default one that fails is an error with its output."""
        command = Command(
            list(map(str, argv)), cwd=cwd, env=self.variables(), timeout_s=TIMEOUT_S, check=check
        )
        return run(command)

    def install(self, project: Path) -> None:
        """Build a project and install it, without asking any index."""
        self.run(
            "uv", "pip", "install", "--quiet", "--python", self.python,
            "--no-deps", "--no-index", "--no-build-isolation", project,
        )  # fmt: skip


def make_own_environment(root: Path) -> OwnEnvironment:
    """
    Make an environment below a directory, in a second.

    Every package of ours is linked into it, so that installers see it, too.
    """
    made = OwnEnvironment(root=root / "environment", home=root / "home")
    made.home.mkdir()
    venv.create(made.root, with_pip=False)
    packages = next((made.root / "lib").glob("python3*")) / "site-packages"
    for entry in Path(sysconfig.get_path("purelib")).iterdir():
        if entry.name != "__pycache__" and not (packages / entry.name).exists():
            (packages / entry.name).symlink_to(entry)
    # the debusine that is tested, whatever is installed
    (packages / "_debusine.pth").write_text(f"{Path(debusine.__file__).parents[1]}\n")
    for name in PROGRAMS:
        body = (Path(sys.executable).parent / name).read_text().split("\n", 1)[1]
        target = made.root / "bin" / name
        target.write_text(f"#!{made.python}\n{body}")
        target.chmod(0o755)
    return made


def write_plugin(
    directory: Path, *, name: str, module: str, entry_points: Mapping[str, str] | None = None
) -> Path:
    """
    Write a project of one module, called like the project with ``_`` for ``-``.

    :param module: its text
    :param entry_points: of the group ``debusine.tasks``; default: the module
    """
    project = directory / name
    project.mkdir()
    file = f"{name.replace('-', '_')}.py"
    (project / file).write_text(module)
    lines = [
        "[build-system]", 'requires = ["hatchling"]', 'build-backend = "hatchling.build"',
        "[project]", f'name = "{name}"', 'version = "1.0"',
        "[tool.hatch.build.targets.wheel]", f'only-include = ["{file}"]',
        '[project.entry-points."debusine.tasks"]',
        *(
            f'{key} = "{value}"'
            for key, value in (entry_points or {name: file.removesuffix(".py")}).items()
        ),
    ]  # fmt: skip
    (project / "pyproject.toml").write_text("\n".join(lines) + "\n")
    return project


def _directory_of_uv() -> Path:
    found = shutil.which("uv", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    assert found is not None, "uv is not installed: scripts/provision dev"
    return Path(found).parent
