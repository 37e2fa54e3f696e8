# SPDX-License-Identifier: GPL-3.0-or-later
"""The file of each task says what its users have to know; pages and programs show that."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from debusine.domain.result import WorkRequestResults
from debusine.tasks.base import BaseExternalTask
from debusine.tasks.registry import load_kinds
from debusine.tasks.task_type import describe
from debusine.util.discovery import load_all

OURS = ("debusine.tasks.kinds.", "debusine.tasks.signing.", "debusine.server.tasks.")


def _kinds() -> dict[str, type[BaseExternalTask[Any, Any]]]:
    """Tasks of this package, without those that tests register."""
    load_kinds()
    load_all("debusine.server.tasks")
    return {
        f"{kind.TASK_TYPE.value}-{kind.name}": kind
        for kind in BaseExternalTask.registry.registered()
        if kind.__module__.startswith(OURS)
    }


@pytest.mark.parametrize("name", sorted(_kinds()))
class TestGuide:
    def test_every_field_has_a_meaning(self, name: str) -> None:
        fields = describe(_kinds()[name]).fields
        assert [field.path for field in fields if not field.meaning] == []

    def test_the_example_is_what_the_task_takes(self, name: str) -> None:
        kind = _kinds()[name]
        example = describe(kind).example
        assert example
        data = kind(yaml.safe_load(example)).data
        # an example that leaves all as it is shows nothing, unless there is nothing to show
        assert data.model_fields_set

    def test_each_result_is_explained(self, name: str) -> None:
        kind = _kinds()[name]
        explained = set(kind.GUIDE.results)
        assert {WorkRequestResults.SUCCESS, WorkRequestResults.FAILURE} <= explained
        assert [text for text in kind.GUIDE.results.values() if not text.strip()] == []

    def test_it_says_in_a_sentence_what_it_does(self, name: str) -> None:
        assert len(describe(_kinds()[name]).summary.split()) > 1
