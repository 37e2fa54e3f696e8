# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from tests.integration.conftest import ApiClient
from tests.integration.lookup.conftest import (
    BEGIN,
    add,
    make_artifact,
    make_collection,
    make_tarball,
)

from debusine.db.models import Collection, CollectionItem, User, WorkRequest, Workspace
from debusine.domain.result import WorkRequestResults
from debusine.server.react import react_to
from debusine.testing import factories
from debusine.util.clock import SystemClock

LOOKUP = "debian/match:codename=trixie:architecture=amd64:variant="
REPOSITORY = {
    "mirror": "https://deb.example.org/debian",
    "suite": "trixie",
    "components": ["main"],
}


def ensure(api: ApiClient, **fields: Any) -> Any:
    wanted = {
        "codename": "trixie",
        "architecture": "amd64",
        "bootstrap_repositories": [REPOSITORY],
        **fields,
    }
    return api.post("/environment/System/", wanted)


def complete(request: WorkRequest, result: str = "success", **fields: Any) -> Any:
    """End a request that made a tarball."""
    tarball = make_tarball(
        created_at=SystemClock().now(), created_by_work_request=request, **fields
    )
    make_artifact("debusine:work-request-debug-logs", created_by_work_request=request)
    request.result = WorkRequestResults(result).value
    request.status = "completed"
    request.save()
    react_to(request, now=SystemClock().now())
    return tarball


def test_a_missing_environment_is_made_once(api: ApiClient, environments: Collection) -> None:
    answer = ensure(api)
    assert answer.status_code == 200, answer.content
    request = WorkRequest.objects.get()
    expected = {
        "lookup": LOOKUP,
        "artifact": None,
        "age_s": None,
        "work_request": request.pk,
    }
    assert answer.json() == expected
    assert (request.task_name, request.status) == ("mmdebstrap", "pending")
    assert request.task_data == {
        "bootstrap_options": {
            "architecture": "amd64",
            "variant": "buildd",
            "extra_packages": [],
        },
        "bootstrap_repositories": [REPOSITORY],
    }
    assert ensure(api).json() == expected
    WorkRequest.objects.update(status="running")
    assert ensure(api, refresh=True).json() == expected
    assert WorkRequest.objects.count() == 1


def test_what_was_made_is_found(api: ApiClient, environments: Collection) -> None:
    ensure(api)
    # what the release calls itself is not always what was asked for
    tarball = complete(WorkRequest.objects.get(), codename="forky")
    answer = ensure(api).json()
    assert (answer["artifact"], answer["work_request"]) == (tarball.pk, None)
    assert 0 <= answer["age_s"] < 60
    item = CollectionItem.objects.get()
    assert item.name == "tarball:trixie:amd64::unshare"
    assert item.created_by_work_request == WorkRequest.objects.get()
    # a task that does not say a variant finds it too
    wanted = {
        "lookup": "debian@debian:environments/match:codename=trixie:variant=:backend=unshare",
        "workspace": "System",
        "expect_type": "artifact",
    }
    assert api.post("/lookup/single/", wanted).json()["artifact"] == tarball.pk


def test_another_variant_has_its_name(api: ApiClient, environments: Collection) -> None:
    answer = ensure(api, variant="minbase").json()
    assert answer["lookup"] == f"{LOOKUP}minbase"
    complete(WorkRequest.objects.get())
    assert CollectionItem.objects.get().name == "tarball:trixie:amd64:minbase:unshare"
    assert ensure(api, variant="minbase").json()["work_request"] is None
    assert ensure(api).json()["work_request"] is not None


def test_an_old_environment_is_replaced_and_kept(
    api: ApiClient, environments: Collection, settings: Any
) -> None:
    limit = settings.DEBUSINE.environment_max_age
    old = make_tarball(created_at=SystemClock().now() - limit - timedelta(minutes=1))
    item = add(environments, old, backend="unshare")
    request = WorkRequest.objects.get(pk=ensure(api).json()["work_request"])
    new = complete(request)
    assert ensure(api).json()["artifact"] == new.pk
    item.refresh_from_db()
    assert item.removed_at is not None
    assert item.artifact == old


