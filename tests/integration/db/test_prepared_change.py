# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.db.models import BigIntegerField, CharField, DateTimeField, JSONField

from debusine.db.models import Attempt, RunRecord, WorkRequest
from debusine.db.prepared import Param
from debusine.db.prepared_change import PreparedDelete, PreparedInsert, PreparedUpdate
from debusine.testing import factories
from debusine.util.clock import SystemClock

NOW = SystemClock().now()
INSERT_RECORD = PreparedInsert(RunRecord)


def make_record(**fields: Any) -> RunRecord:
    return RunRecord(task_type="Worker", completed_at=NOW, **fields)


def columns(row: Any) -> dict[str, Any]:
    return {field.attname: getattr(row, field.attname) for field in row._meta.concrete_fields}


def test_inserts_a_row_with_all_its_columns(db: None) -> None:
    insert = PreparedInsert(WorkRequest)
    template = factories.make_work_request()
    for data, expiration in (({"a": [1, None, "ä"]}, timedelta(days=2)), ({}, None)):
        row = WorkRequest(
            workspace=template.workspace,
            created_at=NOW,
            created_by=template.created_by,
            task_type="Worker",
            task_name="noop",
            task_data=data,
            dynamic_task_data=None,
            expiration_delay=expiration,
            order=7,
        )
        assert insert.save(row) is row
        assert columns(WorkRequest.objects.get(pk=row.pk)) == columns(row)
        # who goes on with it changes it, and does not store it once more
        row.priority_adjustment = 3
        row.save()
        assert WorkRequest.objects.get(pk=row.pk).priority_adjustment == 3


def test_inserts_with_one_statement(db: None, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(1):
        INSERT_RECORD.save(make_record(task_name="noop"))


def test_changes_the_rows_that_fit(db: None, django_assert_num_queries: Any) -> None:
    change = PreparedUpdate(
        lambda: WorkRequest.objects.filter(
            pk=Param("pk", BigIntegerField()), task_name=Param("name", CharField()), result=""
        ),
        completed_at=Param("now", DateTimeField()),
        output_data=Param("data", JSONField(null=True)),
        blame="subject",
    )
    row = factories.make_work_request()
    for data in ({"errors": ["ä"]}, None):
        with django_assert_num_queries(1):
            assert change.run(pk=row.pk, name=row.task_name, now=NOW, data=data) == 1
        row.refresh_from_db()
        assert (row.completed_at, row.output_data, row.blame) == (NOW, data, "subject")
    assert change.run(pk=row.pk, name="other", now=NOW, data=None) == 0


def test_a_row_can_be_given_another_relation(db: None) -> None:
    running = factories.make_running()
    other = factories.make_worker().worker
    change = PreparedUpdate(
        lambda: Attempt.objects.filter(pk=Param("pk", BigIntegerField())),
        worker=Param("worker", BigIntegerField()),
    )
    assert change.run(pk=running.attempt.pk, worker=other.pk) == 1
    running.attempt.refresh_from_db()
    assert running.attempt.worker == other


def test_deletes_what_a_nested_query_finds(db: None) -> None:
    for name, count in (("noop", 4), ("sbuild", 1)):
        for duration in range(count):
            INSERT_RECORD.save(make_record(task_name=name, duration_s=float(duration)))
    delete = PreparedDelete(
        lambda: RunRecord.objects.filter(
            pk__in=RunRecord.objects.filter(task_name=Param("name", CharField()))
            .order_by("-duration_s")
            .values("pk")[2:]
        )
    )
    assert delete.run(name="noop") == 2
    assert delete.run(name="noop") == 0
    left = RunRecord.objects.order_by("task_name", "duration_s")
    assert [(row.task_name, row.duration_s) for row in left] == [
        ("noop", 2),
        ("noop", 3),
        ("sbuild", 0),
    ]
