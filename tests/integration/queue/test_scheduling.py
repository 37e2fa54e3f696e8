# SPDX-License-Identifier: GPL-3.0-or-later
"""Workers of every kind get what they can run, whether tags decide or metadata."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import requests
from tests.integration.conftest import ApiClient

from debusine.db.models import Worker, WorkRequest
from debusine.testing import factories
from debusine.testing.factories import WorkerWithKey
from debusine.testing.live_server import LiveServer
from debusine.testing.waiting import PATIENCE_S

GET_NEXT = "/work-request/get-next-for-worker/"
SYSTEM = {
    "system:cpu_count": 4,
    "system:total_physical_memory": 8 << 30,
    "system:worker_type": "external",
    "system:native_architecture": "amd64",
}


def tags_only(*, architecture: str, backend: str, version: int, tool: bool) -> dict[str, Any]:
    """What a worker of 0.16 reports."""
    return SYSTEM | {
        "system:worker_version": "0.16.2",
        "system:architectures": [architecture],
        "provided_tags": [
            f"worker:build-arch:{architecture}",
            f"worker:executor:{backend}",
            f"worker:task:worker:probe:version:{version}",
            *(["worker:cap:probe-tool"] if tool else []),
        ],
    }


def metadata_only(*, architecture: str, backend: str, version: int, tool: bool) -> dict[str, Any]:
    """What an older worker reports."""
    return SYSTEM | {
        "system:architectures": [architecture],
        "executor:unshare:available": backend == "unshare",
        "executor:qemu:available": backend == "qemu",
        "probe:version": version,
        "probe:tool": tool,
    }


def both(**able: Any) -> dict[str, Any]:
    """What our own agent reports."""
    return metadata_only(**able) | tags_only(**able)


KINDS = [tags_only, metadata_only, both]
FITTING = {"architecture": "amd64", "backend": "unshare", "version": 1, "tool": True}
# what the worker can, what administrators say, what is asked for
FITS: dict[str, tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = {
    "all": ({}, {}, {"tool": "probe-tool"}),
    "no tool wanted": ({"tool": False}, {}, {}),
    "allowed": ({}, {"tasks_allowlist": ["probe"], "tasks_denylist": ["probe"]}, {}),
    "another denied": ({}, {"tasks_denylist": ["noop"]}, {}),
    "scope": ({}, {"required_tags": ["task:scope:debusine"]}, {}),
}
FITS_NOT: dict[str, tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = {
    "architecture": ({}, {}, {"build_architecture": "riscv64"}),
    "fallback architecture": ({"architecture": "arm64"}, {}, {"build_architecture": None}),
    "executor": ({}, {}, {"backend": "qemu"}),
    "version": ({"version": 2}, {}, {}),
    "tool": ({"tool": False}, {}, {"tool": "probe-tool"}),
    "not allowed": ({}, {"tasks_allowlist": ["noop"]}, {}),
    "nothing allowed": ({}, {"tasks_allowlist": []}, {}),
    "denied": ({}, {"tasks_denylist": ["probe"]}, {}),
    "scope": ({}, {"required_tags": ["task:scope:debian"]}, {}),
}


def make(api: ApiClient, **asked: Any) -> int:
    data = {"build_architecture": "amd64", **asked}
    answer = api.post("/work-request/", {"task_name": "probe", "task_data": data})
    assert answer.status_code == 200, answer.content
    number: int = answer.json()["id"]
    return number


def join(report: dict[str, Any], static: dict[str, Any] | None = None) -> ApiClient:
    """A worker that has reported, as it sees the API."""
    worker = factories.make_worker(tags=(), static_metadata=static or {})
    client = ApiClient(worker.key)
    assert client.put("/worker/dynamic-metadata/", report).status_code == 204
    return client


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("case", FITS)
def test_a_worker_gets_what_it_can_run(
    api: ApiClient, probe: Any, mode: str, kind: Callable[..., Any], case: str
) -> None:
    able, static, asked = FITS[case]
    worker = join(kind(**FITTING | able), static)
    number = make(api, **asked)
    assert worker.post(GET_NEXT).json()["id"] == number


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("case", FITS_NOT)
def test_it_is_passed_over_by_what_it_cannot_run(
    api: ApiClient, probe: Any, mode: str, kind: Callable[..., Any], case: str
) -> None:
    able, static, asked = FITS_NOT[case]
    worker = join(kind(**FITTING | able), static)
    number = make(api, **asked)
    other = make(api) if case in {"architecture", "executor", "tool"} else None
    answer = worker.post(GET_NEXT)
    if other is None:
        assert answer.status_code == 204
    else:
        # what it cannot run is not in its way
        assert answer.json()["id"] == other
    assert WorkRequest.objects.get(pk=number).status == "pending"
    reason = api.get(f"/work-request/{number}/waiting/").json()["reason"]
    assert reason is not None
    assert reason.startswith("no worker that is connected ")
    assert "not-refused" not in reason
    # others are not kept from it
    wanted = asked.get("build_architecture", "amd64") or "amd64"
    fitting = FITTING | {"architecture": wanted, "backend": asked.get("backend", "unshare")}
    assert join(kind(**fitting)).post(GET_NEXT).json()["id"] == number


WORDS = {
    "architecture": "no worker that is connected builds for riscv64 (worker:build-arch:riscv64)",
    "executor": "no worker that is connected has the executor qemu (worker:executor:qemu)",
    "version": "no worker that is connected runs version 1 of the task probe "
    "(worker:task:worker:probe:version:1)",
    "tool": "no worker that is connected has the capability probe-tool (worker:cap:probe-tool)",
    "denied": "no worker that is connected fits; the closest, w1, may not run version 1 of the "
    "task probe (worker:task:worker:probe:version:1): its lists of tasks say so",
    "scope": "no worker that is connected fits; the closest, w1, takes only requests with "
    "task:scope:debian",
}


@pytest.mark.parametrize("case", WORDS)
def test_why_it_waits_is_said_in_words(api: ApiClient, probe: Any, mode: str, case: str) -> None:
    able, static, asked = FITS_NOT[case]
    worker = join(both(**FITTING | able), static)
    Worker.objects.update(name="w1")
    number = make(api, **asked)
    assert worker.post(GET_NEXT).status_code == 204
    assert api.get(f"/work-request/{number}/waiting/").json()["reason"] == WORDS[case]


def test_what_only_the_code_of_the_task_refuses_is_said_too(
    api: ApiClient, probe: Any, settings: Any
) -> None:
    settings.DEBUSINE = settings.DEBUSINE.model_copy(update={"tag_based_scheduling": False})
    probe.can_run_on = lambda self, worker_metadata: False
    worker = join(both(**FITTING))
    Worker.objects.update(name="w1")
    number = make(api)
    assert api.get(f"/work-request/{number}/waiting/").json()["reason"] is None
    assert worker.post(GET_NEXT).status_code == 204
    reason = api.get(f"/work-request/{number}/waiting/").json()["reason"]
    assert reason == (
        "no worker that is connected fits; the closest, w1, was refused by the task "
        "for what it reports of itself"
    )


def test_code_that_fails_on_a_workers_report_harms_only_this_worker(
    api: ApiClient, probe: Any, settings: Any
) -> None:
    settings.DEBUSINE = settings.DEBUSINE.model_copy(update={"tag_based_scheduling": False})
    plain = probe.can_run_on
    probe.can_run_on = lambda self, worker_metadata: (
        plain(self, worker_metadata) and worker_metadata["odd"] < 1
    )
    number = make(api)
    odd = join(both(**FITTING) | {"odd": "x"})
    assert odd.post(GET_NEXT).status_code == 204
    assert WorkRequest.objects.get(pk=number).status == "pending"
    assert join(both(**FITTING) | {"odd": 0}).post(GET_NEXT).json()["id"] == number


@pytest.mark.parametrize(
    "report",
    [
        {"provided_tags": ["worker:task:nonsense:noop:version:1", 3, None, ["x"]]},
        {"provided_tags": "worker:cap:sbuild", "system:architectures": None},
        {"system:architectures": 5, "probe:version": [1], ":available": True},
        {"system:worker_type": {"a": 1}, "provided_tags": {"a": "b"}},
    ],
)
def test_nonsense_of_one_worker_stops_nobody(
    api: ApiClient, probe: Any, mode: str, report: dict[str, Any]
) -> None:
    odd = join(report)
    number = make(api)
    assert odd.post(GET_NEXT).status_code == 204
    assert join(both(**FITTING)).post(GET_NEXT).json()["id"] == number


def test_a_request_made_under_metadata_is_not_given_away_under_tags(
    api: ApiClient, probe: Any, settings: Any
) -> None:
    by_tags = settings.DEBUSINE
    settings.DEBUSINE = by_tags.model_copy(update={"tag_based_scheduling": False})
    number = make(api, build_architecture="riscv64")
    settings.DEBUSINE = by_tags
    assert join(both(**FITTING)).post(GET_NEXT).status_code == 204
    fitting = both(**FITTING | {"architecture": "riscv64"})
    assert join(fitting).post(GET_NEXT).json()["id"] == number


# through real sockets and HTTP


@pytest.fixture
def call(server: LiveServer) -> Callable[..., requests.Response]:
    """What an agent asks over HTTP."""

    def call(worker: WorkerWithKey, method: str, path: str, body: Any = None) -> Any:
        url = f"{server.url}/api/1.0{path}"
        return requests.request(
            method, url, json=body, headers={"Token": worker.key}, timeout=PATIENCE_S
        )

    return call


@pytest.mark.usefixtures("probe", "mode")
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_agents_are_woken_for_what_they_get(
    dial: Any, post: Any, call: Any, kind: Callable[..., Any]
) -> None:
    fitting, other = (factories.make_worker(tags=(), connected=False) for _ in range(2))
    peer = dial("worker/connect/", fitting.key)
    peer.wait_for("request_dynamic_metadata")
    reports = [kind(**FITTING), kind(**FITTING | {"version": 2})]
    for worker, report in zip((fitting, other), reports, strict=True):
        answer = call(worker, "PUT", "/worker/dynamic-metadata/", report)
        assert answer.status_code == 204
    data = {"build_architecture": "amd64", "tool": "probe-tool"}
    number = post("/work-request/", {"task_name": "probe", "task_data": data})["id"]
    peer.wait_for("work_request_available")
    assert call(other, "POST", GET_NEXT).status_code == 204
    assigned = call(fitting, "POST", GET_NEXT)
    assert (assigned.status_code, assigned.json()["id"]) == (200, number)
