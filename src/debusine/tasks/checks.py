# SPDX-License-Identifier: GPL-3.0-or-later
"""Check that inputs are of the right category."""

from __future__ import annotations

from collections.abc import Collection

from debusine.domain.category import ArtifactCategory, CollectionCategory
from debusine.tasks.errors import TaskConfigError


def ensure_artifact_categories(
    *, configuration_key: str, category: str, expected: Collection[ArtifactCategory]
) -> None:
    """
    Check the category of an artifact.

    :param configuration_key: where the artifact was named, for the message; may be empty
    :param category: what it is
    :param expected: what it may be; the message lists these sorted
    :raises TaskConfigError: if it is none of those expected

    >>> ensure_artifact_categories(
    ...     configuration_key="input.source_artifact",
    ...     category="debian:upload",
    ...     expected=[ArtifactCategory("debian:source-package")],
    ... )
    Traceback (most recent call last):
    ...
    debusine.tasks.errors.TaskConfigError: input.source_artifact: unexpected artifact category: \
'debian:upload'. Valid categories: ['debian:source-package']
    """
    if category not in expected:
        valid = sorted(str(item) for item in expected)
        raise TaskConfigError(
            f"{_at(configuration_key)}unexpected artifact category: '{category}'."
            f" Valid categories: {valid}"
        )


def ensure_collection_category(
    *, configuration_key: str, category: str, expected: CollectionCategory
) -> None:
    """
    Check the category of a collection.

    :param configuration_key: where the collection was named, for the message; may be empty
    :param category: what it is
    :param expected: what it must be
    :raises TaskConfigError: if it is another than expected

    >>> ensure_collection_category(
    ...     configuration_key="suite",
    ...     category="debian:suite",
    ...     expected=CollectionCategory("debian:suite"),
    ... )
    """
    if category != expected:
        raise TaskConfigError(
            f"{_at(configuration_key)}unexpected collection category: '{category}'."
            f" Expected: '{expected}'"
        )


def _at(configuration_key: str) -> str:
    return f"{configuration_key}: " if configuration_key else ""
