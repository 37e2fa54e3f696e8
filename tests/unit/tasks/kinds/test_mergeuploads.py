# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from debusine.artifacts.kinds.upload import Upload
from debusine.artifacts.relation import RelationType
from debusine.domain.result import WorkRequestResults
from debusine.tasks import TaskConfigError
from debusine.tasks.kinds.mergeuploads import MergeUploads
from debusine.testing.packages import write_changes, write_deb, write_dsc
from debusine.testing.task_bench import make_task
from debusine.testing.task_client import FakeTaskClient

SOURCE, ALL, AMD64 = 12, 11, 10
TEXTS = {"Changes": "\n hello (1.0-1) unstable; urgency=medium\n .\n   * New."}


def add_upload(
    client: FakeTaskClient,
    number: int,
    directory: Path,
    architecture: str,
    fields: Mapping[str, str] | None = None,
) -> None:
    """Let an upload of ``hello`` exist."""
    directory.mkdir()
    if architecture == "source":
        write_dsc(directory)
    else:
        write_deb(directory, {"Package": f"hello-{architecture}", "Architecture": architecture})
    files = sorted(directory.iterdir())
    changes = write_changes(directory, files, architecture=architecture, fields=fields)
    client.add_local(number, Upload.from_changes(changes))


@pytest.fixture
def client(tmp_path: Path) -> FakeTaskClient:
    client = FakeTaskClient()
    add_upload(client, SOURCE, tmp_path / "source", "source", TEXTS)
    for number, architecture in ((ALL, "all"), (AMD64, "amd64")):
        more = {
            "Binary": f"hello-{architecture}",
            "Description": f"\n hello-{architecture} - greets",
        }
        add_upload(client, number, tmp_path / architecture, architecture, TEXTS | more)
    return client


def merge(client: FakeTaskClient, directory: Path, *uploads: int) -> MergeUploads:
    data = {"input": {"uploads": list(uploads)}}
    return make_task(MergeUploads, data, client=client, directory=directory)


def log_of(client: FakeTaskClient) -> str:
    return client.uploaded[-1].files["execution.log"].decode()


def test_source_and_binaries_become_one_upload(tmp_path: Path, client: FakeTaskClient) -> None:
    task = merge(client, tmp_path, SOURCE, AMD64, ALL)
    assert task.execute() is WorkRequestResults.SUCCESS
    [merged] = client.uploaded
    fields = merged.data["changes_fields"]
    # the one with the lowest number comes first
    assert fields["Architecture"] == "source all amd64"
    assert [entry["name"] for entry in fields["Files"]] == [
        "hello-amd64_1.0-1_amd64.deb",
        "hello-all_1.0-1_all.deb",
        "hello_1.0-1.debian.tar.xz",
        "hello_1.0-1.dsc",
        "hello_1.0.orig.tar.gz",
    ]
    assert fields["Binary"] == "hello-all hello-amd64"
    given = [
        (path, content)
        for number in (SOURCE, ALL, AMD64)
        for path, content in client.artifacts[number].files.items()
        if not path.endswith(".changes")
    ]
    assert dict(given) == {
        path: content for path, content in merged.files.items() if not path.endswith(".changes")
    }
    assert "hello_1.0-1_multi.changes" in merged.files
    assert client.relations == [
        (merged.id, number, RelationType.EXTENDS) for number in (AMD64, ALL, SOURCE)
    ]
    assert merged.work_request == task.work_request_id


def test_what_the_server_is_told(tmp_path: Path, client: FakeTaskClient) -> None:
    task = merge(client, tmp_path, SOURCE, AMD64, ALL)
    assert task.dynamic_data is not None
    assert task.dynamic_data.subject == "hello"
    assert task.dynamic_data.parameter_summary == "hello (all, amd64)"
    assert task.dynamic_data.get_input_artifacts_ids() == [SOURCE, AMD64, ALL]
    assert task.compute_system_required_tags() == set()
    assert task.compute_system_provided_tags() == {"task:source-package:hello"}


def test_uploads_of_different_sources(tmp_path: Path, client: FakeTaskClient) -> None:
    add_upload(client, 13, tmp_path / "bye", "source", {"Source": "bye"})
    task = merge(client, tmp_path, SOURCE, 13)
    assert task.dynamic_data is not None
    assert (task.dynamic_data.subject, task.dynamic_data.parameter_summary) == (None, None)
    tags = task.compute_system_provided_tags()
    assert tags == {"task:source-package:hello", "task:source-package:bye"}
    assert task.execute() is WorkRequestResults.FAILURE
    assert client.uploaded_of(Upload.category) == []
    assert "the uploads differ in Source" in log_of(client)


def test_what_is_the_same_in_two_uploads_is_merged(tmp_path: Path, client: FakeTaskClient) -> None:
    same = client.artifacts[ALL]
    client.add(14, same.category, same.data, same.files)
    assert merge(client, tmp_path, ALL, 14).execute() is WorkRequestResults.SUCCESS
    [merged] = client.uploaded
    assert len(merged.data["changes_fields"]["Files"]) == 1


def test_files_that_are_not_what_the_changes_says(tmp_path: Path, client: FakeTaskClient) -> None:
    stored = client.artifacts[ALL]
    files = {**stored.files, "hello-all_1.0-1_all.deb": b"another"}
    client.add(ALL, stored.category, stored.data, files)
    assert merge(client, tmp_path, ALL, AMD64).execute() is WorkRequestResults.FAILURE
    log = client.uploaded[-1].files["fetch_input.log"].decode()
    assert "hello_1.0-1_all.changes does not fit its files" in log


def test_a_file_outside_of_the_upload_is_refused(tmp_path: Path, client: FakeTaskClient) -> None:
    stored = client.artifacts[ALL]
    name = "hello_1.0-1_all.changes"
    evil = stored.files[name].replace(b"hello-all_1.0-1_all.deb", b"../../../etc/passwd")
    client.add(ALL, stored.category, stored.data, {**stored.files, name: evil})
    assert merge(client, tmp_path, ALL, AMD64).execute() is WorkRequestResults.FAILURE
    assert client.uploaded_of(Upload.category) == []


@pytest.mark.parametrize(
    ("uploads", "message"),
    [([], "no uploads to merge"), ([10, 11, 10], "uploads are given twice: 10")],
)
def test_uploads_that_cannot_be_merged(
    tmp_path: Path, client: FakeTaskClient, uploads: list[int], message: str
) -> None:
    with pytest.raises((TaskConfigError, ValueError), match=message):
        merge(client, tmp_path, *uploads)


def test_settings_of_other_tasks_are_accepted() -> None:
    data: dict[str, Any] = {"input": {"uploads": [1]}, "environment": 2, "backend": "unshare"}
    assert MergeUploads(data).data.environment == 2
