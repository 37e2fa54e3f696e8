# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest
from tests.integration.lookup.conftest import (
    BEGIN,
    add,
    add_bare,
    make_artifact,
    make_collection,
    make_tarball,
)

from debusine.db.models import (
    Collection,
    CollectionItem,
    ItemType,
    User,
    Workspace,
    WorkspaceChain,
)
from debusine.domain.lookup import (
    BadLookupError,
    LookupChildType,
    LookupMultiple,
    LookupSingle,
    NoMatchError,
)
from debusine.server.actor import ANONYMOUS, Actor
from debusine.server.lookup import Found, Searcher
from debusine.testing import factories

ENVIRONMENTS = "debian:environments"


@pytest.fixture
def searcher(user: User, workspace: Workspace) -> Searcher:
    return Searcher(actor=Actor(user=user), workspace=workspace, default_category=ENVIRONMENTS)


def find(
    searcher: Searcher, lookup: LookupSingle, expect: LookupChildType = LookupChildType.ANY
) -> Found:
    return searcher.single(lookup, expect)


def names(searcher: Searcher, lookup: Any, expect: str = "any") -> list[str]:
    found = searcher.multiple(LookupMultiple.parse(lookup), LookupChildType(expect))
    return [one.item.name for one in found if one.item is not None]


def test_artifacts_and_collections_by_id(searcher: Searcher, environments: Collection) -> None:
    artifact = make_artifact()
    for lookup in (artifact.pk, f"{artifact.pk}@artifacts"):
        found = find(searcher, lookup, LookupChildType.ARTIFACT)
        assert (found.artifact, found.item, found.parent) == (artifact, None, None)
    for lookup in (environments.pk, f"{environments.pk}@collections"):
        found = find(searcher, lookup, LookupChildType.COLLECTION)
        assert (found.collection, found.result_type) == (environments, ItemType.COLLECTION)


def test_collections_by_name(searcher: Searcher, environments: Collection) -> None:
    for lookup in ("debian", f"debian@{ENVIRONMENTS}"):
        assert find(searcher, lookup).collection == environments


def test_items_by_name(searcher: Searcher, environments: Collection) -> None:
    tarball = make_tarball()
    item = add(environments, tarball, backend="unshare")
    assert item.name == "tarball:trixie:amd64::unshare"
    found = find(searcher, f"debian/name:{item.name}")
    assert (found.artifact, found.item) == (tarball, item)
    assert found.parent == f"debian@{ENVIRONMENTS}"
    assert add(environments, make_tarball()).name == "tarball:trixie:amd64"


@pytest.mark.parametrize(
    ("match", "expected"),
    [
        ("codename=trixie", 3),
        ("codename=trixie:architecture=amd64", 3),
        ("codename=trixie:architecture=arm64", None),
        ("codename=trixie:variant=", 3),
        ("codename=trixie:variant=:backend=unshare", 1),
        ("codename=trixie:variant=sbuild", 2),
        ("codename=trixie:variant=:backend=", 0),
        ("codename=trixie:backend=unshare", 2),
        ("codename=trixie:backend=qemu:format=image", 3),
        ("codename=trixie:format=tarball", 2),
        ("codename=trixie:format=other", 3),
        ("codename=trixie:unknown=key", 3),
        ("codename=sid", 4),
        ("", 4),
    ],
)
def test_match_finds_the_newest(
    searcher: Searcher, environments: Collection, match: str, expected: int | None
) -> None:
    image = make_artifact("debian:system-image", data=make_tarball().data)
    artifacts = [make_tarball(), make_tarball(), make_tarball(), image, make_tarball("sid")]
    add(environments, artifacts[0], day=0)
    add(environments, artifacts[1], day=1, backend="unshare")
    add(environments, artifacts[2], day=2, backend="unshare", variant="sbuild")
    add(environments, artifacts[3], day=3, backend="qemu")
    add(environments, artifacts[4], day=4, backend="unshare")
    if expected is None:
        with pytest.raises(NoMatchError):
            find(searcher, f"debian/match:{match}")
    else:
        assert find(searcher, f"debian/match:{match}").artifact == artifacts[expected]


