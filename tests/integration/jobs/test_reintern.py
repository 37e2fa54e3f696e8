# SPDX-License-Identifier: GPL-3.0-or-later
"""Signatures are worked out anew when what they depend on has changed, and only then."""

from __future__ import annotations

from typing import Any

import pytest
from django.conf import settings
from tests.integration.conftest import ApiClient

from debusine.db.models import QueueBasis, Worker, WorkRequest
from debusine.server import scheduler
from debusine.server.jobs import reintern
from debusine.testing import factories

TAGS = {
    "scheduler_tags_required": ["worker:cap:x", "worker:type:external"],
    "scheduler_tags_provided": ["task:class:big", "task:scope:debusine"],
}


def pending(count: int = 1) -> list[WorkRequest]:
    requests = [factories.make_work_request(**TAGS) for _ in range(count)]
    for request in requests:
        request.signature_id = scheduler.signature_for(request)
        request.save()
    return requests


def provided(request: WorkRequest) -> list[str]:
    request.refresh_from_db()
    assert request.signature is not None
    tags: list[str] = request.signature.provided_tags
    return tags


def test_nothing_changed_is_two_queries(db: None, django_assert_num_queries: Any) -> None:
    reintern.run()
    pending()
    with django_assert_num_queries(2):
        reintern.run()


def test_requirements_that_nobody_had_before(db: None) -> None:
    reintern.run()
    (request,) = pending()
    assert provided(request) == []
    worker = factories.make_worker(required_tags=("task:class:big",)).worker
    reintern.run()
    assert provided(request) == ["task:class:big"]
    # a second worker of the same kind changes nothing
    factories.make_worker(required_tags=("task:class:big",))
    assert not reintern.reintern_some()
    Worker.objects.filter(pk=worker.pk).update(required_tags=[])
    assert not reintern.reintern_some()


def test_a_worker_that_says_so_has_it_done(api: ApiClient, worker: Any) -> None:
    reintern.run()
    (request,) = pending()
    Worker.objects.filter(pk=worker.worker.pk).update(
        static_metadata={"required_tags": ["task:class:big"]}
    )
    ApiClient(worker.key).put("/worker/dynamic-metadata/", {"provided_tags": []})
    reintern.run()
    assert provided(request) == ["task:class:big"]


def test_another_setting(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    reintern.run()
    (request,) = pending()
    other = settings.DEBUSINE.model_copy(update={"tag_based_scheduling": False})
    monkeypatch.setattr(settings, "DEBUSINE", other)
    reintern.run()
    request.refresh_from_db()
    assert request.signature is not None
    assert request.signature.required_tags == ["worker:type:external"]


def test_batches_go_on_where_somebody_was_killed(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    reintern.run()
    monkeypatch.setattr(reintern, "BATCH", 2)
    requests = pending(5)
    factories.make_worker(required_tags=("task:class:big",))
    assert reintern.reintern_some()
    assert reintern.reintern_some()
    assert [bool(provided(one)) for one in requests] == [True, True, False, False, False]
    assert QueueBasis.objects.get().position == requests[1].pk
    reintern.run()
    assert all(provided(one) for one in requests)
    assert QueueBasis.objects.get().position is None
