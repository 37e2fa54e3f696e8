# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.test import Client

from debusine.db.models import Artifact, User, Worker, WorkRequest, Workspace
from debusine.domain.work_request import WorkRequestStatus
from debusine.server import scheduler
from debusine.server.attempt_log import AttemptLog
from debusine.testing import factories
from debusine.testing.factories import WithKey
from debusine.web.components import look

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def browser(user: User, workspace: Workspace) -> Client:
    """Somebody who has logged in."""
    client = Client()
    assert client.login(username=user.username, password="secret")
    return client


@pytest.fixture
def strict(user: User) -> Client:
    """A browser whose forms need their CSRF token."""
    client = Client(enforce_csrf_checks=True)
    assert client.login(username=user.username, password="secret")
    return client


def page(request: WorkRequest, below: str = "") -> str:
    return f"/debusine/{request.workspace.name}/work-request/{request.pk}/{below}"


def test_every_state_has_a_word_and_a_shape_of_its_own() -> None:
    states = [("blocked", ""), ("pending", ""), ("running", ""), ("aborted", "")]
    results = ["success", "failure", "temporary failure", "error", "skipped"]
    looks = [look(*state) for state in [*states, *(("completed", one) for one in results)]]
    assert len({one.word for one in looks}) == len({one.shape for one in looks}) == len(looks)


def test_login_by_password_and_token(user: User, token: WithKey) -> None:
    for form in ({"username": "alice", "password": "secret"}, {"token": token.key}):
        client = Client()
        answer = client.post("/-/login/", {**form, "next": "/debusine/System/"})
        assert (answer.status_code, answer["Location"]) == (302, "/debusine/System/")
        assert b"alice" in client.get("/").content
        client.post("/-/logout/")
        assert b"alice" not in client.get("/").content


@pytest.mark.parametrize(
    "form", [{"username": "alice", "password": "wrong"}, {"token": "wrong"}, {}]
)
def test_wrong_login_is_refused(user: User, form: dict[str, str]) -> None:
    answer = Client().post("/-/login/", form)
    assert answer.status_code == 403
    assert b"not valid" in answer.content


def test_token_of_a_worker_is_no_login(db: None) -> None:
    assert Client().post("/-/login/", {"token": factories.make_worker().key}).status_code == 403


def test_login_does_not_lead_elsewhere(user: User) -> None:
    form = {"username": "alice", "password": "secret", "next": "https://evil.example.org/"}
    assert Client().post("/-/login/", form)["Location"] == "/"


def test_nobody_is_asked_to_log_in(workspace: Workspace) -> None:
    request = factories.make_work_request(workspace=workspace)
    answer = Client().get(page(request))
    assert answer.status_code == 302
    assert answer["Location"].startswith("/-/login/?next=")


def test_everybody_sees_public_requests(db: None) -> None:
    public = factories.make_workspace("Public", public=True)
    request = factories.make_work_request(workspace=public)
    answer = Client().get(page(request))
    assert answer.status_code == 200
    assert b"<button>Retry" not in answer.content


def test_an_unsuccessful_request_says_why_and_who_is_to_blame(browser: Client) -> None:
    request = factories.make_work_request(status=WorkRequestStatus.COMPLETED)
    errors = [{"message": "a mirror <did> not answer", "code": "network-failed"}]
    WorkRequest.objects.filter(pk=request.pk).update(
        result="failure", blame="environment", output_data={"errors": errors}
    )
    text = browser.get(page(request)).content.decode()
    assert "a mirror &lt;did&gt; not answer" in text
    assert "To blame: the worker or its network." in text


def test_what_steers_terminals_is_no_part_of_the_log(
    browser: Client, tmp_path: Path, settings: Any
) -> None:
    settings.DEBUSINE = settings.DEBUSINE.model_copy(update={"data_dir": tmp_path})
    running = factories.make_running()
    raw = b"\x1b[31mred\x1b[0m \x1b]0;title\x07\xff 10%\r100%\r\nend\n"
    log = AttemptLog(tmp_path / "logs", running.attempt.pk)
    log.append(raw, offset=None, stream="stdout", timestamp=NOW)
    text = browser.get(page(running.work_request)).content.decode()
    assert ">red \ufffd 10%\n100%\nend\n</pre>" in text
    whole = browser.get(page(running.work_request, "log/"))
    assert b"".join(whole.streaming_content) == raw  # type: ignore[attr-defined]  # a streaming answer has it


def test_page_of_a_running_request(browser: Client, tmp_path: Path, settings: Any) -> None:
    settings.DEBUSINE = settings.DEBUSINE.model_copy(update={"data_dir": tmp_path})
    running = factories.make_running()
    log = AttemptLog(tmp_path / "logs", running.attempt.pk)
    log.append(b"<script>alert(1)</script>\n", offset=None, stream="stdout", timestamp=NOW)
    answer = browser.get(page(running.work_request))
    text = answer.content.decode()
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    assert "<script>alert" not in text
    assert 'data-offset="26"' in text
    assert "data-live" in text
    assert 'class="badge active"' in text
    assert "Abort</button>" in text
    whole = browser.get(page(running.work_request, "log/"))
    assert whole.getvalue() == b"<script>alert(1)</script>\n"
    assert whole["Content-Type"] == "text/plain; charset=utf-8"


