# SPDX-License-Identifier: GPL-3.0-or-later
"""``debusine-admin list_tokens``: list tokens of people."""

from __future__ import annotations

import click

from debusine.admin.output import print_records, yaml_option
from debusine.admin.tokens import find_tokens, select_options, token_record

EXAMPLES = """
Examples:

\b
  debusine-admin list_tokens --username alice
"""


@click.command("list_tokens", epilog=EXAMPLES)
@select_options
@yaml_option
def command(*, username: str | None, key: str | None, as_yaml: bool) -> None:
    """List tokens of people; keys are kept nowhere."""
    records = [token_record(token) for token in find_tokens(username=username, key=key)]
    print_records(records, as_yaml=as_yaml)
