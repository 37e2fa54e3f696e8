# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest

from debusine.cli.commands.workspace import changed, spread
from debusine.wire.workspace import ChainElement, ChainElementWanted

CHAIN = [
    ChainElement(id=number, scope="debian", workspace=name) for number, name in enumerate("abc", 1)
]


def named(*names: str) -> list[ChainElementWanted]:
    return [ChainElementWanted(scope="debian", workspace=name) for name in names]


def labels(chain: list[ChainElementWanted]) -> str:
    return "".join(one.workspace or "?" for one in chain)


@pytest.mark.parametrize(
    ("append", "prepend", "remove", "replace", "expected"),
    [
        ("", "", "", "", "abc"),
        ("d", "", "", "", "abcd"),
        ("a", "", "", "", "bca"),
        ("", "cd", "", "", "cdab"),
        ("", "", "bd", "", "ac"),
        ("", "", "", "cd", "cd"),
        ("e", "f", "", "d", "fde"),
    ],
)
def test_chains_are_changed(
    append: str, prepend: str, remove: str, replace: str, expected: str
) -> None:
    result = changed(
        CHAIN,
        named(*append),
        prepend=named(*prepend),
        remove=named(*remove),
        replace=named(*replace),
    )
    assert labels(result) == expected


def test_elements_are_found_by_id_and_by_name_alone() -> None:
    assert labels(changed(CHAIN, remove=[ChainElementWanted(id=2)])) == "ac"
    assert labels(changed(CHAIN, remove=[ChainElementWanted(workspace="c")])) == "ab"
    assert labels(changed(CHAIN, remove=[ChainElementWanted(scope="x", workspace="c")])) == "abc"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("W --append a b --prepend c", "W --append a --append b --prepend c"),
        ("--set a b --yaml", "--set a --set b --yaml"),
        ("W --append --yaml", "W --append --yaml"),
        ("W --append", "W --append"),
        ("--yaml W", "--yaml W"),
    ],
)
def test_options_take_several_words(line: str, expected: str) -> None:
    assert spread(line.split()) == expected.split()
