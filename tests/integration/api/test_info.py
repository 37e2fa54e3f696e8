# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest

from debusine.db.models import Token, User
from debusine.domain.work_request import WorkRequestStatus
from debusine.server import scheduler
from debusine.testing import factories
from debusine.testing.factories import NOOP_TAGS

NOBODY = {"user": "<anonymous>", "auth": False, "work_request": None, "worker": False}


def test_whoami_of_everybody(api: Any, anonymous: Any, worker_api: Any) -> None:
    assert anonymous.get("/whoami/").json() == NOBODY
    assert api.get("/whoami/").json() == {**NOBODY, "user": "alice", "auth": True}
    assert worker_api.get("/whoami/").json() == {**NOBODY, "worker": True}


@pytest.mark.parametrize("key", ["", "no-such-key", "ä"])
def test_unknown_keys_are_nobody(anonymous: Any, key: str) -> None:
    assert type(anonymous)(key).get("/whoami/").json() == NOBODY


def test_disabled_and_expired_tokens_are_nobody(api: Any) -> None:
    Token.objects.update(expire_at="2020-01-01T00:00:00Z")
    assert api.get("/whoami/").json() == NOBODY
    Token.objects.update(expire_at=None, enabled=False)
    assert api.get("/whoami/").json() == NOBODY


def test_inactive_user_is_refused_before_the_view(api: Any, user: User) -> None:
    user.is_active = False
    user.save()
    answer = api.get("/whoami/")
    assert (answer.status_code, answer["Content-Type"]) == (403, "text/plain; charset=utf-8")


def test_token_of_a_task_that_has_ended_is_refused(anonymous: Any) -> None:
    running = factories.make_running()
    running.work_request.status = WorkRequestStatus.PENDING.value
    running.work_request.save()
    assert type(anonymous)(running.key).get("/whoami/").status_code == 403


def test_missing_default_scope_is_said(db: None, anonymous: Any, settings: Any) -> None:
    settings.DEBUSINE = settings.DEBUSINE.model_copy(update={"default_scope": "elsewhere"})
    assert anonymous.get("/whoami/").status_code == 404


def test_service_status_counts(anonymous: Any, django_assert_num_queries: Any) -> None:
    tags = ("worker:build-arch:amd64", *NOOP_TAGS)
    busy = factories.make_worker(
        tags=tags, dynamic_metadata={"system:native_architecture": "amd64"}
    ).worker
    factories.make_worker(connected=False)
    factories.make_running(worker=busy)
    signature = scheduler.intern_signature(list(tags), [])
    factories.make_work_request(signature_id=signature)
    with django_assert_num_queries(3):
        status = anonymous.get("/service-status/").json()
    none = {"registered": 0, "connected": 0, "idle": 0, "busy": 0}
    assert status["tasks"]["Worker"] == {"pending": 1, "running": 1}
    assert status["tasks"]["Wait"] == {"pending": 0, "running": 0}
    assert status["workers"] == {
        "external": {"registered": 2, "connected": 1, "idle": 0, "busy": 1},
        "celery": none,
        "signing": none,
    }
    assert status["worker_tasks"]["external"] == {"pending": 1, "running": 1}
    one = {"registered": 1, "connected": 1, "idle": 0, "busy": 1}
    assert status["external_workers_arch"] == {"amd64": one}
    assert status["external_workers_native_arch"] == {"amd64": one}
    assert status["worker_tasks_arch"] == {
        "None": {"pending": 0, "running": 1},
        "amd64": {"pending": 1, "running": 0},
    }


def test_wrong_method_is_a_problem(api: Any) -> None:
    answer = api.delete("/whoami/")
    assert (answer.status_code, answer["Content-Type"]) == (405, "application/problem+json")
    assert answer.json() == {"title": "Error", "detail": 'Method "DELETE" not allowed.'}