def test_what_was_replaced_is_history(searcher: Searcher, environments: Collection) -> None:
    old, new = make_tarball(), make_tarball()
    first = add(environments, old, day=0)
    second = add(environments, new, day=1)
    assert find(searcher, "debian/name:tarball:trixie:amd64").artifact == new
    assert find(searcher, "debian/match:codename=trixie").artifact == new
    first.refresh_from_db()
    assert (first.removed_at, first.artifact) == (second.created_at, old)
    assert names(searcher, {"collection": "debian"}) == [second.name]


@pytest.mark.parametrize(
    "lookup",
    [
        "nowhere",
        "nowhere@debian:suite",
        "debian/nothing",
        "debian/match:codename=potato",
        "999@artifacts",
        "9223372036854775808@artifacts",
        "999@collections",
        "debian/name:",
    ],
)
def test_nothing_there_is_a_key_error(
    searcher: Searcher, environments: Collection, lookup: str
) -> None:
    with pytest.raises(KeyError):
        find(searcher, lookup)


@pytest.mark.parametrize("number", [0, -1, 999, 2**63, 10**30])
def test_numbers_of_nothing_are_key_errors(searcher: Searcher, number: int) -> None:
    with pytest.raises(KeyError):
        find(searcher, number, LookupChildType.ARTIFACT)


@pytest.mark.parametrize(
    ("lookup", "expect"),
    [
        ("", "any"),
        ("debian/a/b", "any"),
        ("debian/binary:hello", "any"),
        ("debian/item", "collection"),
        ("debian/item", "artifact"),
        ("debian", "artifact"),
        ("debian", "bare"),
        (1, "any"),
        (1, "bare"),
        ("internal@collections", "collection"),
        ("//workspace=nowhere/debian", "any"),
        ("//workspace=System:scope=nowhere/debian", "any"),
        ("//color=red/debian", "any"),
    ],
)
def test_mistakes_are_lookup_errors_but_no_key_errors(
    searcher: Searcher, environments: Collection, lookup: LookupSingle, expect: str
) -> None:
    add_bare(environments, "item")
    add_bare(environments, "a")
    with pytest.raises(LookupError) as caught:
        find(searcher, lookup, LookupChildType(expect))
    assert isinstance(caught.value, BadLookupError)
    assert not isinstance(caught.value, KeyError)


def test_without_category_there_must_be_a_default(user: User, workspace: Workspace) -> None:
    searcher = Searcher(actor=Actor(user=user), workspace=workspace)
    with pytest.raises(BadLookupError, match="category"):
        find(searcher, "debian")


def test_other_workspaces_by_option(searcher: Searcher, user: User) -> None:
    far = factories.make_workspace("far", scope=factories.make_scope("other"))
    there = make_collection(workspace=far)
    add(there, make_tarball(workspace=far))
    found = find(searcher, "//workspace=far:scope=other/debian/match:codename=trixie")
    assert found.parent == f"//workspace=far:scope=other/debian@{ENVIRONMENTS}"
    with pytest.raises(BadLookupError):
        find(searcher, "//workspace=far/debian")


def test_numbers_do_not_lead_to_other_scopes(searcher: Searcher, workspace: Workspace) -> None:
    far = factories.make_workspace("far", scope=factories.make_scope("other"))
    there, tarball = make_collection(workspace=far), make_tarball(workspace=far)
    for lookup in (f"{there.pk}@collections", f"{tarball.pk}@artifacts"):
        with pytest.raises(NoMatchError):
            find(searcher, lookup)
    # unless one inherits from there
    WorkspaceChain.objects.create(child=workspace, parent=far, order=0)
    assert find(searcher, f"{there.pk}@collections").collection == there
    assert find(searcher, f"{tarball.pk}@artifacts").artifact == tarball


