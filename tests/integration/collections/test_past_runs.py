# SPDX-License-Identifier: GPL-3.0-or-later
"""Collections that tell of work requests: build logs, results of checks, history."""

from __future__ import annotations

from typing import Any

import pytest
from tests.integration.collections.conftest import (
    make_source,
    many,
    names,
    on_day,
    one,
    put,
    put_data,
)
from tests.integration.lookup.conftest import make_artifact, make_collection

from debusine.db.models import Artifact, Collection, CollectionItem, ItemType, WorkRequest
from debusine.domain.lookup import BadLookupError, NoMatchError
from debusine.errors import UserError
from debusine.server.actions.change_collection import put_artifact, put_bare
from debusine.server.lookup import Searcher
from debusine.testing import factories

LOG = {
    "vendor": "debian",
    "codename": "trixie",
    "architecture": "amd64",
    "srcpkg_name": "hello",
    "srcpkg_version": "1.0-1",
}


@pytest.fixture
def logs(searcher: Searcher) -> Collection:
    return make_collection("_", "debian:package-build-logs", workspace=searcher.workspace)


@pytest.fixture
def results(searcher: Searcher) -> Collection:
    return make_collection("trixie", "debian:qa-results", workspace=searcher.workspace)


@pytest.fixture
def history(searcher: Searcher) -> Collection:
    return make_collection("_", "debusine:task-history", workspace=searcher.workspace)


def make_log(request: WorkRequest | None = None) -> Artifact:
    data = {"source": "hello", "version": "1.0-1", "filename": "x.build"}
    return make_artifact("debian:package-build-log", data=data, created_by_work_request=request)


def test_a_log_takes_the_place_of_what_was_planned(logs: Collection, searcher: Searcher) -> None:
    worker = factories.make_worker("builder1").worker
    request = factories.make_work_request(worker=worker)
    data = {**LOG, "work_request_id": request.pk}
    planned = put_data(logs, "debian:package-build-log", **data)
    name = f"debian_trixie_amd64_hello_1.0-1_{request.pk}"
    assert (planned.name, planned.data) == (name, data)
    given = {key: value for key, value in data.items() if not key.startswith("srcpkg")}
    log = put(logs, make_log(request), day=1, **given)
    assert (log.name, log.data) == (name, {**data, "worker": "builder1"})
    assert names(logs) == [name]
    with pytest.raises(UserError, match="has an item of the name"):
        put_data(logs, "debian:package-build-log", day=2, **data)
    other = factories.make_work_request()
    put_data(logs, "debian:package-build-log", **{**data, "work_request_id": other.pk})
    upload = make_artifact(created_by_work_request=request)
    lookup = {"collection": "_@debian:package-build-logs", "child_type": "any"}
    assert many(searcher, {**lookup, "lookup__same_work_request": upload.pk}) == [name]
    assert many(searcher, {**lookup, "lookup__same_work_request": make_artifact().pk}) == []


@pytest.mark.parametrize(
    ("variables", "named"),
    [({}, "work_request_id"), ({"work_request_id": "x"}, "work_request_id"), ({"x": 1}, "x")],
)
def test_logs_need_to_say_of_what(logs: Collection, variables: dict[str, Any], named: str) -> None:
    with pytest.raises(UserError) as caught:
        put(logs, make_log(), **variables)
    assert named in caught.value.explain()


def put_result(results: Collection, number: int = 0, **given: Any) -> CollectionItem:
    request = factories.make_work_request(task_name="lintian", result="success")
    data = {
        "package": "hello",
        "version": "1.0-1",
        "architecture": "source",
        "timestamp": number,
        "work_request_id": request.pk,
        **given,
    }
    return put_data(results, "debian:qa-result", **data)


def test_results_are_named_by_their_request(results: Collection) -> None:
    item = put_result(results, 7)
    assert item.name == f"lintian_hello_1.0-1_source_{item.data['work_request_id']}"
    assert (item.data["task_name"], item.data["result"]) == ("lintian", "success")
    artifact = make_artifact("debian:lintian")
    request = factories.make_work_request(task_name="lintian", result="failure")
    data = {
        "package": "world",
        "version": "1",
        "architecture": "amd64",
        "timestamp": 5,
        "work_request_id": request.pk,
    }
    item = put(results, artifact, **data)
    assert (item.child_type, item.name) == (
        ItemType.ARTIFACT,
        f"lintian_world_1_amd64_{request.pk}",
    )
    assert item.data == {**data, "task_name": "lintian", "result": "failure"}


def test_the_latest_result_is_of_the_highest_timestamp(
    results: Collection, searcher: Searcher
) -> None:
    later, earlier = put_result(results, 9), put_result(results, -1)
    newer = put_result(results, 10)
    put_result(results, 99, architecture="amd64")
    lookup = "trixie@debian:qa-results/latest:lintian_hello_source"
    assert one(searcher, lookup) == newer
    assert {later.name, earlier.name} < set(names(results))
    for nothing in ("lintian_hello_arm64", "blhc_hello_source"):
        with pytest.raises(NoMatchError):
            one(searcher, f"trixie@debian:qa-results/latest:{nothing}")
    for wrong in ("latest:lintian", "latest:a_b_c_d", "newest:lintian_hello_source"):
        with pytest.raises(BadLookupError):
            one(searcher, f"trixie@debian:qa-results/{wrong}")


