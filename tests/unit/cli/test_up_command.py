# SPDX-License-Identifier: GPL-3.0-or-later
"""What ``debusine up`` starts."""

from __future__ import annotations

from pathlib import Path

import pytest

from debusine.cli.commands.up import standalone_command
from debusine.cli.context import Globals
from debusine.client.config import DEFAULT_PATH
from debusine.standalone.agent import agent_command
from debusine.standalone.options import parse_options


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


def test_slots_reach_the_agent(tmp_path: Path) -> None:
    command = standalone_command(
        Globals(), data_dir=tmp_path, listen="127.0.0.1:0", no_worker=False, slots=3
    )
    options = parse_options(command[command.index("--data-dir") :])
    assert options.slots == 3
    agent = agent_command(options.data_dir, slots=options.slots)
    assert agent[agent.index("--slots") + 1] == "3"
    assert "--slots" not in agent_command(options.data_dir)
