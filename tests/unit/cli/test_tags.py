# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from debusine.cli.commands.work_request import tag_rows
from debusine.wire.tags import WorkerTags, WorkRequestTags


def test_rows_say_what_is_asked_for_and_what_there_is() -> None:
    tags = WorkRequestTags(
        required={"system": ["a", "b"], "workspace": ["c"]}, provided={"user": ["d"]}
    )
    task = [
        ("required by the task", "system", "a"),
        ("required by the task", "system", "b"),
        ("required by the task", "workspace", "c"),
        ("provided by the task", "user", "d"),
    ]
    assert tag_rows(tags) == task
    worker = WorkerTags(name="w1", provided={"worker": ["a"]}, required={"admin": ["d"]})
    assert tag_rows(tags.model_copy(update={"worker": worker})) == [
        *task,
        ("required by w1", "admin", "d"),
        ("provided by w1", "worker", "a"),
    ]
    assert tag_rows(WorkRequestTags()) == []
