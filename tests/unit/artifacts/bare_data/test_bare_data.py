# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest

from debusine.artifacts.bare_data.base import (
    BareData,
    all_bare_data_kinds,
    bare_data_kind_for,
    check_bare_data,
    parse_bare_data,
)
from debusine.errors import UserError

PROMISE = {
    "promise_work_request_id": 3,
    "promise_workflow_id": 2,
    "promise_category": "debian:upload",
}
RUN: dict[str, Any] = {
    "task_type": "Worker",
    "task_name": "sbuild",
    "timestamp": 1_700_000_000,
    "work_request_id": 5,
    "result": "success",
    "runtime_statistics": {"duration": 60},
}
QA = {
    "task_name": "lintian",
    "package": "hello",
    "version": "1.0-1",
    "architecture": "source",
    "timestamp": 1_700_000_000,
    "work_request_id": 5,
    "result": "failure",
}
LOG = {
    "work_request_id": 5,
    "vendor": "debian",
    "codename": "trixie",
    "architecture": "amd64",
    "srcpkg_name": "hello",
    "srcpkg_version": "1.0-1",
}


def test_kinds_are_those_of_the_folder() -> None:
    kinds = all_bare_data_kinds()
    assert set(kinds) == {
        "debusine:promise",
        "debusine:historical-task-run",
        "debusine:task-configuration",
        "debian:package-build-log",
        "debian:qa-result",
        "debusine:test",
    }
    for category, kind in kinds.items():
        assert kind.category == category
        assert kind.title
        assert issubclass(kind.data_type, BareData)


def test_unknown_category_is_named_with_those_there_are() -> None:
    with pytest.raises(UserError, match="unknown bare data category: debian:upload") as caught:
        bare_data_kind_for("debian:upload")
    assert "debusine:promise" in (caught.value.details or "")


@pytest.mark.parametrize(
    ("category", "data", "name"),
    [
        ("debusine:promise", PROMISE, None),
        ("debusine:promise", PROMISE | {"architecture": "amd64", "n": 1}, None),
        ("debusine:historical-task-run", RUN, "Worker:sbuild:::5"),
        (
            "debusine:historical-task-run",
            RUN | {"subject": "g++", "context": "amd64/unshare:1"},
            "Worker:sbuild:g%2B%2B:amd64%2Funshare%3A1:5",
        ),
        ("debian:qa-result", QA, "lintian_hello_1.0-1_source_5"),
        ("debian:package-build-log", LOG, "debian_trixie_amd64_hello_1.0-1_5"),
        (
            "debian:package-build-log",
            LOG | {"worker": "w1"},
            "debian_trixie_amd64_hello_1.0-1_5",
        ),
        ("debusine:test", {"any": ["thing"]}, None),
    ],
)
def test_data_is_kept_as_given_and_gives_a_name(
    category: str, data: dict[str, Any], name: str | None
) -> None:
    assert check_bare_data(category, data) == data
    assert bare_data_kind_for(category).item_name(parse_bare_data(category, data)) == name


@pytest.mark.parametrize(
    ("category", "data", "path"),
    [
        *[
            (category, {key: value for key, value in data.items() if key != name}, f"data.{name}")
            for category, data in [
                ("debusine:promise", PROMISE),
                ("debusine:historical-task-run", RUN),
                ("debian:qa-result", QA),
                ("debian:package-build-log", LOG),
            ]
            for name in data
        ],
        ("debusine:promise", PROMISE | {"promise_category": "upload"}, "data.promise_category"),
        ("debusine:promise", PROMISE | {"promise_keeper": 1}, "data"),
        ("debusine:historical-task-run", RUN | {"colour": "red"}, "data.colour"),
        ("debusine:historical-task-run", RUN | {"task_type": "worker"}, "data.task_type"),
        ("debusine:historical-task-run", RUN | {"timestamp": 1.5}, "data.timestamp"),
        (
            "debusine:historical-task-run",
            RUN | {"runtime_statistics": {"heat": 1}},
            "data.runtime_statistics.heat",
        ),
        ("debian:qa-result", QA | {"result": "fine"}, "data.result"),
        ("debian:qa-result", QA | {"colour": "red"}, "data.colour"),
        ("debian:package-build-log", LOG | {"colour": "red"}, "data.colour"),
    ],
)
def test_errors_name_the_field(category: str, data: dict[str, Any], path: str) -> None:
    with pytest.raises(UserError) as caught:
        check_bare_data(category, data)
    assert list(caught.value.validation_errors or {}) == [path]
