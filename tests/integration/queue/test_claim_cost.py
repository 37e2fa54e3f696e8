# SPDX-License-Identifier: GPL-3.0-or-later
"""What a claim costs does not depend on how much waits."""

from __future__ import annotations

from typing import Any

from django.db import connection
from django.test.utils import CaptureQueriesContext
from tests.integration.conftest import ApiClient

from debusine.db.models import WorkRequest
from debusine.server.actions import claim_work_request as module
from debusine.testing import factories

GET_NEXT = "/work-request/get-next-for-worker/"
OLD = {"system:worker_type": "external", "noop:version": 99}
NEW = {"system:worker_type": "external", "noop:version": 1}


def fill(api: ApiClient, number: int) -> None:
    """Let so many requests wait, all but the first copied."""
    first = api.post("/work-request/", {"task_name": "noop"}).json()["id"]
    columns = WorkRequest.objects.values().get(pk=first)
    del columns["id"]
    WorkRequest.objects.bulk_create(
        WorkRequest(**columns | {"order": columns["order"] + index}) for index in range(1, number)
    )


def worker(report: dict[str, Any]) -> ApiClient:
    client = ApiClient(factories.make_worker(tags=()).key)
    assert client.put("/worker/dynamic-metadata/", report).status_code == 204
    return client


def queries(client: ApiClient, expected: int) -> int:
    with CaptureQueriesContext(connection) as captured:
        assert client.post(GET_NEXT).status_code == expected
    return len(captured)


def test_a_request_that_fits(api: ApiClient, mode: str) -> None:
    counts = []
    for waiting in (10, 1000):
        WorkRequest.objects.all().update(status="aborted")
        fill(api, waiting)
        # signatures are read once per process
        queries(worker(NEW), 200)
        counts.append(queries(worker(NEW), 200))
    assert counts[0] == counts[1]


def test_nothing_that_fits(api: ApiClient, mode: str) -> None:
    """
    What was refused once is not looked at again.

    The first looks may refuse some each, but no more than a fixed number.
    """
    counts = []
    for waiting in (10, 1000):
        WorkRequest.objects.all().update(status="aborted")
        fill(api, waiting)
        client = worker(OLD)
        looks = [queries(client, 204) for _ in range(-(-waiting // module._TRIES) + 1)]
        # several are refused in one breath
        assert max(looks) < module._TRIES
        counts.append(queries(client, 204))
    assert counts[0] == counts[1]
    assert WorkRequest.objects.filter(status="pending").count() == 1000
