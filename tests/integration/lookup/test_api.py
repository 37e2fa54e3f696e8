# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest
from tests.integration.conftest import ApiClient
from tests.integration.lookup.conftest import add, add_bare, make_collection, make_tarball

from debusine.db.models import Collection, Workspace
from debusine.testing import factories

PROBLEM = "application/problem+json"
CATEGORY = "debian:environments"


def look_up(api: ApiClient, lookup: Any, expect: str = "any", **fields: Any) -> Any:
    how = "single" if isinstance(lookup, (int, str)) else "multiple"
    wanted = {"lookup": lookup, "workspace": "System", "expect_type": expect, **fields}
    return api.post(f"/lookup/{how}/", wanted)


def test_an_artifact_in_a_collection(api: ApiClient, environments: Collection) -> None:
    item = add(environments, make_tarball(), backend="unshare")
    answer = look_up(api, "debian/match:codename=trixie", "artifact", default_category=CATEGORY)
    assert answer.status_code == 200
    assert answer.json() == {
        "result_type": "artifact",
        "collection_item": {
            "name": "tarball:trixie:amd64::unshare",
            "category": "debian:system-tarball",
            "data": {
                "codename": "trixie",
                "architecture": "amd64",
                "variant": None,
                "backend": "unshare",
            },
        },
        "parent_collection_lookup": f"debian@{CATEGORY}",
        "artifact": item.artifact_id,
        "collection": None,
        "collection_info": None,
        "links": {
            "self": f"/api/1.0/artifact/{item.artifact_id}/",
            "webui_self": f"/debusine/System/artifact/{item.artifact_id}/",
            "parent_collection": "/api/1.0/collection/System/debian%3Aenvironments/debian/",
            "webui_parent_collection": (
                "/debusine/System/collection/debian%3Aenvironments/debian/"
            ),
        },
    }


def test_a_collection(api: ApiClient, environments: Collection) -> None:
    record = look_up(api, f"debian@{CATEGORY}", "c").json()
    path = "debian%3Aenvironments/debian/"
    assert record == {
        "result_type": "collection",
        "collection_item": None,
        "parent_collection_lookup": None,
        "artifact": None,
        "collection": environments.pk,
        "collection_info": {"name": "debian", "category": CATEGORY},
        "links": {
            "self": f"/api/1.0/collection/System/{path}",
            "webui_self": f"/debusine/System/collection/{path}",
        },
    }


def test_several(api: ApiClient, environments: Collection) -> None:
    for name in ("one", "two"):
        add_bare(environments, name)
    answer = look_up(api, {"collection": environments.pk, "child_type": "bare"}, "bare")
    assert [found["collection_item"]["name"] for found in answer.json()] == ["one", "two"]
    links = answer.json()[0]["links"]
    assert links["self"].endswith("/debian/item/one/")
    assert look_up(api, []).json() == []


@pytest.mark.parametrize("lookup", ["nowhere@debian:suite", 999, ["nowhere@debian:suite"]])
def test_no_match(api: ApiClient, workspace: Workspace, lookup: Any) -> None:
    answer = look_up(api, lookup, "artifact")
    assert (answer.status_code, answer["Content-Type"]) == (404, PROBLEM)
    assert answer.json()["title"] == "No matches"


@pytest.mark.parametrize(
    ("lookup", "expect"),
    [
        ("", "any"),
        ("a//b", "any"),
        (5, "any"),
        ("x", "any"),
        ("x@y:z", "thing"),
        ({}, "any"),
        ([None], "any"),
        ([["x"]], "any"),
        ({"collection": "x", "name": {"a": 1}}, "any"),
    ],
)
def test_bad_lookups(api: ApiClient, workspace: Workspace, lookup: Any, expect: str) -> None:
    answer = look_up(api, lookup, expect)
    assert (answer.status_code, answer["Content-Type"]) == (400, PROBLEM)
    assert answer.json()["title"] == "Lookup error"


@pytest.mark.parametrize("how", ["single", "multiple"])
def test_lookups_of_the_other_kind(api: ApiClient, workspace: Workspace, how: str) -> None:
    lookup = [1] if how == "single" else "x@y:z"
    wanted = {"lookup": lookup, "workspace": "System", "expect_type": "any"}
    assert api.post(f"/lookup/{how}/", wanted).status_code == 400


def test_only_people_look_up(environments: Collection, anonymous: ApiClient) -> None:
    running = factories.make_running(created_by=factories.make_user(superuser=True))
    for api in (anonymous, ApiClient(factories.make_worker().key), ApiClient(running.key)):
        assert look_up(api, f"debian@{CATEGORY}").status_code == 403
    stranger = ApiClient(factories.make_token(factories.make_user()).key)
    answer = look_up(stranger, f"debian@{CATEGORY}")
    assert (answer.status_code, answer.json()["title"]) == (404, "Workspace not found")


