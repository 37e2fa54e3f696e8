# SPDX-License-Identifier: GPL-3.0-or-later
"""``debusine artifact``: show and download what was produced."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from debusine.cli.buildinfo import buildinfo_name, document
from debusine.cli.connection import connect
from debusine.cli.output import plain, print_yaml, remember_format
from debusine.cli.progress import Screen

log = logging.getLogger(__name__)

yaml_option = click.option(
    "--yaml", "as_yaml", is_flag=True, help="Print YAML, errors too.", callback=remember_format
)

EXAMPLES = """
Examples:

\b
  debusine artifact show 7
  debusine artifact show-buildinfo 8
  debusine artifact download 7 --target-directory out
"""


@click.group("artifact", epilog=EXAMPLES)
def command() -> None:
    """Show and download what was produced."""


@command.command()
@click.argument("artifact_id", metavar="ID", type=int)
@yaml_option
@click.pass_context
def show(context: click.Context, /, *, artifact_id: int, as_yaml: bool) -> None:
    """Show an artifact, in YAML."""
    del as_yaml
    print_yaml(plain(connect(context).client.artifact_get(artifact_id)))


@command.command("show-relations")
@click.argument("artifact_id", metavar="ID", type=int)
@click.option("--reverse", is_flag=True, help="Those that lead to it instead.")
@yaml_option
@click.pass_context
def show_relations(
    context: click.Context, /, *, artifact_id: int, reverse: bool, as_yaml: bool
) -> None:
    """Show how an artifact relates to others, in YAML."""
    del as_yaml
    client = connect(context).client
    found = client.relations(target=artifact_id) if reverse else client.relations(artifact_id)
    print_yaml([plain(relation) for relation in found])


@command.command("show-buildinfo")
@click.argument("artifact_id", metavar="ID", type=int)
@yaml_option
@click.pass_context
def show_buildinfo(context: click.Context, /, *, artifact_id: int, as_yaml: bool) -> None:
    """Show how an upload was built: its .buildinfo, in YAML."""
    del as_yaml
    client = connect(context).client
    name = buildinfo_name(list(client.artifact_get(artifact_id).files), artifact_id)
    with TemporaryDirectory(prefix="debusine-buildinfo-") as directory:
        client.download_artifact(artifact_id, Path(directory), only=[name])
        print_yaml(document(Path(directory, name)))


@command.command()
@click.argument("artifact_id", metavar="ID", type=int)
@click.option(
    "--target-directory",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(),
    help="Where files go. [default: here]",
)
@yaml_option
@click.pass_context
def download(
    context: click.Context, /, *, artifact_id: int, target_directory: Path, as_yaml: bool
) -> None:
    """Download all files of an artifact; sizes and hashes are verified."""
    client = connect(context).client
    artifact = client.artifact_get(artifact_id)
    total = sum(file.size for file in artifact.files.values())
    with Screen(sys.stderr).transfer("download", total) as progress:
        client.download_artifact(artifact_id, target_directory, progress=progress)
    names = [str(target_directory / name) for name in artifact.files]
    if as_yaml:
        print_yaml({"result": "success", "artifact_id": artifact_id, "files": names})
        return
    for name in names:
        click.echo(name)