def test_what_is_inherited_is_found_in_order(searcher: Searcher, workspace: Workspace) -> None:
    first, second = factories.make_workspace("first"), factories.make_workspace("second")
    base = factories.make_workspace("base")
    for order, parent in enumerate((first, second)):
        WorkspaceChain.objects.create(child=workspace, parent=parent, order=order)
    WorkspaceChain.objects.create(child=first, parent=base, order=0)
    # a loop
    WorkspaceChain.objects.create(child=base, parent=workspace, order=0)
    found = make_collection(workspace=second)
    assert find(searcher, "debian").collection == found
    found = make_collection(workspace=base)
    assert find(searcher, "debian").collection == found
    assert find(searcher, "//workspace=base/debian").collection == found
    found = make_collection(workspace=first)
    assert find(searcher, "debian").collection == found
    found = make_collection()
    assert find(searcher, "debian").collection == found
    with pytest.raises(NoMatchError):
        find(searcher, "//workspace=second/other")


def test_what_is_hidden_is_not_inherited(workspace: Workspace) -> None:
    shown = factories.make_workspace("shown", public=True)
    hidden = factories.make_workspace("hidden")
    behind = factories.make_workspace("behind", public=True)
    WorkspaceChain.objects.create(child=shown, parent=hidden, order=0)
    WorkspaceChain.objects.create(child=hidden, parent=behind, order=0)
    make_collection(workspace=hidden)
    make_collection(workspace=behind)
    searcher = Searcher(
        actor=Actor(user=factories.make_user()), workspace=shown, default_category=ENVIRONMENTS
    )
    with pytest.raises(NoMatchError):
        find(searcher, "debian")


@pytest.mark.parametrize(
    ("lookup", "segment"),
    [
        ("debian/binary:hello", "at binary:hello"),
        ("debian/item/other", "other follows what is no collection"),
    ],
)
def test_mistakes_name_the_segment(
    searcher: Searcher, environments: Collection, lookup: str, segment: str
) -> None:
    add_bare(environments, "item")
    with pytest.raises(BadLookupError) as caught:
        find(searcher, lookup)
    assert lookup in caught.value.brief
    assert segment in caught.value.brief


def test_internal_collection_of_a_workflow(user: User, workspace: Workspace) -> None:
    internal = make_collection("workflow-7", "debusine:workflow-internal")
    searcher = Searcher(actor=Actor(user=user), workspace=workspace, workflow_root=7)
    assert find(searcher, "internal@collections").collection == internal


def test_what_one_may_not_see_is_not_there(workspace: Workspace) -> None:
    environments = make_collection()
    tarball = make_tarball()
    add(environments, tarball)
    public = factories.make_workspace("public", public=True)
    shown = make_collection(workspace=public)
    add(shown, tarball)
    stranger = Actor(user=factories.make_user())
    for actor in (stranger, ANONYMOUS):
        hidden = Searcher(actor=actor, workspace=workspace, default_category=ENVIRONMENTS)
        for lookup in (
            "debian",
            "debian/match:codename=trixie",
            f"{tarball.pk}@artifacts",
            f"{environments.pk}@collections",
        ):
            with pytest.raises(NoMatchError):
                find(hidden, lookup)
        with pytest.raises(BadLookupError):
            find(hidden, "//workspace=System/debian")
        # an item of a visible collection is visible, wherever its artifact lives
        visible = Searcher(actor=actor, workspace=public, default_category=ENVIRONMENTS)
        assert find(visible, "debian/match:codename=trixie").artifact == tarball


