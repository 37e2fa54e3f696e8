# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from debusine.domain.output_data import OutputData

STATISTICS = {
    "duration": 1,
    "duration_setup": 2,
    "duration_run": 3,
    "duration_teardown": 4,
    "cpu_time": 5,
    "disk_space": 6,
    "memory": 7,
    "network_received": 8,
    "network_sent": 9,
    "available_disk_space": 10,
    "available_memory": 11,
    "cpu_count": 12,
}
EVERYTHING: dict[str, Any] = {
    "runtime_statistics": STATISTICS,
    "errors": [{"message": "broken", "code": "execute-failed"}],
    "skip_reason": "nothing changed",
    "regression_analysis": {
        "hello:amd64": {
            "original_source_version": "1.0-1",
            "original_artifact_id": 1,
            "new_source_version": "1.0-2",
            "new_artifact_id": 2,
            "status": "no-result",
            "details": {"smoke": "stable"},
        }
    },
    "confirmation": {"confirmed": True, "comment": "looks good"},
}


def test_everything_is_kept_as_given() -> None:
    read = OutputData.model_validate(EVERYTHING)
    assert read.model_dump(mode="json", exclude_unset=True) == EVERYTHING


@pytest.mark.parametrize("status", ["no-result", "error", "improvement", "stable", "regression"])
def test_statuses_of_an_analysis(status: str) -> None:
    OutputData.model_validate({"regression_analysis": {"x": {"status": status}}})


@pytest.mark.parametrize(
    "data",
    [
        {"mood": "good"},
        {"errors": [{"message": "x"}]},
        {"errors": [{"message": "x", "code": "y", "more": 1}]},
        {"runtime_statistics": {"duration": 1.5}},
        {"runtime_statistics": {"heat": 1}},
        {"regression_analysis": {"x": {}}},
        {"regression_analysis": {"x": {"status": "worse"}}},
        {"confirmation": {}},
    ],
)
def test_other_reports_are_refused(data: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        OutputData.model_validate(data)


@pytest.mark.parametrize(
    ("first", "later", "merged"),
    [
        ({}, {}, {}),
        ({"skip_reason": "a"}, {}, {"skip_reason": "a"}),
        ({"skip_reason": "a"}, {"skip_reason": "b"}, {"skip_reason": "b"}),
        ({"skip_reason": "a"}, {"skip_reason": None}, {"skip_reason": None}),
        ({"skip_reason": "a"}, {"errors": []}, {"skip_reason": "a", "errors": []}),
        # fields are not merged any deeper
        (
            {"runtime_statistics": {"duration": 1, "memory": 2}},
            {"runtime_statistics": {"duration": 3}},
            {"runtime_statistics": {"duration": 3}},
        ),
    ],
)
def test_later_reports_win_field_by_field(
    first: dict[str, Any], later: dict[str, Any], merged: dict[str, Any]
) -> None:
    found = OutputData.model_validate(first).merge(OutputData.model_validate(later))
    assert found.model_dump(exclude_unset=True) == merged
