# SPDX-License-Identifier: GPL-3.0-or-later
"""``debusine completion``: print what makes your shell complete commands and options."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

EXAMPLES = """
Examples:

\b
  eval "$(debusine completion bash)"
  debusine completion fish > ~/.config/fish/completions/debusine.fish
"""


@click.command("completion", epilog=EXAMPLES)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def command(context: click.Context, *, shell: str) -> None:
    """Print what makes your shell complete commands and options."""
    kind = get_completion_class(shell)
    assert kind is not None
    program = context.find_root().command
    click.echo(kind(program, {}, "debusine", "_DEBUSINE_COMPLETE").source())