@pytest.fixture
def things(workspace: Workspace) -> Collection:
    collection = make_collection("things", "debusine:test")
    add_bare(collection, "alpha", color="red", size=5, ok=True)
    add_bare(collection, "beta", "debusine:promise", color="blue", size="5")
    add_bare(collection, "Alphabet", color=None, nested={"a": [1]})
    CollectionItem.objects.create(
        collection=collection,
        name="tarball",
        child_type=ItemType.ARTIFACT,
        category="debian:system-tarball",
        artifact=make_tarball(),
        created_at=BEGIN,
    )
    CollectionItem.objects.create(
        collection=collection,
        name="inner",
        child_type=ItemType.COLLECTION,
        category="debusine:test",
        child_collection=make_collection("inner", "debusine:test"),
        created_at=BEGIN,
    )
    add_bare(collection, "gone")
    CollectionItem.objects.filter(name="gone").update(removed_at=BEGIN)
    return collection


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"child_type": "any"}, ["alpha", "beta", "Alphabet", "tarball", "inner"]),
        ({}, ["tarball"]),
        ({"child_type": "bare"}, ["alpha", "beta", "Alphabet"]),
        ({"child_type": "collection"}, ["inner"]),
        ({"child_type": "artifact-or-promise"}, ["beta", "tarball"]),
        ({"child_type": "any", "category": "debusine:promise"}, ["beta"]),
        ({"child_type": "any", "name": "alpha"}, ["alpha"]),
        ({"child_type": "any", "name__in": ["inner", "beta", "no"]}, ["beta", "inner"]),
        ({"child_type": "any", "name__startswith": "al"}, ["alpha"]),
        ({"child_type": "any", "name__startswith": "Al"}, ["Alphabet"]),
        ({"child_type": "any", "name__contains": "pha"}, ["alpha", "Alphabet"]),
        ({"child_type": "any", "name__endswith": "a"}, ["alpha", "beta"]),
        ({"child_type": "any", "name__contains": "%"}, []),
        ({"child_type": "any", "data__color": "red"}, ["alpha"]),
        ({"child_type": "any", "data__color__in": ["red", "blue"]}, ["alpha", "beta"]),
        ({"child_type": "any", "data__color__contains": ""}, ["alpha", "beta"]),
        ({"child_type": "any", "data__size": "5"}, ["alpha", "beta"]),
        ({"child_type": "any", "data__ok": "true"}, ["alpha"]),
        ({"child_type": "any", "data__color": "red", "name": "beta"}, []),
    ],
)
def test_dictionary_lookups(
    searcher: Searcher, things: Collection, filters: dict[str, Any], expected: list[str]
) -> None:
    assert names(searcher, {"collection": things.pk, **filters}) == expected


def test_alternatives_are_joined_in_order(searcher: Searcher, things: Collection) -> None:
    lookup = [
        "things@debusine:test/beta",
        {"collection": "things@debusine:test", "child_type": "bare", "name": "alpha"},
        "things@debusine:test/beta",
    ]
    assert names(searcher, lookup) == ["beta", "alpha", "beta"]
    assert names(searcher, []) == []


@pytest.mark.parametrize(
    "lookup",
    [
        {"collection": "things@debusine:test", "name": "no", "error_on_empty": True},
        {"collection": "things@debusine:test", "lookup__same_work_request": 5},
        {"collection": "things@debusine:test/alpha"},
        ["things@debusine:test/alpha"],
    ],
)
def test_wrong_multiple_lookups(searcher: Searcher, things: Collection, lookup: Any) -> None:
    with pytest.raises(BadLookupError):
        searcher.multiple(LookupMultiple.parse(lookup), LookupChildType.ARTIFACT)


def test_a_missing_collection_is_no_match(searcher: Searcher, workspace: Workspace) -> None:
    with pytest.raises(NoMatchError):
        names(searcher, {"collection": "nowhere"})


def test_nested_collections(searcher: Searcher, things: Collection) -> None:
    inner = Collection.objects.get(name="inner")
    add_bare(inner, "deep")
    found = find(searcher, "things@debusine:test/inner/deep")
    assert (found.item, found.parent) == (inner.items.get(), "things@debusine:test/inner")


def test_a_lookup_takes_two_queries(
    searcher: Searcher, environments: Collection, django_assert_num_queries: Any
) -> None:
    add(environments, make_tarball())
    with django_assert_num_queries(2):
        find(searcher, "debian/match:codename=trixie:architecture=amd64:format=tarball")
