# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest

from debusine.artifacts.kinds.source_package import SourcePackage
from debusine.artifacts.kinds.upload import Upload
from debusine.domain.category import CollectionCategory
from debusine.tasks import (
    TaskConfigError,
    ensure_artifact_categories,
    ensure_collection_category,
)


@pytest.mark.parametrize(
    ("message", "original", "expected"),
    [
        ("bad", None, "bad"),
        ("bad", ValueError("why"), "bad (Original exception: why)"),
        (None, ValueError("why"), "why"),
    ],
)
def test_text(message: str | None, original: Exception | None, expected: str) -> None:
    error = TaskConfigError(message, original)
    assert str(error) == expected
    assert error.original_exception is original


def test_parent_messages_stand_in_front() -> None:
    error = TaskConfigError(None, ValueError("why"))
    error.add_parent_message("inner")
    error.add_parent_message("outer")
    assert str(error) == "outer: inner (Original exception: why)"


def test_artifact_categories() -> None:
    expected = [Upload.category, SourcePackage.category]
    for category in expected:
        ensure_artifact_categories(configuration_key="input", category=category, expected=expected)
    with pytest.raises(TaskConfigError) as caught:
        ensure_artifact_categories(
            configuration_key="input", category="debian:lintian", expected=expected
        )
    assert str(caught.value) == (
        "input: unexpected artifact category: 'debian:lintian'."
        " Valid categories: ['debian:source-package', 'debian:upload']"
    )


def test_collection_category() -> None:
    suite = CollectionCategory("debian:suite")
    ensure_collection_category(configuration_key="target", category="debian:suite", expected=suite)
    with pytest.raises(TaskConfigError, match=r"target: .*'debian:archive'.*'debian:suite'"):
        ensure_collection_category(
            configuration_key="target", category="debian:archive", expected=suite
        )


def test_what_has_no_place_has_no_place_in_the_message() -> None:
    suite = CollectionCategory("debian:suite")
    for check, expected in (
        (ensure_artifact_categories, [Upload.category]),
        (ensure_collection_category, suite),
    ):
        with pytest.raises(TaskConfigError, match=r"^unexpected "):
            check(configuration_key="", category="debian:lintian", expected=expected)  # type: ignore[operator]  # either
