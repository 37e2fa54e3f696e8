# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json

import pytest

from debusine.artifacts.relation import RelationType
from debusine.client.debusine import Debusine
from debusine.domain.work_request import WorkRequestStatus
from debusine.errors import NotFoundError, UserError
from debusine.testing.server import MemoryServer
from debusine.wire.artifact import ArtifactCreate
from debusine.wire.environment import EnvironmentWanted
from debusine.wire.lookup import LookupRequest
from debusine.wire.tags import WorkRequestTags
from debusine.wire.work_request import WorkRequestCreate


def test_work_requests(client: Debusine, server: MemoryServer) -> None:
    made = client.work_request_create(
        WorkRequestCreate(task_name="noop", task_data={"result": "failure"}, workspace="System")
    )
    assert client.work_request_get(made.id) == made
    assert client.work_request_set_priority(made.id, -5).priority_adjustment == -5
    assert client.work_request_abort(made.id).status is WorkRequestStatus.ABORTED
    assert client.work_request_retry(made.id).id == made.id + 1
    with pytest.raises(UserError, match="Cannot abort"):
        client.work_request_abort(made.id)


def test_only_what_was_set_is_sent(client: Debusine, server: MemoryServer) -> None:
    client.work_request_create(WorkRequestCreate(task_name="noop"))
    assert json.loads(server.requests[0].body) == {"task_name": "noop"}


def test_list_follows_pages(client: Debusine, server: MemoryServer) -> None:
    for _ in range(5):
        server.add_work_request()
    assert [each.id for each in client.work_request_list()] == [5, 4, 3, 2, 1]
    assert len(server.requests) == 3


def test_list_filters(client: Debusine, server: MemoryServer) -> None:
    server.add_work_request()
    server.add_work_request(status="running")
    found = client.work_request_list(status=WorkRequestStatus.RUNNING, root_only=True, ids=[1, 2])
    assert [each.id for each in found] == [2]
    assert server.requests[0].query == {"status": "running", "root_only": "true", "ids": "1,2"}


def test_relations(client: Debusine) -> None:
    for _ in range(2):
        client.artifact_create(ArtifactCreate(category="debusine:test"))
    made = client.relation_create(1, 2, RelationType.RELATES_TO)
    assert client.relation_create(1, 2, RelationType.RELATES_TO) == made
    assert client.relations(1) == [made]
    assert client.relations(target=2) == [made]
    assert client.relations(2) == []


def test_artifact_by_workspace(client: Debusine, server: MemoryServer) -> None:
    number = server.artifacts.add({"a": b"content"})
    assert client.artifact_get(number, workspace="a b").files["a"].size == 7
    assert server.requests[0].path == f"/api/1.0/artifact/a b/{number}/"
    with pytest.raises(NotFoundError):
        client.artifact_get(99)


def test_lookups(client: Debusine, server: MemoryServer) -> None:
    found = {"result_type": "artifact", "artifact": 7}
    server.lookups['"x@debian:suite"'] = found
    server.lookups['["x"]'] = [found, found]
    single = LookupRequest(lookup="x@debian:suite", workspace="System", expect_type="artifact")
    assert client.lookup_single(single).artifact == 7
    multiple = single.model_copy(update={"lookup": ["x"]})
    assert [each.artifact for each in client.lookup_multiple(multiple)] == [7, 7]
    with pytest.raises(NotFoundError, match="No matches"):
        client.lookup_single(single.model_copy(update={"lookup": "y"}))


def test_environment(client: Debusine, server: MemoryServer) -> None:
    wanted = EnvironmentWanted(
        codename="trixie",
        architecture="amd64",
        bootstrap_repositories=[{"mirror": "http://deb.example.org/debian"}],
    )
    answer = client.environment_ensure("System", wanted)
    assert answer.work_request == 1
    assert server.requests[0].path == "/api/1.0/environment/System/"


def test_servers_of_others_say_nothing_of_tags(client: Debusine) -> None:
    pk = client.work_request_create(WorkRequestCreate(task_name="noop")).id
    assert client.work_request_tags(pk) == WorkRequestTags()
