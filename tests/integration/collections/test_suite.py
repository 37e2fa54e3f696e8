# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest
from tests.integration.collections.conftest import (
    make_binary,
    make_source,
    many,
    names,
    on_day,
    one,
    put,
    relate,
)
from tests.integration.lookup.conftest import make_artifact, make_collection

from debusine.artifacts.relation import RelationType
from debusine.db.models import Artifact, Collection, CollectionItem
from debusine.domain.lookup import BadLookupError, NoMatchError, Segment
from debusine.errors import UserError
from debusine.server.actions.change_collection import remove_item
from debusine.server.collections.base import kind_of
from debusine.server.lookup import Searcher

BUILD_ID = "0123456789" * 4


def make_symbols(binary: Artifact | None, *build_ids: str) -> Artifact:
    symbols = make_artifact("debian:debug-symbols", data={"build_ids": list(build_ids)})
    if binary is not None:
        relate(symbols, RelationType.RELATES_TO, binary)
    return symbols


def make_index(path: str) -> Artifact:
    return make_artifact("debian:repository-index", data={"path": path})


def test_names_and_data(suite: Collection) -> None:
    source = make_source("hello", "1.0-1")
    item = put(suite, source)
    assert (item.name, item.data) == (
        "hello_1.0-1",
        {"package": "hello", "version": "1.0-1", "component": "main", "section": "misc"},
    )
    binary = make_binary("libhello1", "1.0-1+b1", source=source)
    item = put(suite, binary)
    data = {
        "srcpkg_name": "hello",
        "srcpkg_version": "1.0-1",
        "package": "libhello1",
        "version": "1.0-1+b1",
        "architecture": "amd64",
    }
    given = {"component": "main", "section": "misc", "priority": "optional"}
    assert (item.name, item.data) == ("libhello1_1.0-1+b1_amd64", {**data, **given})
    item = put(suite, make_symbols(binary, BUILD_ID), build_id=BUILD_ID)
    assert item.name == f"debugsym:libhello1_1.0-1+b1_amd64_{BUILD_ID}"
    assert item.data == {**data, "build_id": BUILD_ID}
    item = put(suite, make_index("x"), path="main/source/Sources.xz")
    assert item.name == "index:main/source/Sources.xz"
    assert item.data == {"path": "main/source/Sources.xz"}


@pytest.mark.parametrize(
    ("lookup", "expected"),
    [
        ("source:hello", "hello_1.10-1"),
        ("source-version:hello_1.9-1", "hello_1.9-1"),
        ("binary:hello_amd64", "hello_1.10-1_amd64"),
        ("binary:hello_arm64", "hello_1.9-1_all"),
        ("binary-version:hello_1.9-1_amd64", "hello_1.9-1_all"),
        ("index:Sources", "index:Sources"),
        ("hello_1.9-1", "hello_1.9-1"),
        ("source:hell", None),
        ("source:hello_1.9-1", None),
        ("source-version:hello_1.8-1", None),
        ("source-version:hello_1.10-1~", None),
        ("binary:hell_amd64", None),
        ("index:Packages", None),
    ],
)
def test_the_highest_version_is_found(
    suite: Collection, searcher: Searcher, lookup: str, expected: str | None
) -> None:
    for version, architecture in (("1.9-1", "all"), ("1.10-1", "amd64")):
        put(suite, make_source(version=version))
        put(suite, make_binary(version=version, architecture=architecture))
    put(suite, make_index("Sources"), path="Sources")
    text = f"trixie@debian:suite/{lookup}"
    if expected is None:
        with pytest.raises(NoMatchError):
            one(searcher, text)
    else:
        assert one(searcher, text).name == expected


@pytest.mark.parametrize(
    "lookup",
    ["binary:hello", "binary:_amd64", "binary-version:hello_1", "source-version:x", "best:hello"],
)
def test_lookups_with_missing_parts(suite: Collection, searcher: Searcher, lookup: str) -> None:
    with pytest.raises(BadLookupError, match=lookup.partition(":")[0]):
        one(searcher, f"trixie@debian:suite/{lookup}")


def test_removed_packages_are_not_found(suite: Collection, searcher: Searcher) -> None:
    old, new = (put(suite, make_source(version=version)) for version in ("1.9-1", "1.10-1"))
    remove_item(new, change=on_day(2))
    assert one(searcher, "trixie@debian:suite/source:hello") == old


