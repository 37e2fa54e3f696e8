# SPDX-License-Identifier: GPL-3.0-or-later
"""The collection in which the steps of one workflow give each other what they make."""

from __future__ import annotations

from debusine.domain.category import CollectionCategory

INTERNAL = CollectionCategory("debusine:workflow-internal")
_PREFIX = "workflow-"


def internal_name(root: int) -> str:
    """
    Name of the collection of a workflow.

    :param root: number of its first request

    >>> internal_name(7)
    'workflow-7'
    """
    return f"{_PREFIX}{root}"


def workflow_of(name: str) -> int | None:
    """
    Number of the workflow that a collection of this name belongs to; None if it is of none.

    >>> workflow_of("workflow-7"), workflow_of("mine")
    (7, None)
    """
    number = name.removeprefix(_PREFIX)
    return int(number) if number != name and number.isdecimal() else None
