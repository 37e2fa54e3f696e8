# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of this project."""

from __future__ import annotations

from pathlib import Path

import pytest

from debusine.testing.project import Project


@pytest.fixture(scope="session")
def project() -> Project:
    return Project.at(Path(__file__).parents[2])
