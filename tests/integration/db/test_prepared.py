# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db.models import BigIntegerField, CharField, Count, DateTimeField, F, Q, QuerySet

from debusine.db.models import Attempt, Token, Worker, WorkRequest
from debusine.db.prepared import Param, Prepared, PreparedValues
from debusine.testing import factories
from debusine.util.clock import SystemClock

PK = Param("pk", BigIntegerField())


def columns(row: Any) -> dict[str, Any]:
    return {field.attname: getattr(row, field.attname) for field in row._meta.concrete_fields}


def test_rows_are_those_of_the_query(db: None) -> None:
    request = factories.make_work_request(
        task_data={"a": [1, None]}, expiration_delay=timedelta(days=2), started_at=None
    )

    def query(pk: Any) -> QuerySet[WorkRequest, WorkRequest]:
        rows = WorkRequest.objects.select_related("workspace__scope", "created_by", "worker")
        return rows.filter(pk=pk)

    prepared = Prepared(lambda: query(PK))
    expected = query(request.pk).get()
    for _ in range(2):
        found = prepared.first(pk=request.pk)
        assert found is not None
        assert columns(found) == columns(expected)
        assert columns(found.workspace.scope) == columns(expected.workspace.scope)
        assert columns(found.created_by) == columns(expected.created_by)
        assert found.worker is None


def test_what_is_related_costs_no_query(db: None, django_assert_num_queries: Any) -> None:
    running = factories.make_running()
    prepared = Prepared(
        lambda: Token.objects.select_related("worker", "attempt__work_request").filter(pk=PK)
    )
    with django_assert_num_queries(2):
        found = prepared.first(pk=running.token.pk)
        assert found is not None
        assert found.attempt is not None
        assert found.attempt.work_request == running.work_request
        assert getattr(found, "worker", None) is None
        of_worker = prepared.first(pk=running.attempt.worker.token_id)  # type: ignore[union-attr]  it has one
        assert of_worker is not None
        assert (of_worker.worker, of_worker.attempt) == (running.attempt.worker, None)


def test_a_row_can_be_saved(db: None) -> None:
    made = factories.make_worker()
    found = Prepared(lambda: Worker.objects.filter(pk=PK)).first(pk=made.worker.pk)
    assert found is not None
    found.concurrency = 3
    found.save(update_fields=["concurrency"])
    assert Worker.objects.get().concurrency == 3


def test_values_are_given_at_each_call(db: None) -> None:
    attempts = [factories.make_running().attempt for _ in range(3)]
    prepared = Prepared(
        lambda: Attempt.objects.filter(
            Q(ended_at=None) | Q(ended_at__gt=Param("now", DateTimeField())),
            token_hash=Param("hash", CharField()),
        )
    )
    now = SystemClock().now()
    for attempt in attempts:
        assert prepared.all(hash=attempt.token_hash, now=now) == [attempt]
    assert prepared.first(hash="' OR 1=1 --", now=now) is None
    Attempt.objects.update(ended_at=now)
    later = now + timedelta(microseconds=1)
    assert prepared.first(hash=attempts[0].token_hash, now=later) is None
    assert prepared.first(hash=attempts[0].token_hash, now=now - timedelta(microseconds=1))


def test_a_value_that_is_missing_is_a_mistake(db: None) -> None:
    with pytest.raises(KeyError):
        Prepared(lambda: Worker.objects.filter(pk=PK)).first()


def test_counts_may_be_conditions(db: None) -> None:
    factories.make_running()
    idle = factories.make_worker().worker
    prepared = Prepared(
        lambda: (
            Worker.objects.alias(busy=Count("attempts", filter=Q(attempts__ended_at=None)))
            .filter(busy__lt=F("concurrency"))
            .order_by("pk")
        )
    )
    assert prepared.all() == [idle]


def test_values_of_columns(db: None) -> None:
    first = factories.make_worker(required_tags=("x:y",)).worker
    second = factories.make_worker().worker
    prepared = PreparedValues(
        lambda: Worker.objects.order_by("pk").values_list("pk", "required_tags", "registered_at")
    )
    assert prepared.all() == [
        (first.pk, ["x:y"], first.registered_at),
        (second.pk, [], second.registered_at),
    ]