def test_higher_versions_supersede(suite: Collection) -> None:
    old = put(suite, make_source(version="1.9-1"), day=0)
    other = put(suite, make_source("world", "1.0"), day=0)
    new = put(suite, make_source(version="1.10-1"), day=1)
    for item in (old, other, new):
        item.refresh_from_db()
    assert old.superseded_at == new.created_at
    assert old.removed_at is None
    assert other.superseded_at is new.superseded_at is None


def test_lower_versions_are_refused(suite: Collection) -> None:
    put(suite, make_source(version="1.10-1"))
    with pytest.raises(UserError, match=r"hello_1\.9-1 is older than hello_1\.10-1"):
        put(suite, make_source(version="1.9-1"))
    suite.data["may_rewind_versions"] = True
    item = put(suite, make_source(version="1.9-1"))
    assert item.superseded_at is None


def test_the_very_same_is_there_already(suite: Collection) -> None:
    source = make_source()
    first = put(suite, source)
    again = put(suite, source, day=1)
    assert (again.pk, again.created_at) == (first.pk, first.created_at)
    elsewhere = put(suite, source, day=1, section="net")
    assert elsewhere.pk != first.pk
    assert names(suite) == ["hello_1.0-1"]


def test_names_are_taken_unless_replaced(suite: Collection) -> None:
    put(suite, make_source(content="same"))
    with pytest.raises(UserError, match="has an item of the name"):
        put(suite, make_source(content="same"), replace=False)


def test_a_file_of_the_pool_has_one_content(suite: Collection, archive: Collection) -> None:
    other = make_collection("sid", "debian:suite")
    first = put(suite, make_source(content="one"))
    path = "pool/main/h/hello/hello_1.0-1.dsc"
    for place in (suite, other):
        with pytest.raises(UserError, match=rf"{path} already exists in the archive pool"):
            put(place, make_source(content="two"))
    remove_item(first, change=on_day(1))
    with pytest.raises(UserError, match="already exists"):
        put(other, make_source(content="two"))
    # what is the same may come again
    put(other, make_source(content="one"))


@pytest.mark.parametrize("of", ["suite", "archive"])
def test_versions_may_be_reused(suite: Collection, archive: Collection, of: str) -> None:
    place = suite if of == "suite" else archive
    place.data["may_reuse_versions"] = True
    place.save()
    first = put(suite, make_source(content="one"))
    remove_item(first, change=on_day(1))
    put(suite, make_source(content="two"))
    # or at once, in its place
    put(suite, make_source(content="three"))
    assert names(suite) == ["hello_1.0-1"]


def test_libraries_have_a_longer_prefix(suite: Collection) -> None:
    put(suite, make_source("libfoo"))
    key = suite.constraints.get().key
    assert key == "pool/main/libf/libfoo/libfoo_1.0-1.dsc"


def test_what_belongs_to_a_package_goes_with_it(suite: Collection) -> None:
    source, later = make_source(version="1.0-1"), make_source(version="2.0-1")
    item = put(suite, source)
    put(suite, later)
    binary = make_binary("libhello1", "1.0-1", source=source)
    # built of it, as the other one says as well, but of another version
    rebuilt = make_binary("libhello1", "2.0-1", source=later)
    relate(rebuilt, RelationType.BUILT_USING, source)
    for each in (binary, rebuilt):
        put(suite, each)
    put(suite, make_symbols(binary, BUILD_ID), build_id=BUILD_ID)
    put(suite, make_symbols(rebuilt, BUILD_ID), build_id=BUILD_ID)
    remove_item(item, change=on_day(1), with_associated=True)
    kept = [f"debugsym:libhello1_2.0-1_amd64_{BUILD_ID}", "hello_2.0-1", "libhello1_2.0-1_amd64"]
    assert names(suite) == kept
    package = CollectionItem.objects.get(collection=suite, name="libhello1_2.0-1_amd64")
    remove_item(package, change=on_day(1), with_associated=True)
    assert names(suite) == ["hello_2.0-1"]


