# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from tests.integration.collections.conftest import make_source, names, on_day, one, put, put_data
from tests.integration.lookup.conftest import make_artifact, make_collection, make_tarball

from debusine.db.models import Collection, CollectionItem
from debusine.errors import UserError
from debusine.server.actions.change_collection import put_artifact, put_bare, remove_item
from debusine.server.collections.base import all_kinds
from debusine.server.lookup import Searcher

pytestmark = pytest.mark.django_db

PROMISE = {
    "promise_work_request_id": 1,
    "promise_workflow_id": 2,
    "promise_category": "debian:upload",
}


@pytest.fixture
def internal(searcher: Searcher) -> Collection:
    return make_collection("workflow-7", "debusine:workflow-internal")


def test_there_is_a_kind_for_every_category() -> None:
    assert [name for name, kind in all_kinds().items() if kind.is_singleton] == [
        "debian:archive",
        "debian:package-build-logs",
        "debusine:task-history",
    ]
    assert len(all_kinds()) == 9


def test_a_promise_gives_way_to_its_artifact(internal: Collection, searcher: Searcher) -> None:
    promise = put_data(internal, "debusine:promise", name="x|upload", extra=1, **PROMISE)
    assert promise.data == {**PROMISE, "extra": 1}
    again = put_data(internal, "debusine:promise", name="x|upload", day=1, **PROMISE)
    item = put_artifact(
        internal, make_source(), change=on_day(2), variables={"extra": 1}, name="x|upload"
    )
    assert (names(internal), item.data) == (["x|upload"], {"extra": 1})
    removed = CollectionItem.objects.filter(pk__in=(promise.pk, again.pk))
    assert [one.removed_at for one in removed.order_by("id")] == [on_day(1).now, on_day(2).now]
    with pytest.raises(UserError, match="has an item of the name"):
        put_data(internal, "debusine:promise", name="x|upload", day=3, **PROMISE)


@pytest.mark.parametrize("name", [None, "a/b", "", "x" * 256, "\0"])
def test_items_of_workflows_need_names(internal: Collection, name: str | None) -> None:
    with pytest.raises(UserError, match="name"):
        put_artifact(internal, make_source(), change=on_day(0), name=name)


def test_only_promises_promise(internal: Collection) -> None:
    with pytest.raises(UserError, match="promise_x"):
        put_artifact(
            internal, make_source(), change=on_day(0), variables={"promise_x": 1}, name="x"
        )
    with pytest.raises(UserError, match="promise_x"):
        put_data(internal, "debusine:test", name="x", promise_x=1)
    with pytest.raises(UserError) as caught:
        put_data(internal, "debusine:promise", name="x", promise_x=1, **PROMISE)
    assert "promise_x" in caught.value.explain()


def test_entries_of_configuration_are_named_by_what_they_are_for(searcher: Searcher) -> None:
    collection = make_collection("default", "debusine:task-configuration")
    category = "debusine:task-configuration"
    put_data(collection, category, template="fast")
    put_data(collection, category, task_type="Worker", task_name="sbuild", context="a/b")
    put_data(collection, category, task_type="Worker", task_name="sbuild", path="a.yaml")
    assert names(collection) == ["Worker:sbuild::a%2Fb", "a.yaml:0", "template:fast"]
    with pytest.raises(UserError):
        put_data(collection, category, task_name="sbuild")
    with pytest.raises(UserError, match="cannot be added"):
        put(collection, make_source())
    found = one(
        searcher, "default@debusine:task-configuration/template:fast".replace("/", "/name:")
    )
    assert found.data == {"template": "fast"}


def test_a_collection_for_tests() -> None:
    collection = make_collection("x", "debusine:test")
    put_artifact(collection, make_artifact(), change=on_day(0), name="one", variables={"a": 1})
    put_bare(collection, "debusine:test", {"b": 1}, change=on_day(0), name="two")
    assert names(collection) == ["one", "two"]
    with pytest.raises(UserError, match="cannot be added"):
        put(collection, make_tarball())


def test_nothing_belongs_into_what_is_not_known() -> None:
    collection = make_collection("x", "debian:unheard-of")
    with pytest.raises(UserError, match="does not know"):
        put(collection, make_artifact())
    with pytest.raises(UserError, match="does not know"):
        put_data(collection, "debusine:test")


def test_what_was_removed_once_is_not_removed_again() -> None:
    collection = make_collection("x", "debusine:test")
    item = put_bare(collection, "debusine:test", {}, change=on_day(0), name="one")
    assert remove_item(item, change=on_day(1)) == [item.pk]
    assert remove_item(item, change=on_day(2)) == []
    item.refresh_from_db()
    assert item.removed_at == on_day(1).now
