# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import itertools
from typing import Any

import pytest

from debusine.db.models import Workspace, WorkspaceChain
from debusine.server.actor import ANONYMOUS, Actor
from debusine.server.inheritance import visible_chain
from debusine.testing import factories


@pytest.fixture
def places(db: None) -> dict[str, Workspace]:
    names = ["a", "b", "c", "d", "hidden", "behind"]
    return {name: factories.make_workspace(name, public=name != "hidden") for name in names}


def inherit(places: dict[str, Workspace], **parents: str) -> None:
    for child, names in parents.items():
        for order, name in enumerate(names.split()):
            WorkspaceChain.objects.create(child=places[child], parent=places[name], order=order)


def names(chain: list[Workspace]) -> list[str]:
    return [place.name for place in chain]


def test_depth_comes_first(places: dict[str, Workspace]) -> None:
    inherit(places, a="b c", b="d", c="d")
    assert names(visible_chain(ANONYMOUS, places["a"])) == ["a", "b", "d", "c"]
    assert names(visible_chain(ANONYMOUS, places["d"])) == ["d"]


def test_loops_end(places: dict[str, Workspace]) -> None:
    inherit(places, a="b", b="c", c="a d")
    assert names(visible_chain(ANONYMOUS, places["b"])) == ["b", "c", "a", "d"]


def test_what_is_behind_something_invisible_is_invisible(places: dict[str, Workspace]) -> None:
    inherit(places, a="hidden b", hidden="behind c", b="c")
    assert names(visible_chain(ANONYMOUS, places["a"])) == ["a", "b", "c"]
    assert visible_chain(ANONYMOUS, places["hidden"]) == []
    root = Actor(user=factories.make_user(superuser=True))
    assert names(visible_chain(root, places["a"])) == ["a", "hidden", "behind", "c", "b"]


@pytest.mark.parametrize("depth", [1, 40])
def test_it_takes_one_query(
    depth: int, places: dict[str, Workspace], django_assert_num_queries: Any
) -> None:
    line = [factories.make_workspace(f"w{number}", public=True) for number in range(depth + 1)]
    for child, parent in itertools.pairwise(line):
        WorkspaceChain.objects.create(child=child, parent=parent, order=0)
    start = Workspace.objects.select_related("scope").get(pk=line[0].pk)
    with django_assert_num_queries(1):
        chain = visible_chain(ANONYMOUS, start)
        assert [str(place) for place in chain] == [str(place) for place in line]