def test_collections_are_listed_by_page(api: ApiClient, environments: Collection) -> None:
    for number in range(11):
        make_collection(f"c{number:02}", "debusine:test")
    make_collection("workflow-1", "debusine:workflow-internal")
    make_collection(workspace=factories.make_workspace("other"))
    first = api.get("/collection/System/").json()
    assert first["count"] == 12
    assert first["previous"] is None
    assert first["next"] == "http://testserver/api/1.0/collection/System/?page=2"
    second = api.get("/collection/System/?page=2").json()
    assert second["next"] is None
    assert second["previous"] == "http://testserver/api/1.0/collection/System/?page=1"
    names = [record["name"] for page in (first, second) for record in page["results"]]
    assert names == ["debian", *(f"c{number:02}" for number in range(11))]
    for page in ("0", "3", "x", "-1", "9" * 30):
        assert api.get(f"/collection/System/?page={page}").status_code == 404


def test_a_collection_by_id_and_name(api: ApiClient, environments: Collection) -> None:
    web = "/debusine/System/collection/debian%3Aenvironments/"
    expected = {
        "links": {
            "self": "/api/1.0/collection/System/debian%3Aenvironments/debian/",
            "webui_self": f"{web}debian/",
            "webui_category": {"href": web, "type": "category"},
        },
        "id": environments.pk,
        "category": CATEGORY,
        "name": "debian",
        "full_history_retention_period": None,
        "metadata_only_retention_period": None,
        "data": {},
        "stats": None,
    }
    assert api.get(f"/collection/System/{environments.pk}/").json() == expected
    assert api.get("/collection/System/debian%3Aenvironments/debian/").json() == expected
    add(environments, make_tarball(), day=0)
    add(environments, make_tarball(), day=1)
    add_bare(environments, "note")
    stats = api.get(f"/collection/System/{CATEGORY}/debian/?stats=1").json()["stats"]
    tarballs = {"type": "artifact", "category": "debian:system-tarball"}
    assert stats == [
        {**tarballs, "active": True, "count": 1},
        {**tarballs, "active": False, "count": 1},
        {"type": "bare", "category": "debusine:test", "active": True, "count": 1},
    ]


def test_items(api: ApiClient, environments: Collection) -> None:
    add(environments, make_tarball(), day=0)
    add(environments, make_tarball(), day=1)
    add_bare(environments, "note_1.0+b~1", size=1)
    path = f"/collection/System/{CATEGORY}/debian/item/"
    page = api.get(path).json()
    assert page["count"] == 2
    note = {"name": "note_1.0+b~1", "category": "debusine:test", "data": {"size": 1}}
    assert page["results"][0] == note
    assert api.get(f"{path}?name__startswith=note").json()["results"] == [note]
    assert api.get(f"{path}?category=debusine:test").json()["results"] == [note]
    assert api.get(f"{path}note_1.0%2Bb~1/").json() == note
    assert api.get(f"{path}tarball:trixie:amd64/").status_code == 200
    for missing in ("nothing", "%00", "x" * 1000):
        assert api.get(f"{path}{missing}/").status_code == 404


@pytest.mark.parametrize(
    "path",
    [
        "System/999/",
        "System/99999999999999999999/",
        "System/debian:suite/debian/",
        "System/%00/debian/",
        "nowhere/",
        "%00/",
    ],
)
def test_collections_that_are_not_there(
    api: ApiClient, environments: Collection, path: str
) -> None:
    answer = api.get(f"/collection/{path}")
    assert (answer.status_code, answer["Content-Type"]) == (404, PROBLEM)


def test_only_people_read_collections(environments: Collection, anonymous: ApiClient) -> None:
    running = factories.make_running(created_by=factories.make_user(superuser=True))
    stranger = ApiClient(factories.make_token(factories.make_user()).key)
    for path in ("", f"{environments.pk}/", f"{CATEGORY}/debian/", f"{CATEGORY}/debian/item/"):
        where = f"/collection/System/{path}"
        assert anonymous.get(where).status_code == 403
        assert ApiClient(running.key).get(where).status_code == 403
        assert stranger.get(where).status_code == 404


def test_numbers_of_queries(
    api: ApiClient, environments: Collection, django_assert_num_queries: Any
) -> None:
    for number in range(20):
        add_bare(environments, f"item{number}")
    add(environments, make_tarball())
    path = f"/collection/System/{CATEGORY}/debian/"
    api.get(path)
    # token, scope, workspace, collection
    with django_assert_num_queries(4):
        api.get(path)
    # and the number of items, and a page of them
    with django_assert_num_queries(6):
        api.get(f"{path}item/")
    # token, scope, workspace, collection, item
    with django_assert_num_queries(5):
        look_up(api, f"debian@{CATEGORY}/match:codename=trixie")
