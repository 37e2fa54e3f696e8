# SPDX-License-Identifier: GPL-3.0-or-later
"""What ``debusine up`` starts."""

from __future__ import annotations

from pathlib import Path

import pytest

from debusine.cli.commands.up import standalone_command
from debusine.cli.context import Globals
from debusine.client.config import DEFAULT_PATH


@pytest.mark.parametrize(
    ("named", "written"),
    [
        (Path("/x/other.ini"), Path("/x/other.ini")),
        (Path("other.ini"), Path.cwd() / "other.ini"),
        (None, DEFAULT_PATH.expanduser()),
    ],
)
def test_the_configuration_that_was_named_is_written(named: Path | None, written: Path) -> None:
    command = standalone_command(
        Globals(config_file=named), data_dir=Path("/d"), listen="127.0.0.1:0", no_worker=True
    )
    assert command[command.index("--client-config") + 1] == str(written)
    assert command[-1] == "--no-worker"