def test_old_results_go(results: Collection) -> None:
    other = put_result(results, 0, package="world")
    items = [put_result(results, number) for number in range(7)]
    assert names(results) == sorted(item.name for item in (other, *items[2:]))
    results.data["old_items_to_keep"] = 2
    # older than those that are kept, and yet new
    late = put_result(results, 1)
    assert names(results) == sorted(item.name for item in (other, *items[5:], late))
    gone = CollectionItem.objects.get(pk=items[4].pk)
    assert gone.removed_at == late.created_at


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"work_request_id": 999999}, "no work request"),
        ({"work_request_id": "x"}, "no work request"),
        ({"work_request_id": 2**70}, "no work request"),
        ({"package": "a_b"}, "'_'"),
        ({"timestamp": None}, "wrong variables"),
    ],
)
def test_results_of_nothing(results: Collection, given: dict[str, Any], named: str) -> None:
    with pytest.raises(UserError, match=named):
        put_result(results, **given)


def test_results_and_history_are_not_named(results: Collection, history: Collection) -> None:
    for collection in (results, history):
        with pytest.raises(UserError, match="named by what they tell of"):
            put_bare(collection, "debian:qa-result", {}, change=on_day(0), name="x")
    with pytest.raises(UserError, match="named by what they tell of"):
        put_artifact(results, make_artifact("debian:lintian"), change=on_day(0), name="x")


def put_run(
    history: Collection, number: int, result: str = "success", **given: Any
) -> CollectionItem:
    request = given.pop("request", None) or factories.make_work_request()
    data = {
        "task_type": "Worker",
        "task_name": "sbuild",
        "subject": "hello",
        "context": "a/b:c",
        "timestamp": number,
        "work_request_id": request.pk,
        "result": result,
        "runtime_statistics": {"duration": 5},
        **given,
    }
    return put_data(history, "debusine:historical-task-run", **data)


def test_runs_are_found_by_what_they_were_about(history: Collection, searcher: Searcher) -> None:
    good = put_run(history, 1)
    assert good.name == f"Worker:sbuild:hello:a%2Fb%3Ac:{good.data['work_request_id']}"
    bad = put_run(history, 2, "temporary failure")
    put_run(history, 3, "skipped")
    last = put_run(history, 3, "skipped")
    plain = put_run(history, 9, subject=None, context=None)
    place = "_@debusine:task-history"
    key = "Worker:sbuild:hello:a%2Fb%3Ac"
    assert one(searcher, f"{place}/last-entry:{key}") == last
    assert one(searcher, f"{place}/last-success:{key}") == good
    assert one(searcher, f"{place}/last-failure:{key}") == bad
    assert one(searcher, f"{place}/last-entry:Worker:sbuild::") == plain
    for nothing in ("last-failure:Worker:sbuild::", "last-entry:Worker:sbuild:world:"):
        with pytest.raises(NoMatchError):
            one(searcher, f"{place}/{nothing}")
    for wrong in ("last-entry:Worker:sbuild", "first-entry:Worker:sbuild::"):
        with pytest.raises(BadLookupError):
            one(searcher, f"{place}/{wrong}")


def test_old_runs_go_but_the_last_of_either_result(history: Collection) -> None:
    good, bad = put_run(history, 1), put_run(history, 2, "failure")
    forgotten = put_run(history, 3, "failure")
    skipped = [put_run(history, number, "skipped") for number in range(4, 10)]
    other = put_run(history, 0, context="")
    kept = (good, forgotten, *skipped[1:], other)
    assert names(history) == sorted(item.name for item in kept)
    assert bad.name not in names(history)


def test_runs_of_a_request_and_a_workflow(history: Collection, searcher: Searcher) -> None:
    parent, stranger = factories.make_work_request(), factories.make_work_request()
    child, sibling = (factories.make_work_request(parent=parent) for _ in range(2))
    runs = [
        put_run(history, 1, request=request, subject=f"s{request.pk}")
        for request in (child, sibling, stranger)
    ]
    artifact = make_artifact(created_by_work_request=child)
    lookup = {"collection": "_@debusine:task-history", "child_type": "bare"}
    own = many(searcher, {**lookup, "lookup__same_work_request": artifact.pk})
    assert own == [runs[0].name]
    together = many(searcher, {**lookup, "lookup__same_workflow": artifact.pk})
    assert together == [runs[0].name, runs[1].name]
    alone = make_artifact(created_by_work_request=stranger)
    assert many(searcher, {**lookup, "lookup__same_workflow": alone.pk}) == []
    with pytest.raises(BadLookupError, match="lookup__other"):
        many(searcher, {**lookup, "lookup__other": artifact.pk})


def test_what_does_not_belong_there(
    logs: Collection, results: Collection, history: Collection
) -> None:
    for collection in (logs, results, history):
        with pytest.raises(UserError, match="cannot be added"):
            put(collection, make_source())
        with pytest.raises(UserError, match="cannot be added"):
            put_data(collection, "debusine:test")
