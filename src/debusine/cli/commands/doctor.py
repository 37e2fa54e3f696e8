# SPDX-License-Identifier: GPL-3.0-or-later
"""``debusine doctor``: tell whether this machine can build."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import click

from debusine.cli.health.findings import Level, judge, lines, worst
from debusine.cli.health.machine import probe
from debusine.cli.health.plugins import judge_plugins
from debusine.settings import default_data_dir

EXAMPLES = """
Examples:

\b
  debusine doctor
  debusine doctor --json | jq '.[] | select(.level != "ok")'
"""


@click.command(epilog=EXAMPLES)
@click.option(
    "--data-dir",
    type=click.Path(path_type=Path, file_okay=False),
    default=default_data_dir,
    help="Where the data of a server on this machine lie.",
)
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list of findings.")
def doctor(*, data_dir: Path, as_json: bool) -> int:
    """
    Check whether this machine can build packages.

    For each failure the command that mends it is printed. The exit status is 1 if
    something was found that prevents building.
    """
    findings = [*judge(probe(data_dir)), *judge_plugins()]
    if as_json:
        click.echo(json.dumps([asdict(finding) for finding in findings], indent=2))
    else:
        for line in lines(findings):
            click.echo(line)
    return 1 if worst(findings) is Level.ERROR else 0
