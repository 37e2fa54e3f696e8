# SPDX-License-Identifier: GPL-3.0-or-later
"""Inputs of a task, as the page of a work request and the API show them."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pytest_django import DjangoAssertNumQueries
from tests.integration.lookup.conftest import add_bare, make_artifact, make_collection

from debusine.db.models import Artifact, Collection, User, WorkRequest, Workspace
from debusine.domain.work_request import TaskTypes
from debusine.server import task_data
from debusine.server.resolver import RELEASE_INDEX
from debusine.server.views.task_input import show_inputs
from debusine.tasks import BaseExternalTask
from debusine.tasks.inputs.inputs import (
    DebusineFQDNInput,
    ExtraRepositoriesInput,
    MultiInput,
    OptionalSingleInput,
    SingleInput,
    Stage,
    SuiteArchiveInput,
)
from debusine.testing import factories
from debusine.testing.inputs import BINARY, KEY, SOURCE, task_with_inputs

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("_task_names")]
NAME = "withinputs"


@pytest.fixture
def suite(workspace: Workspace) -> Collection:
    data = {"components": ["main"], "signing_key": KEY}
    made = make_collection("trixie", "debian:suite", workspace=workspace, data=data)
    add_bare(made, RELEASE_INDEX)
    return made


@pytest.fixture
def source(workspace: Workspace) -> Artifact:
    return make_artifact("debian:source-package", workspace=workspace, data=SOURCE)


@pytest.fixture
def binary(workspace: Workspace) -> Artifact:
    return make_artifact("debian:binary-package", workspace=workspace, data=BINARY)


@pytest.fixture
def request_row(user: User, suite: Collection, source: Artifact, binary: Artifact) -> WorkRequest:
    """A request with inputs of several kinds that no worker has got yet."""
    data = {
        "source": source.pk,
        "several": [binary.pk],
        "suite": "trixie@debian:suite",
        "extra_repositories": [{"suite": suite.pk, "components": ["contrib"]}],
    }
    task_with_inputs(
        data,
        the_source=SingleInput(field="source", stage=Stage.PENDING, help_text="What is built."),
        several=MultiInput(verbose_name="Other packages"),
        suite=SuiteArchiveInput(internal=True),
        absent=OptionalSingleInput(field="environment"),
        extra_repositories=ExtraRepositoriesInput(),
        fqdn=DebusineFQDNInput(hidden=True),
    )
    return factories.make_work_request(created_by=user, task_name=NAME, task_data=data)


@pytest.fixture
def browser(user: User) -> Client:
    client = Client()
    assert client.login(username=user.username, password="secret")
    return client


def assign(request: WorkRequest) -> None:
    """Look everything up, as when a worker gets the request."""
    task = task_data.build_task(request)
    task_data.resolve(request, task, Stage.RUNNING)
    request.dynamic_task_data = task_data.dynamic_data(task)
    request.save()


def shown(browser: Client, request: WorkRequest) -> str:
    answer = browser.get(f"/debusine/System/work-request/{request.pk}/")
    assert answer.status_code == 200
    text: str = answer.content.decode()
    return text


def test_api_shows_every_input(
    api: Any, request_row: WorkRequest, source: Artifact, binary: Artifact, suite: Collection
) -> None:
    assign(request_row)
    inputs = api.get(f"/work-request/{request_row.pk}/inputs/").json()["inputs"]
    assert [one["name"] for one in inputs] == [
        "absent",
        "build_architecture",
        "extra_repositories",
        "fqdn",
        "several",
        "suite",
        "the_source",
    ]
    by_name = {one["name"]: one for one in inputs}
    assert by_name["the_source"] == {
        "name": "the_source",
        "label": "The source",
        "help_text": "What is built.",
        "hidden": False,
        "internal": False,
        "stage": "pending",
        "field": "source",
        "lookup": source.pk,
        "resolved": True,
        "value": {
            "artifact_id": source.pk,
            "category": "debian:source-package",
            "data": SOURCE,
            "label": "source",
            "lookup": source.pk,
        },
        "artifacts": [source.pk],
        "collections": [],
    }
    several = by_name["several"]
    assert (several["label"], several["lookup"]) == ("Other packages", [binary.pk])
    assert (several["artifacts"], several["stage"]) == ([binary.pk], "running")
    assert by_name["suite"]["collections"] == [suite.pk]
    assert by_name["suite"]["internal"]
    assert by_name["fqdn"]["hidden"]
    assert (by_name["fqdn"]["field"], by_name["fqdn"]["lookup"]) == (None, None)
    assert (by_name["absent"]["resolved"], by_name["absent"]["value"]) == (True, None)
    assert by_name["extra_repositories"]["value"][0]["components"] == ["contrib"]


def test_api_shows_what_is_not_resolved_yet(api: Any, request_row: WorkRequest) -> None:
    inputs = api.get(f"/work-request/{request_row.pk}/inputs/").json()["inputs"]
    assert {one["resolved"] for one in inputs} == {False}
    assert {one["name"]: one["lookup"] for one in inputs}["suite"] == "trixie@debian:suite"


def test_api_hides_what_the_caller_may_not_see(anonymous: Any, request_row: WorkRequest) -> None:
    answer = anonymous.get(f"/work-request/{request_row.pk}/inputs/")
    assert answer.status_code in {401, 403, 404}


@pytest.mark.parametrize(
    "fields",
    [
        {"task_name": "no-such-task"},
        {"task_data": {"nonsense": 1}},
        {"dynamic_task_data": {"task_input_fields": {"the_source": "nonsense"}}},
    ],
)
def test_a_task_that_has_changed_since_shows_no_inputs(
    browser: Client, request_row: WorkRequest, fields: dict[str, Any]
) -> None:
    for name, value in fields.items():
        setattr(request_row, name, value)
    request_row.save()
    assert show_inputs(request_row) == []
    assert "<h2>Inputs</h2>" not in shown(browser, request_row)


@pytest.mark.parametrize("method", ["post_init", "iter_all_fields"])
def test_a_task_whose_code_fails_shows_no_inputs_and_breaks_no_page(
    api: Any, browser: Client, request_row: WorkRequest, method: str
) -> None:
    def fail(_task: Any, *_args: Any) -> None:
        message = "no idea"
        raise RuntimeError(message)

    setattr(BaseExternalTask.class_from_name(TaskTypes.WORKER, NAME), method, fail)
    assert show_inputs(request_row) == []
    assert "<h2>Inputs</h2>" not in shown(browser, request_row)
    assert api.get(f"/work-request/{request_row.pk}/inputs/").json() == {"inputs": []}


def test_page_says_what_is_not_resolved_yet(browser: Client, request_row: WorkRequest) -> None:
    text = shown(browser, request_row)
    assert "<h2>Inputs</h2>" in text
    assert text.count("unresolved") == 6


def test_page_links_artifacts_and_names_collections(
    browser: Client, request_row: WorkRequest, source: Artifact, binary: Artifact
) -> None:
    assign(request_row)
    text = shown(browser, request_row)
    assert "unresolved" not in text
    for part in (
        f'<a href="/debusine/System/artifact/{source.pk}/">{source.pk} ',
        f'<a href="/debusine/System/artifact/{binary.pk}/">{binary.pk} ',
        "<summary>Other packages</summary>",
        "<p>What is built.</p>",
        "<code>source</code>",
        "trixie@debian:suite",
        "<pre>amd64</pre>",
    ):
        assert part in text
    given, _, internal = text.partition("<h2>Internal inputs</h2>")
    assert "<code>suite</code>" in internal
    assert "<code>suite</code>" not in given
    assert "<code>fqdn</code>" not in text
    names = ("absent", "build_architecture", "extra_repositories", "several", "the_source")
    places = [given.index(f"<code>{name}</code>") for name in names]
    assert places == sorted(places)


def test_page_shows_repositories_as_apt_reads_them(
    browser: Client, request_row: WorkRequest
) -> None:
    assign(request_row)
    text = shown(browser, request_row)
    url = "http://deb.localhost/debusine/System"
    assert f"<details><summary>{url} trixie contrib</summary><pre>Types: deb\n" in text
    assert f"URIs: {url}\nSuites: trixie\nComponents: contrib\nSigned-By:\n" in text


def test_page_keeps_what_is_gone_apart(
    browser: Client, request_row: WorkRequest, source: Artifact, suite: Collection
) -> None:
    assign(request_row)
    pk = source.pk
    source.delete()
    suite.items.all().delete()
    suite.delete()
    text = shown(browser, request_row)
    assert f"<li>artifact {pk} (gone)</li>" in text
    assert "<li>trixie@debian:suite (gone)</li>" in text


def test_page_shows_values_of_inputs_only_once(browser: Client, request_row: WorkRequest) -> None:
    assign(request_row)
    assert "task_input_fields" in (request_row.dynamic_task_data or {})
    assert "task_input_fields" not in shown(browser, request_row)


def test_texts_of_others_are_escaped(browser: Client, request_row: WorkRequest) -> None:
    request_row.task_data["build_architecture"] = "<script>alert(1)</script>"
    assign(request_row)
    text = shown(browser, request_row)
    assert "<pre>&lt;script&gt;alert(1)&lt;/script&gt;</pre>" in text
    assert "<script>alert" not in text


def test_inputs_cost_at_most_two_queries(
    api: Any,
    browser: Client,
    request_row: WorkRequest,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    with CaptureQueriesContext(connection) as before:
        shown(browser, request_row)
    assign(request_row)
    with django_assert_num_queries(len(before) + 2):
        shown(browser, request_row)
    api.get(f"/work-request/{request_row.pk}/")  # the first use of a token is noted
    with CaptureQueriesContext(connection) as record:
        api.get(f"/work-request/{request_row.pk}/")
    # but for the artifacts that it made
    with django_assert_num_queries(len(record) - 1):
        api.get(f"/work-request/{request_row.pk}/inputs/")
