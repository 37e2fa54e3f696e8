# SPDX-License-Identifier: GPL-3.0-or-later
"""Results of earlier requests, for those who want them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.integration.conftest import ApiClient
from typing_extensions import override

from debusine.artifacts.kinds.test import Test as TestKind
from debusine.db.models import Artifact, Attempt, File, FileInArtifact, WorkRequest
from debusine.domain.action_key import Network
from debusine.domain.result import WorkRequestResults
from debusine.server.actions.reuse_result import reuse_result
from debusine.server.actor import SYSTEM
from debusine.tasks import BaseExternalTask
from debusine.tasks.inputs.inputs import SingleInput
from debusine.tasks.models import BaseDynamicTaskData, BaseTaskData, LookupSingle
from debusine.testing import factories
from debusine.util.clock import SystemClock

GET_NEXT = "/work-request/get-next-for-worker/"
TAGS = ("worker:task:worker:reader:version:1", *factories.NOOP_TAGS)


class ReaderData(BaseTaskData):
    source: LookupSingle
    note: str = ""


class ReaderDynamicData(BaseDynamicTaskData):
    source_id: int

    @override
    def get_input_artifacts_ids(self) -> list[int]:
        return [self.source_id]


@pytest.fixture
def reader(_task_names: None) -> type[BaseExternalTask[Any, Any]]:
    """A task that reads one artifact, and nothing else."""

    class Reader(BaseExternalTask[ReaderData, ReaderDynamicData]):
        TASK_VERSION = 1
        NETWORK = Network.NONE
        source_artifact = SingleInput(field="source", categories=[TestKind.category])

        @override
        def get_subject(self) -> str | None:
            return None

        @override
        def compute_dynamic_data(self) -> ReaderDynamicData:
            return ReaderDynamicData(source_id=self.source_artifact.artifact_id)

        @override
        def run(self, execute_directory: Path) -> WorkRequestResults:
            return WorkRequestResults.SUCCESS

    return Reader


@pytest.fixture
def worker_api(workspace: Any) -> ApiClient:
    return ApiClient(factories.make_worker(tags=TAGS).key)


def artifact(content: str, *, workspace: Any = None, made_by: int | None = None) -> int:
    now = SystemClock().now()
    made = Artifact.objects.create(
        category=TestKind.category,
        workspace=workspace or factories.make_workspace(),
        created_at=now,
        created_by_work_request_id=made_by,
    )
    file, _ = File.objects.get_or_create(
        sha256=content.ljust(64, "0"), size=1, defaults={"created_at": now, "stored": True}
    )
    FileInArtifact.objects.create(artifact=made, path="f", file=file, complete=True)
    return made.pk


def ask(api: ApiClient, source: int, **more: Any) -> dict[str, Any]:
    body = {"task_name": "reader", "task_data": {"source": source}, **more}
    answer = api.post("/work-request/", body)
    assert answer.status_code == 200, answer.content
    record: dict[str, Any] = answer.json()
    return record


def run(worker_api: ApiClient, *, result: str = "success", makes: int = 1, **output: Any) -> int:
    """Have a worker do the next request; its id."""
    record = worker_api.post(GET_NEXT).json()
    place = WorkRequest.objects.get(pk=record["id"]).workspace
    for number in range(makes):
        artifact(f"{record['id']}{number}", workspace=place, made_by=record["id"])
    statistics = {"runtime_statistics": {"duration": 3}, **output}
    body = {"result": result, "output_data": statistics}
    path = f"/work-request/{record['id']}/completed/"
    assert ApiClient(record["token"]).put(path, body).status_code == 200
    return int(record["id"])


def made_by(pk: int) -> list[int]:
    found = Artifact.objects.filter(created_by_work_request=pk).order_by("pk")
    return list(found.values_list("pk", flat=True))


def test_equal_content_gets_the_earlier_result(
    api: ApiClient, worker_api: ApiClient, reader: Any, user: Any
) -> None:
    ask(api, artifact("a"))
    first = run(worker_api, makes=2)
    record = ask(api, artifact("a"), reuse=True)
    assert (record["status"], record["result"]) == ("completed", "success")
    assert record["artifacts"] == made_by(first)
    assert len(record["artifacts"]) == 2
    assert record["reused_from"] == {
        "work_request": first,
        "url": f"/debusine/System/work-request/{first}/",
        "created_by": user.username,
        "workspace": "System",
    }
    assert api.get(f"/work-request/{record['id']}/").json() == record
    row = WorkRequest.objects.get(pk=record["id"])
    assert row.started_at is None
    assert not row.output_data
    assert not row.attempts.exists()
    assert worker_api.post(GET_NEXT).status_code == 204
    listed = api.get("/work-request/").json()["results"]
    assert [one["artifacts"] for one in listed] == [made_by(first)] * 2


def test_the_key_is_stored_with_every_attempt(
    api: ApiClient, worker_api: ApiClient, reader: Any
) -> None:
    for source in (artifact("a"), artifact("a"), artifact("b")):
        ask(api, source)
        run(worker_api)
    one, same, other = Attempt.objects.order_by("pk").values_list("action_key", flat=True)
    assert one == same != other
    assert len(one) == 64


def test_nobody_gets_it_who_did_not_ask(api: ApiClient, worker_api: ApiClient, reader: Any) -> None:
    ask(api, artifact("a"))
    run(worker_api)
    record = ask(api, artifact("a"))
    assert record["status"] == "pending"
    assert "reused_from" not in record


@pytest.mark.parametrize("result", ["failure", "error", "skipped"])
def test_only_successes_are_reused(
    api: ApiClient, worker_api: ApiClient, reader: Any, result: str
) -> None:
    ask(api, artifact("a"))
    run(worker_api, result=result)
    assert ask(api, artifact("a"), reuse=True)["status"] == "pending"


def test_other_content_other_data_and_another_version_run(
    api: ApiClient, worker_api: ApiClient, reader: Any
) -> None:
    ask(api, artifact("a"))
    run(worker_api)
    assert ask(api, artifact("b"), reuse=True)["status"] == "pending"
    data = {"source": artifact("a"), "note": "x"}
    assert ask(api, 0, task_data=data, reuse=True)["status"] == "pending"
    reader.TASK_VERSION = 2
    assert ask(api, artifact("a"), reuse=True)["status"] == "pending"


@pytest.mark.parametrize("network", [Network.APT, Network.UNKNOWN])
def test_what_reads_an_unrecorded_network_always_runs(
    api: ApiClient, worker_api: ApiClient, reader: Any, network: Network
) -> None:
    reader.NETWORK = network
    ask(api, artifact("a"))
    run(worker_api)
    assert ask(api, artifact("a"), reuse=True)["status"] == "pending"


def test_artifacts_that_have_gone_make_it_run(
    api: ApiClient, worker_api: ApiClient, reader: Any
) -> None:
    ask(api, artifact("a"))
    first = run(worker_api, makes=2)
    gone = Artifact.objects.filter(created_by_work_request=first).first()
    assert gone is not None
    gone.files.all().delete()
    gone.delete()
    assert ask(api, artifact("a"), reuse=True)["status"] == "pending"


@pytest.fixture
def elsewhere(scope: Any) -> Any:
    return factories.make_workspace("elsewhere", scope=scope)


def test_across_workspaces_where_the_caller_may_see_the_origin(
    api: ApiClient, worker_api: ApiClient, reader: Any, elsewhere: Any
) -> None:
    ask(api, artifact("a", workspace=elsewhere), workspace="elsewhere")
    first = run(worker_api)
    record = ask(api, artifact("a"), reuse=True)
    assert record["reused_from"]["work_request"] == first
    assert record["reused_from"]["workspace"] == "elsewhere"


def test_only_from_workspaces_that_its_creator_may_see(
    api: ApiClient, worker_api: ApiClient, reader: Any, elsewhere: Any
) -> None:
    ask(api, artifact("a", workspace=elsewhere), workspace="elsewhere")
    run(worker_api)
    public = factories.make_workspace("public", public=True)
    request = factories.make_work_request(
        workspace=public,
        task_name="reader",
        task_data={"source": artifact("a", workspace=public)},
        reuse=True,
    )
    assert not reuse_result(SYSTEM, request=request, now=SystemClock().now())
    elsewhere.public = True
    elsewhere.save()
    assert reuse_result(SYSTEM, request=request, now=SystemClock().now())
    assert request.status == "completed"


def test_a_request_that_was_taken_meanwhile_runs_on(
    api: ApiClient, worker_api: ApiClient, reader: Any, user: Any
) -> None:
    ask(api, artifact("a"))
    run(worker_api)
    data = {"source": artifact("a")}
    request = factories.make_work_request(created_by=user, task_name="reader", task_data=data)
    WorkRequest.objects.filter(pk=request.pk).update(status="running")
    assert not reuse_result(SYSTEM, request=request, now=SystemClock().now())


def test_whoever_may_not_see_the_origin_hears_no_names(
    api: ApiClient, worker_api: ApiClient, reader: Any, elsewhere: Any
) -> None:
    ask(api, artifact("a", workspace=elsewhere), workspace="elsewhere")
    first = run(worker_api)
    public = factories.make_workspace("public", public=True)
    record = ask(api, artifact("a", workspace=public), workspace="public", reuse=True)
    stranger = ApiClient(factories.make_token().key)
    shown = stranger.get(f"/work-request/{record['id']}/").json()
    assert shown["reused_from"] == {
        "work_request": first, "url": None, "created_by": None, "workspace": None,
    }  # fmt: skip


def test_the_page_says_whose_result_it_is(
    api: ApiClient, worker_api: ApiClient, reader: Any, client: Any
) -> None:
    ask(api, artifact("a"))
    first = run(worker_api)
    record = ask(api, artifact("a"), reuse=True)
    client.force_login(factories.make_user(superuser=True))
    page = client.get(record["url"]).content.decode()
    assert f"work request {first} of alice" in page
    assert f"/artifact/{made_by(first)[0]}/" in page


def test_what_apt_fetched_is_kept_with_the_request(
    api: ApiClient, worker_api: ApiClient, reader: Any
) -> None:
    ask(api, artifact("a"))
    record = worker_api.post(GET_NEXT).json()
    task, path = ApiClient(record["token"]), f"/work-request/{record['id']}/completed/"
    wrong = {"apt_indexes": {"deb.example.org_dists_sid_InRelease": "no digest"}}
    assert task.put(path, {"result": "success", "output_data": wrong}).status_code == 400
    right = {"apt_indexes": {"deb.example.org_dists_sid_InRelease": "a" * 64}}
    assert task.put(path, {"result": "success", "output_data": right}).status_code == 200
    output = WorkRequest.objects.get(pk=record["id"]).output_data
    assert output is not None
    assert output["apt_indexes"] == right["apt_indexes"]


INDEXES = {
    "deb.example.org_dists_sid-security_InRelease": "b" * 64,
    "deb.example.org_dists_sid_InRelease": "a" * 64,
}


def test_archives_that_show_the_same_give_the_earlier_result(
    api: ApiClient, worker_api: ApiClient, reader: Any
) -> None:
    reader.NETWORK = Network.APT
    ask(api, artifact("a"))
    first = run(worker_api, apt_indexes=INDEXES)
    # in any order
    seen = dict(reversed(INDEXES.items()))
    record = ask(api, artifact("a"), reuse=True, apt_indexes=seen)
    assert record["status"] == "completed"
    assert record["reused_from"]["work_request"] == first


@pytest.mark.parametrize(
    "seen",
    [
        None,
        {},
        INDEXES | {"deb.example.org_dists_sid_InRelease": "c" * 64},
        INDEXES | {"other.example.org_dists_sid_InRelease": "c" * 64},
        dict(list(INDEXES.items())[:1]),
    ],
)
def test_archives_that_show_something_else_make_it_run(
    api: ApiClient, worker_api: ApiClient, reader: Any, seen: Any
) -> None:
    reader.NETWORK = Network.APT
    ask(api, artifact("a"))
    run(worker_api, apt_indexes=INDEXES)
    assert ask(api, artifact("a"), reuse=True, apt_indexes=seen)["status"] == "pending"


def test_what_archives_show_is_of_no_use_without_asking_for_it(
    api: ApiClient, worker_api: ApiClient, reader: Any
) -> None:
    reader.NETWORK = Network.APT
    ask(api, artifact("a"))
    run(worker_api, apt_indexes=INDEXES)
    assert ask(api, artifact("a"), apt_indexes=INDEXES)["status"] == "pending"


@pytest.mark.parametrize("network", [Network.APT, Network.UNKNOWN])
@pytest.mark.parametrize("recorded", [{}, {"apt_indexes": INDEXES, "network": True}])
def test_a_run_that_could_read_what_is_not_recorded_is_nobody_elses(
    api: ApiClient, worker_api: ApiClient, reader: Any, network: Network, recorded: Any
) -> None:
    reader.NETWORK = network
    ask(api, artifact("a"))
    first = run(worker_api)
    WorkRequest.objects.filter(pk=first).update(output_data=recorded)
    record = ask(api, artifact("a"), reuse=True, apt_indexes=INDEXES)
    assert record["status"] == "pending"


def test_digests_of_indexes_are_digests(api: ApiClient, reader: Any) -> None:
    body = {"task_name": "reader", "task_data": {"source": artifact("a")}, "reuse": True}
    answer = api.post("/work-request/", body | {"apt_indexes": {"x_InRelease": "no digest"}})
    assert answer.status_code == 400
