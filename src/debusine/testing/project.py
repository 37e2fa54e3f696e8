# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of a checkout, for tests of how it is built."""

from __future__ import annotations

import ast
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Self


@dataclass(frozen=True, slots=True)
class Project:
    """
    A checkout.

    :param files: what git tracks, or would track if it were asked to; sorted, relative
        to the root
    """

    root: Path
    files: tuple[Path, ...]

    @classmethod
    def at(cls, root: Path) -> Self:
        """Ask git for the files of a checkout."""
        output = subprocess.check_output(
            ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
            cwd=root,
            text=True,
        )
        names = sorted({name for name in output.split("\0") if name})
        return cls(root, tuple(Path(name) for name in names if (root / name).is_file()))

    def text(self, path: Path) -> str:
        """Content of a file."""
        return (self.root / path).read_text(errors="replace")

    def tree(self, path: Path) -> ast.Module:
        """Syntax tree of a Python file."""
        return ast.parse(self.text(path))

    def python(self, *folders: str) -> list[Path]:
        """Python files below some folders; migrations are left out, as they are generated."""
        return [
            path
            for path in self.files
            if path.suffix == ".py"
            and any(path.is_relative_to(folder) for folder in folders)
            and "migrations" not in path.parts
        ]
