# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from debusine.domain.output_data import OutputError
from debusine.domain.text import require_storable, storable, text_problem, text_problems
from debusine.errors import UserError

ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=20)
DOCUMENTS = st.recursive(
    ANY_TEXT | st.integers() | st.none() | st.booleans(),
    lambda parts: st.lists(parts) | st.dictionaries(ANY_TEXT, parts),
    max_leaves=20,
)


@given(ANY_TEXT)
def test_what_is_repaired_can_be_stored(text: str) -> None:
    repaired = storable(text)
    repaired.encode()
    assert "\0" not in repaired
    assert (text_problem(text) is None) == (repaired == text)


@given(DOCUMENTS)
def test_a_document_has_problems_if_and_only_if_it_cannot_be_stored(document: Any) -> None:
    text = json.dumps(document, ensure_ascii=False)
    is_fine = "\\u0000" not in text.replace("\\\\", "") and storable(text) == text
    assert (text_problems(document) == {}) == is_fine


def test_deep_documents_are_searched() -> None:
    document: Any = "\0"
    for _ in range(10_000):
        document = [document]
    (path,) = text_problems(document)
    assert path.count(".") == 9_999


def test_a_refusal_names_some_of_many_fields() -> None:
    with pytest.raises(UserError) as caught:
        require_storable({"list": ["\0"] * 1000})
    assert caught.value.validation_errors is not None
    assert 1 <= len(caught.value.validation_errors) <= 100


def test_what_broke_a_task_is_told_whatever_it_said() -> None:
    # names of files, and what programs print, hold such characters
    assert OutputError(message="no \0 and \udcff", code="x").message == "no \ufffd and \ufffd"
