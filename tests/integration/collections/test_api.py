# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest
from tests.integration.collections.conftest import make_binary, make_source, names, put
from tests.integration.conftest import ApiClient
from tests.integration.lookup.conftest import make_collection

from debusine.db.models import Artifact, Collection, Workspace, WorkspaceChain
from debusine.testing import factories

PLACE = "/collection/System/"
SUITE = {"category": "debian:suite", "name": "trixie"}


def test_collections_are_made(api: ApiClient, workspace: Workspace) -> None:
    wanted = {
        **SUITE,
        "full_history_retention_period": 7,
        "data": {"components": ["main"]},
        # clients send whole records
        "id": None,
        "links": {},
    }
    answer = api.post(PLACE, wanted)
    assert answer.status_code == 201, answer.content
    made = Collection.objects.get()
    assert answer.json() == api.get(f"{PLACE}{made.pk}/").json()
    assert answer.json()["full_history_retention_period"] == 7
    assert answer.json()["data"] == {"components": ["main"]}
    again = api.post(PLACE, wanted)
    assert (again.status_code, again.json()["title"]) == (400, "Cannot create collection")


@pytest.mark.parametrize(
    ("wanted", "field"),
    [
        ({"category": "debian:unheard-of", "name": "x"}, "category"),
        ({"category": "debusine:workflow-internal", "name": "workflow-1"}, "category"),
        ({"category": "debian:archive", "name": "main"}, "name"),
        ({"category": "debian:suite", "name": "_"}, "name"),
        ({"category": "debian:suite", "name": "x" * 256}, "name"),
        ({"category": "debian:suite", "name": "a/b"}, "name"),
        ({**SUITE, "full_history_retention_period": -1}, "full_history_retention_period"),
        ({**SUITE, "full_history_retention_period": 10**9}, "full_history_retention_period"),
        ({**SUITE, "data": None}, "data"),
        ({"name": "x"}, "category"),
    ],
)
def test_what_cannot_be_made(
    api: ApiClient, workspace: Workspace, wanted: dict[str, Any], field: str
) -> None:
    answer = api.post(PLACE, wanted)
    assert answer.status_code == 400
    assert field in answer.json()["validation_errors"]
    assert not Collection.objects.exists()


def test_collections_are_changed(api: ApiClient, suite: Collection) -> None:
    path = f"{PLACE}{suite.pk}/"
    suite.data = {"a": 1}
    suite.save()
    record = api.patch(path, {"name": "sid", "metadata_only_retention_period": 3}).json()
    assert (record["name"], record["data"]) == ("sid", {"a": 1})
    assert record["metadata_only_retention_period"] == 3
    record = api.patch(path, {**record, "metadata_only_retention_period": None}).json()
    assert record["metadata_only_retention_period"] is None
    record = api.put(path, SUITE).json()
    assert (record["name"], record["data"]) == ("trixie", {})
    make_collection("sid", "debian:suite")
    for wrong, field in (
        ({"name": "sid"}, "name"),
        ({"name": "_"}, "name"),
        ({"category": "debian:environments"}, "category"),
    ):
        answer = api.patch(path, wrong)
        assert (answer.status_code, answer.json()["title"]) == (400, "Cannot change collection")
        assert field in answer.json()["validation_errors"]


def test_collections_are_deleted_with_their_items(
    api: ApiClient, suite: Collection, archive: Collection
) -> None:
    put(suite, make_source())
    assert api.delete(f"{PLACE}{suite.pk}/").status_code == 204
    assert list(Collection.objects.all()) == [archive]
    assert Artifact.objects.count() == 1
    assert api.delete(f"{PLACE}{suite.pk}/").status_code == 404
    internal = make_collection("workflow-1", "debusine:workflow-internal")
    assert api.delete(f"{PLACE}{internal.pk}/").status_code == 403


def test_items_are_removed_with_what_belongs_to_them(api: ApiClient, suite: Collection) -> None:
    source = make_source()
    put(suite, source)
    put(suite, make_binary("libhello1", source=source))
    put(suite, make_binary("other"))
    path = f"{PLACE}debian:suite/trixie/item/hello_1.0-1/"
    assert api.delete(path).status_code == 204
    assert api.delete(path).status_code == 404
    assert names(suite) == ["other_1.0-1_amd64"]


def test_items_are_inherited_and_collections_are_not(api: ApiClient, suite: Collection) -> None:
    put(suite, make_source())
    heir = factories.make_workspace("heir")
    WorkspaceChain.objects.create(child=heir, parent=suite.workspace, order=0)
    path = "/collection/heir/debian:suite/trixie/"
    assert api.get(path).status_code == 404
    assert api.get(f"{path}item/").json()["count"] == 1
    assert api.get(f"{path}item/hello_1.0-1/").status_code == 200
    assert api.get("/collection/heir/debian:suite/sid/item/").status_code == 404


def test_names_begin_as_they_are_written(api: ApiClient, suite: Collection) -> None:
    for name in ("hello", "hell", "Hello", "h%"):
        put(suite, make_source(name))
    path = f"{PLACE}debian:suite/trixie/item/?name__startswith="
    assert api.get(f"{path}hello").json()["count"] == 1
    assert api.get(f"{path}h%25").json()["count"] == 1
    assert api.get(path).json()["count"] == 4


def test_only_owners_change(suite: Collection, anonymous: ApiClient) -> None:
    put(suite, make_source())
    suite.workspace.public = True
    suite.workspace.save()
    stranger = ApiClient(factories.make_token(factories.make_user()).key)
    by_id, item = f"{PLACE}{suite.pk}/", f"{PLACE}debian:suite/trixie/item/hello_1.0-1/"
    for api in (anonymous, stranger):
        assert api.post(PLACE, {**SUITE, "name": "sid"}).status_code == 403
        assert api.patch(by_id, {}).status_code == 403
        assert api.put(by_id, SUITE).status_code == 403
        assert api.delete(by_id).status_code == 403
        assert api.delete(item).status_code == 403
    assert names(suite) == ["hello_1.0-1"]
