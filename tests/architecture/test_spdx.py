# SPDX-License-Identifier: GPL-3.0-or-later
"""Every file of code says which licence it has."""

from __future__ import annotations

from pathlib import Path

from debusine.testing.project import Project

SUFFIXES = {
    ".py", ".sh", ".sql", ".css", ".js", ".html", ".toml", ".yaml", ".yml", ".service", ".conf",
}  # fmt: skip
LINE = "SPDX-License-Identifier: GPL-3.0-or-later"


def _needs_it(project: Project, path: Path) -> bool:
    if "migrations" in path.parts:
        return False
    return path.suffix in SUFFIXES or (not path.suffix and project.text(path).startswith("#!"))


def test_files_name_their_licence(project: Project) -> None:
    missing = [
        path
        for path in project.files
        if _needs_it(project, path)
        and project.text(path).strip()
        and not any(LINE in line for line in project.text(path).splitlines()[:3])
    ]
    assert missing == []