def test_binaries_of_sources(suite: Collection, searcher: Searcher) -> None:
    source, other = make_source(), make_source("world")
    put(suite, source)
    for each in (
        make_binary("a", source=source),
        make_binary("b", source=other),
        make_binary("c"),
        make_binary("d", source=source),
    ):
        put(suite, each)
    lookup = {"collection": "trixie@debian:suite"}
    by_source = {**lookup, "lookup__binaries": source.pk}
    assert many(searcher, by_source) == ["a_1.0-1_amd64", "d_1.0-1_amd64"]
    by_place = {**lookup, "lookup__binaries": "trixie@debian:suite/source:hello"}
    assert many(searcher, by_place) == ["a_1.0-1_amd64", "d_1.0-1_amd64"]
    both = {**lookup, "lookup__binaries": [source.pk, other.pk]}
    assert many(searcher, both) == ["a_1.0-1_amd64", "b_1.0-1_amd64", "d_1.0-1_amd64"]
    assert many(searcher, {**lookup, "lookup__binaries": []}) == []
    for wrong in (make_binary().pk, {"collection": "trixie@debian:suite"}):
        with pytest.raises(BadLookupError, match="needs source packages"):
            many(searcher, {**lookup, "lookup__binaries": wrong})
    with pytest.raises(BadLookupError, match="lookup__sources"):
        many(searcher, {**lookup, "lookup__sources": source.pk})


@pytest.mark.parametrize(
    ("artifact", "variables", "named"),
    [
        (make_source, {"section": ""}, "section"),
        (make_source, {"component": 5}, "component"),
        (lambda: make_source(version="x:1"), {}, "epoch"),
        (lambda: make_source(name="a_b"), {}, "'_'"),
        (lambda: make_source(name="../x"), {}, "'/'"),
        (lambda: make_source(name=""), {}, "cannot hold"),
        (make_binary, {"priority": None}, "priority"),
        (lambda: make_symbols(None, BUILD_ID), {"build_id": BUILD_ID}, "one binary package"),
        (lambda: make_symbols(make_binary(), BUILD_ID), {"build_id": "0" * 40}, "no build-id"),
        (lambda: make_symbols(make_binary(), BUILD_ID), {}, "build_id"),
        (lambda: make_index("x"), {"path": "../x"}, "not a path"),
        (lambda: make_index("x"), {"path": "/x"}, "not a path"),
        (lambda: make_index("x"), {"path": "x" * 300}, "not a name"),
        (lambda: make_index("x"), {}, "path"),
        (make_artifact, {}, "debusine:test"),
    ],
)
def test_what_does_not_belong_there(
    suite: Collection, artifact: Any, variables: dict[str, Any], named: str
) -> None:
    with pytest.raises(UserError, match=named):
        put(suite, artifact(), **variables)
    assert not CollectionItem.objects.exists()


# the archive


@pytest.mark.parametrize(
    ("lookup", "expected"),
    [
        ("source:hello", "hello_2.0-1"),
        ("binary:hello_amd64", "hello_1.0-1_amd64"),
        ("source-version:hello_1.0-1", "hello_1.0-1"),
        ("name:index:Contents", "index:Contents"),
        ("index:Contents", "index:Contents"),
        ("source:secret", None),
        ("index:Release", None),
    ],
)
def test_an_archive_looks_into_its_suites(
    suite: Collection,
    archive: Collection,
    searcher: Searcher,
    lookup: str,
    expected: str | None,
) -> None:
    sid = make_collection("sid", "debian:suite")
    hidden = make_collection("hidden", "debian:suite", data={"exported": False})
    put(suite, make_source())
    put(suite, make_binary())
    put(sid, make_source(version="2.0-1"))
    put(hidden, make_source("secret"))
    put(archive, make_index("Contents"), path="Contents")
    put(suite, make_index("Release"), path="Release")
    if expected is None:
        with pytest.raises(NoMatchError):
            one(searcher, f"_@debian:archive/{lookup}")
    else:
        assert one(searcher, f"_@debian:archive/{lookup}").name == expected


def test_an_index_of_a_suite_belongs_to_the_suite(suite: Collection, archive: Collection) -> None:
    item = put(suite, make_index("Release"), path="Release")
    segment = Segment(kind="index", value="dists/trixie/Release")
    assert kind_of(archive).lookup(archive, segment) == item
    with pytest.raises(UserError, match="belongs to a suite"):
        put(archive, make_index("x"), path="dists/trixie/Release")
    with pytest.raises(UserError, match="debian:source-package"):
        put(archive, make_source())
