# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest

from debusine.artifacts import base
from debusine.artifacts.base import all_kinds, check_data, describe, kind_for
from debusine.errors import UserError


def test_every_kind_has_a_category_a_title_and_a_data_model() -> None:
    for category, kind in all_kinds().items():
        assert kind.category == category
        assert kind.title
        assert issubclass(kind.data_type, base.ArtifactData)


def test_kind_for_unknown_category_names_it_and_the_known_ones() -> None:
    with pytest.raises(UserError) as caught:
        kind_for("debian:nonsense")
    assert caught.value.validation_errors == {"category": ["debian:nonsense: invalid category"]}
    assert "debian:nonsense" in caught.value.brief
    assert "debusine:test" in (caught.value.details or "")


def test_check_data_refuses_unknown_keys_with_their_path() -> None:
    with pytest.raises(UserError) as caught:
        check_data("debusine:test", {"colour": "red"})
    assert caught.value.validation_errors == {"data.colour": ["Extra inputs are not permitted"]}


def test_check_data_keeps_only_what_was_given() -> None:
    assert check_data("debusine:test", {}) == {}


def test_describe_falls_back_to_the_category() -> None:
    assert describe("debian:gone", {}) == "debian:gone"
    assert describe("debusine:test", {"colour": "red"}) == "debusine:test"
    assert describe("debusine:work-request-debug-logs", {}) == "debug logs"
