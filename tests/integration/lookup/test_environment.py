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
PLAIN = "debian@debian:environments/match:codename=trixie:variant=:backend=unshare"
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


def find(api: ApiClient, lookup: str) -> int | None:
    """What somebody finds who looks an environment up."""
    wanted = {
        "lookup": lookup,
        "workspace": "System",
        "default_category": "debian:environments",
        "expect_type": "artifact",
    }
    answer = api.post("/lookup/single/", wanted)
    return answer.json()["artifact"] if answer.status_code == 200 else None


def make(api: ApiClient, **fields: Any) -> Any:
    """Ask for an environment that there is not yet, and have it made."""
    request = ensure(api, **fields).json()["work_request"]
    assert request is not None
    return complete(WorkRequest.objects.get(pk=request))


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
    origin = request.event_reactions["on_success"][0]["variables"]["origin"]
    expected = {
        "lookup": f"{LOOKUP}:origin={origin}",
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
    assert item.name == f"tarball:trixie:amd64::unshare:{item.data['origin']}"
    assert item.created_by_work_request == WorkRequest.objects.get()
    # a task that does not say a variant finds it too
    assert find(api, PLAIN) == find(api, answer["lookup"]) == tarball.pk


def test_another_variant_has_its_name(api: ApiClient, environments: Collection) -> None:
    answer = ensure(api, variant="minbase").json()
    assert answer["lookup"].startswith(f"{LOOKUP}minbase:origin=")
    complete(WorkRequest.objects.get())
    assert CollectionItem.objects.get().name.startswith("tarball:trixie:amd64:minbase:unshare:")
    assert ensure(api, variant="minbase").json()["work_request"] is None
    assert ensure(api).json()["work_request"] is not None


def test_an_old_environment_is_replaced_and_kept(
    api: ApiClient, environments: Collection, settings: Any
) -> None:
    limit = settings.DEBUSINE.environment_max_age
    old = make(api)
    item = CollectionItem.objects.get()
    old.created_at -= limit + timedelta(minutes=1)
    old.save()
    new = make(api)
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


MIRROR = {**REPOSITORY, "mirror": "https://mirror.example.org/debian"}
EXPIRED = {**REPOSITORY, "check_valid_until": False}
UNSIGNED = {**REPOSITORY, "check_signature_with": "no-check"}
MORE = {**REPOSITORY, "components": ["main", "contrib"]}
KEYRING = {
    **REPOSITORY,
    "check_signature_with": "external",
    "keyring": {"url": "data:application/pgp-keys;base64,a2V5", "install": True},
}


@pytest.mark.parametrize("other", [MIRROR, EXPIRED, UNSIGNED, MORE, KEYRING])
def test_what_was_made_with_options_is_for_those_who_name_them(
    api: ApiClient, environments: Collection, other: dict[str, Any]
) -> None:
    options = {"bootstrap_repositories": [other], "overrides": True}
    special = make(api, **options)
    # neither is it there for others, nor is theirs for those who name options
    assert find(api, PLAIN) is None
    usual = make(api)
    first, second = ensure(api).json(), ensure(api, **options).json()
    assert (first["artifact"], second["artifact"]) == (usual.pk, special.pk)
    assert find(api, first["lookup"]) == usual.pk
    assert find(api, second["lookup"]) == special.pk
    # the newest is not the default
    newest = make(api, **options, refresh=True)
    assert find(api, PLAIN) == usual.pk
    assert ensure(api, **options).json()["artifact"] == newest.pk
    assert ensure(api).json()["artifact"] == usual.pk


def test_what_a_machine_uses_is_a_default_unless_nobody_signs_it(
    api: ApiClient, environments: Collection
) -> None:
    usual = make(api)
    elsewhere = make(api, bootstrap_repositories=[MIRROR])
    assert find(api, PLAIN) == elsewhere.pk
    # each machine is given what is made from its own mirror
    assert ensure(api).json()["artifact"] == usual.pk
    unsigned = make(api, bootstrap_repositories=[UNSIGNED])
    assert find(api, PLAIN) == elsewhere.pk
    assert ensure(api, bootstrap_repositories=[UNSIGNED]).json()["artifact"] == unsigned.pk


def test_the_default_is_not_replaced_by_the_same_made_with_options(
    api: ApiClient, environments: Collection
) -> None:
    usual = make(api)
    special = make(api, overrides=True)
    assert find(api, PLAIN) == usual.pk
    assert ensure(api, overrides=True).json()["artifact"] == special.pk


def test_more_packages_make_another_environment(api: ApiClient, environments: Collection) -> None:
    more = make(api, extra_packages=["eatmydata", "ccache"])
    usual = make(api)
    assert find(api, PLAIN) == usual.pk
    for packages in (["eatmydata", "ccache"], ["ccache", "eatmydata"]):
        assert ensure(api, extra_packages=packages).json()["artifact"] == more.pk


def test_what_an_administrator_put_there_is_for_who_overrides_nothing(
    api: ApiClient, environments: Collection
) -> None:
    item = add(environments, make_tarball(created_at=SystemClock().now()), backend="unshare")
    assert item.name == "tarball:trixie:amd64::unshare"
    answer = ensure(api).json()
    assert (answer["lookup"], answer["artifact"]) == (f"{LOOKUP}:origin=", item.artifact_id)
    assert find(api, answer["lookup"]) == find(api, PLAIN) == item.artifact_id
    assert ensure(api, overrides=True).json()["artifact"] is None


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