def test_a_young_environment_is_made_anew_on_demand(
    api: ApiClient, environments: Collection
) -> None:
    tarball = make_tarball(created_at=SystemClock().now() - timedelta(hours=1))
    add(environments, tarball, backend="unshare")
    answer = ensure(api).json()
    assert (answer["artifact"], answer["age_s"] // 60) == (tarball.pk, 60)
    assert ensure(api, refresh=True).json()["work_request"] is not None


def test_it_must_hold_the_packages_asked_for(api: ApiClient, environments: Collection) -> None:
    tarball = make_tarball(created_at=SystemClock().now(), pkglist={"eatmydata": "131"})
    add(environments, tarball, backend="unshare")
    assert ensure(api, extra_packages=["eatmydata"]).json()["artifact"] == tarball.pk
    request = ensure(api, extra_packages=["zz", "aa"]).json()["work_request"]
    options = WorkRequest.objects.get(pk=request).task_data["bootstrap_options"]
    assert options["extra_packages"] == ["aa", "zz"]


def test_different_requests_are_not_shared(api: ApiClient, environments: Collection) -> None:
    other = {**REPOSITORY, "mirror": "https://mirror.example.org/debian"}
    answers = [
        ensure(api),
        ensure(api, architecture="arm64"),
        ensure(api, codename="sid"),
        ensure(api, bootstrap_repositories=[other]),
    ]
    assert len({answer.json()["work_request"] for answer in answers}) == 4


def test_a_request_that_failed_is_not_waited_for(api: ApiClient, environments: Collection) -> None:
    first = ensure(api).json()["work_request"]
    complete(WorkRequest.objects.get(), "failure")
    assert not CollectionItem.objects.exists()
    assert ensure(api).json()["work_request"] != first


def test_the_collection_is_made_where_it_is_missing(api: ApiClient, workspace: Workspace) -> None:
    assert ensure(api).status_code == 200
    assert str(Collection.objects.get()) == "debian@debian:environments"


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"codename": "a:b"}, "codename"),
        ({"codename": ""}, "codename"),
        ({"codename": "x/y"}, "codename"),
        ({"architecture": "\0"}, "architecture"),
        ({"variant": "a=b:c"}, "variant"),
        ({"variant": "fancy"}, "bootstrap_options.variant"),
        ({"bootstrap_repositories": []}, "bootstrap_repositories"),
        ({"bootstrap_repositories": [{}]}, "bootstrap_repositories.0.mirror"),
        ({"unknown": 1}, "unknown"),
    ],
)
def test_what_makes_no_sense(
    api: ApiClient, environments: Collection, fields: dict[str, Any], named: str
) -> None:
    answer = ensure(api, **fields)
    assert answer.status_code == 400, answer.content
    assert named in answer.json()["validation_errors"]
    assert not WorkRequest.objects.exists()


def test_who_may_ask(environments: Collection, anonymous: ApiClient) -> None:
    running = factories.make_running(created_by=factories.make_user(superuser=True))
    stranger = ApiClient(factories.make_token(factories.make_user()).key)
    assert ensure(anonymous).status_code == 403
    assert ensure(ApiClient(running.key)).status_code == 403
    assert ensure(stranger).status_code == 404
    environments.workspace.public = True
    environments.workspace.save()
    assert ensure(stranger).status_code == 403


REACTION = {
    "action": "update-collection-with-artifacts",
    "collection": "debian@debian:environments",
    "artifact_filters": {"category": "debian:system-tarball"},
}


def react(user: User, **fields: Any) -> list[str]:
    """Run a reaction after a request that made two tarballs; names of active items."""
    request = factories.make_work_request(
        created_by=user, event_reactions={"on_success": [{**REACTION, **fields}]}
    )
    request.result = "success"
    for codename in ("trixie", "sid"):
        make_tarball(codename, created_by_work_request=request)
    react_to(request, now=BEGIN)
    items = CollectionItem.objects.filter(removed_at=None).order_by("id")
    return list(items.values_list("name", flat=True))


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, ["tarball:trixie:amd64", "tarball:sid:amd64"]),
        ({"artifact_filters": {"data__codename": "sid"}}, ["tarball:sid:amd64"]),
        ({"artifact_filters": {"data__codename__contains": "rix"}}, ["tarball:trixie:amd64"]),
        ({"artifact_filters": {"category": "debian:upload"}}, []),
        ({"artifact_filters": {"category__startswith": "debian:u"}}, []),
        ({"artifact_filters": {"data__codename__in": ["sid", "x"]}}, ["tarball:sid:amd64"]),
        ({"artifact_filters": {"data__components__contains": "contrib"}}, []),
        ({"artifact_filters": {"data__pkglist__dpkg": "1.0"}}, []),
        ({"artifact_filters": {"data__with_dev": True, "data__vendor": "ubuntu"}}, []),
        ({"artifact_filters": {"data": {}}}, []),
        (
            {"variables": {"$codename": "vendor", "variant": "x"}},
            ["tarball:debian:amd64:x:"],
        ),
        (
            {"variables": {"$code": "$.codename", "n": 5}, "name_template": "{code}-{n}"},
            ["trixie-5", "sid-5"],
        ),
        # what is wrong adds nothing, and the result stands
        ({"artifact_filters": {"created_by__password": "x"}}, []),
        ({"variables": {"$x": "$.nothing"}}, []),
        ({"variables": {"$x": "$[*]"}}, []),
        ({"variables": {"x": 1, "$x": "vendor"}}, []),
        ({"name_template": "{missing}"}, []),
        ({"collection": "nowhere@debian:environments"}, []),
        ({"collection": "plain@debusine:test"}, []),
        ({"unknown": 1}, []),
    ],
)
def test_reaction(
    user: User, environments: Collection, fields: dict[str, Any], expected: list[str]
) -> None:
    make_collection("plain", "debusine:test")
    assert react(user, **fields) == expected


def test_reaction_is_undone_as_a_whole(user: User, environments: Collection) -> None:
    fields = {"variables": {"$code": "codename"}, "name_template": "x" * 255 + "{code}"}
    assert react(user, **fields) == []


def test_created_at_may_be_given(user: User, environments: Collection) -> None:
    react(user, created_at="2020-01-01T00:00:00Z")
    assert {item.created_at.year for item in CollectionItem.objects.all()} == {2020}