def test_page_of_a_failed_request(browser: Client, user: User) -> None:
    request = factories.make_work_request(
        status=WorkRequestStatus.COMPLETED,
        result="error",
        output_data={"errors": [{"code": "configure-failed", "message": "no such thing"}]},
    )
    artifact = Artifact.objects.create(
        category="debusine:test",
        workspace=request.workspace,
        created_at=NOW,
        created_by_work_request=request,
    )
    text = browser.get(page(request)).content.decode()
    for part in ("configure-failed", "no such thing", "Retry</button>", "debusine:test"):
        assert part in text
    assert f"/debusine/System/artifact/{artifact.pk}/download/?archive=tar.gz" in text
    assert "data-live" not in text
    shown = browser.get(f"/debusine/System/artifact/{artifact.pk}/")
    assert shown.status_code == 200
    assert f"work request {request.pk}" in shown.content.decode()


def test_waiting_request_says_why(browser: Client) -> None:
    signature = scheduler.intern_signature(["worker:build-arch:riscv64"], [])
    factories.make_worker()
    request = factories.make_work_request(signature_id=signature)
    assert "no worker builds for riscv64 (worker:build-arch:riscv64)" in (
        browser.get(page(request)).content.decode()
    )


def test_page_says_who_gave_which_tag(browser: Client) -> None:
    sources = {"required": {"system": ["worker:cap:x"]}, "provided": {"user": ["task:class:big"]}}
    row = factories.make_running(tag_sources=sources).work_request
    Worker.objects.update(
        name="w1",
        tag_sources={
            "provided": {"admin": ["worker:class:fast"]},
            "required": {"admin": ["task:scope:debian"]},
            "withheld": ["worker:task:worker:sbuild:version:1"],
            "dropped": [{"provenance": "worker", "tag": "worker:class:no", "group": "namespaces"}],
        },
    )
    text = browser.get(page(row)).content.decode()
    for label, by, tag in [
        ("required by the task", "system", "worker:cap:x"),
        ("provided by the task", "user", "task:class:big"),
        ("provided by w1", "admin", "worker:class:fast"),
        ("required by w1", "admin", "task:scope:debian"),
        ("withheld from w1", "admin", "worker:task:worker:sbuild:version:1"),
        ("dropped from w1", "worker", "worker:class:no"),
    ]:
        assert f"<tr><td>{label}</td><td>{by}</td><td><code>{tag}</code></td></tr>" in text


def test_buttons_retry_and_abort(browser: Client) -> None:
    request = factories.make_work_request()
    answer = browser.post(page(request, "abort/"))
    assert (answer.status_code, answer["Location"]) == (302, page(request))
    answer = browser.post(page(request, "retry/"))
    successor = WorkRequest.objects.get(supersedes=request)
    assert answer["Location"] == page(successor)
    again = browser.post(page(request, "retry/"))
    assert again.status_code == 400
    assert b"superseded" in again.content


def test_buttons_are_not_pressed_by_other_pages(strict: Client, workspace: Workspace) -> None:
    request = factories.make_work_request()
    assert strict.post(page(request, "abort/")).status_code == 403
    assert strict.get(page(request, "abort/")).status_code == 405
    request.refresh_from_db()
    assert request.status == "pending"


def test_session_on_the_api_needs_the_csrf_token(strict: Client, workspace: Workspace) -> None:
    body = {"task_name": "noop"}
    refused = strict.post("/api/1.0/work-request/", body, content_type="application/json")
    assert refused.status_code == 403
    strict.get("/-/login/")
    csrf = strict.cookies["csrftoken"].value
    accepted = strict.post(
        "/api/1.0/work-request/",
        body,
        content_type="application/json",
        headers={"X-CSRFToken": csrf},
    )
    assert accepted.status_code == 200


def test_listing_goes_on(browser: Client) -> None:
    made = [factories.make_work_request().pk for _ in range(51)]
    first = browser.get("/debusine/System/work-request/").content.decode()
    assert f"?before={made[1]}" in first
    second = browser.get(f"/debusine/System/work-request/?before={made[1]}").content.decode()
    assert f"/work-request/{made[0]}/" in second
    assert f"/work-request/{made[1]}/" not in second


@pytest.mark.parametrize(
    "path",
    ["/no/", "/no/such/", "/no/such/work-request/1/", "/debusine/System/work-request/9999/",
     "/debusine/System/artifact/9999/", "/static/no.css", "/static/..%2Fapp.py", "/x/y/z/"],
)  # fmt: skip
def test_what_is_not_there_is_a_page_too(browser: Client, path: str) -> None:
    assert browser.get(path).status_code == 404


def test_pages_name_no_other_host(browser: Client) -> None:
    request = factories.make_work_request()
    for path in ("/", page(request), "/-/login/", "/static/style.css", "/static/log.js"):
        answer = browser.get(path)
        body = answer.getvalue()
        assert answer.status_code == 200
        assert b"http" not in body.replace(b"https:", b"").replace(b"http:", b"")
    assert "default-src 'none'" in browser.get("/")["Content-Security-Policy"]


def test_number_of_queries(browser: Client, django_assert_max_num_queries: Any) -> None:
    for _ in range(5):
        factories.make_work_request()
    request = factories.make_running().work_request
    with django_assert_max_num_queries(8):
        browser.get(page(request))
    with django_assert_max_num_queries(6):
        browser.get("/debusine/System/work-request/")
    assert settings.DEBUSINE.default_scope == "debusine"
