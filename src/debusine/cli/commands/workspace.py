# SPDX-License-Identifier: GPL-3.0-or-later
"""``debusine workspace``: see and change what a workspace inherits from."""

from __future__ import annotations

from collections.abc import Sequence

import click
from pydantic import ValidationError
from typing_extensions import override

from debusine.cli.connection import connect
from debusine.cli.data import read_mapping
from debusine.cli.output import plain, print_yaml, remember_format, to_yaml
from debusine.client.workspace import Workspaces
from debusine.domain.permission import MAX_ID
from debusine.domain.validation import messages_by_field
from debusine.errors import UserError
from debusine.wire.workspace import (
    ChainElement,
    ChainElementWanted,
    InheritanceChain,
    InheritanceChainWanted,
)

EXAMPLES = """
Examples:

\b
  debusine workspace inheritance developers
  debusine workspace inheritance developers --append debian/base --remove old
  debusine workspace inheritance developers --set base experimental
  debusine workspace inheritance developers --edit
"""

_LISTS = ("--append", "--prepend", "--remove", "--set")


@click.group("workspace", epilog=EXAMPLES)
def command() -> None:
    """See and change what a workspace inherits from."""


class _SeveralAfterEach(click.Command):
    """A command whose list options take all words up to the next option."""

    @override
    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        return super().parse_args(ctx, spread(args))


def spread(args: Sequence[str]) -> list[str]:
    """
    Repeat list options for each word that follows them.

    >>> spread(["W", "--set", "a", "b", "--yaml"])
    ['W', '--set', 'a', '--set', 'b', '--yaml']
    """
    found: list[str] = []
    option: str | None = None
    for number, word in enumerate(args):
        if word in _LISTS:
            option = word
            if not args[number + 1 :] or args[number + 1].startswith("-"):
                # there is no word: click says so
                found.append(word)
        elif word.startswith("-"):
            option = None
            found.append(word)
        else:
            found += [word] if option is None else [option, word]
    return found


@command.command("inheritance", cls=_SeveralAfterEach)
@click.argument("workspace", required=False)
@click.option("--append", multiple=True, metavar="W...", help="Search these last.")
@click.option("--prepend", multiple=True, metavar="W...", help="Search these first.")
@click.option("--remove", multiple=True, metavar="W...", help="Search these no more.")
@click.option("--set", "replace", multiple=True, metavar="W...", help="Search these only.")
@click.option("--edit", is_flag=True, help="Change the list in an editor.")
@click.option(
    "--yaml",
    "as_yaml",
    is_flag=True,
    help="Print errors as YAML, too.",
    callback=remember_format,
    expose_value=False,
)
@click.pass_context
def inheritance(
    context: click.Context,
    /,
    *,
    workspace: str | None,
    append: Sequence[str],
    prepend: Sequence[str],
    remove: Sequence[str],
    replace: Sequence[str],
    edit: bool,
) -> None:
    """
    Show where names are looked for after the workspace itself, and change that.

    A workspace W is named by its number, its name, or SCOPE/NAME.
    """
    _check(edit=edit, others=bool(append or prepend or remove or replace))
    connection = connect(context)
    name = workspace or connection.workspace
    workspaces = Workspaces(transport=connection.client.transport)
    found = workspaces.inheritance(name)
    scope = connection.client.transport.scope
    wanted = (
        _edited(found)
        if edit
        else changed(
            found.chain,
            [_named(one, scope) for one in append],
            prepend=[_named(one, scope) for one in prepend],
            remove=[_named(one, scope) for one in remove],
            replace=[_named(one, scope) for one in replace],
        )
    )
    before = [ChainElementWanted(**one.model_dump()) for one in found.chain]
    if wanted != before:
        found = workspaces.set_inheritance(name, wanted)
    print_yaml(plain(found))


def _check(*, edit: bool, others: bool) -> None:
    """
    Refuse what cannot be combined.

    :raises click.UsageError: if there are other changes beside those in an editor
    """
    if edit and others:
        raise click.UsageError("--edit goes with no other change")


def changed(
    chain: Sequence[ChainElement],
    append: Sequence[ChainElementWanted] = (),
    *,
    prepend: Sequence[ChainElementWanted] = (),
    remove: Sequence[ChainElementWanted] = (),
    replace: Sequence[ChainElementWanted] = (),
) -> list[ChainElementWanted]:
    """
    Change a chain; what is put somewhere leaves the place where it was.

    :param append: to come last
    :param prepend: to come first
    :param remove: to leave
    :param replace: to come instead of all, if there are any
    """
    moved = (*append, *prepend, *remove)
    middle = [
        ChainElementWanted(**one.model_dump())
        for one in chain
        if not any(_means(element, one) for element in moved)
    ]
    if replace:
        middle = list(replace)
    return [*prepend, *middle, *append]


def _means(element: ChainElementWanted, one: ChainElement) -> bool:
    if element.id is not None:
        return element.id == one.id
    return (element.scope or one.scope, element.workspace) == (one.scope, one.workspace)


def _named(text: str, scope: str | None) -> ChainElementWanted:
    """Read how a workspace is named: by its number, its name, or scope and name."""
    if text.isascii() and text.isdecimal() and 0 < int(text) <= MAX_ID:
        return ChainElementWanted(id=int(text))
    place, slash, name = text.rpartition("/")
    return ChainElementWanted(scope=place if slash else scope, workspace=name)


def _edited(found: InheritanceChain) -> list[ChainElementWanted]:
    """
    Have a chain changed in an editor.

    :raises UserError: if what comes out is no chain
    """
    text = click.edit(to_yaml({"chain": [plain(one) for one in found.chain]}), extension=".yaml")
    if text is None:
        return [ChainElementWanted(**one.model_dump()) for one in found.chain]
    try:
        return InheritanceChainWanted.model_validate(read_mapping(text)).chain
    except ValidationError as error:
        problem = messages_by_field(error.errors())
        raise UserError("this is no inheritance", validation_errors=problem) from error
