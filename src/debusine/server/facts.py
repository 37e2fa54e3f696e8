# SPDX-License-Identifier: GPL-3.0-or-later
"""
Where the facts stand that conditions are about: one table of columns for each kind of row.

The same path is followed on a loaded row and used in SQL, so that both say the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, assert_never

from django.db.models import Model, Q

from debusine.db.models import (
    Artifact,
    Collection,
    Group,
    Scope,
    User,
    WorkRequest,
    Workspace,
)
from debusine.domain.condition import Absent, AllOf, Among, AnyOf, Condition, Negated, holds

_IN_WORKSPACE = {
    "workspace": "workspace_id",
    "workspace_public": "workspace__public",
    "scope": "workspace__scope_id",
    "scope_public": "workspace__scope__public",
}
_COLUMNS: Mapping[type[Model], Mapping[str, str]] = {
    Scope: {"scope": "pk", "scope_public": "public"},
    Workspace: {
        "workspace": "pk",
        "workspace_public": "public",
        "scope": "scope_id",
        "scope_public": "scope__public",
    },
    Group: {
        "group": "pk",
        "group_system": "system",
        **_IN_WORKSPACE,
        "scope": "scope_id",
        "scope_public": "scope__public",
    },
    User: {"user": "pk"},
    Artifact: {"artifact": "pk", "made_by": "created_by_work_request_id", **_IN_WORKSPACE},
    Collection: {"collection": "pk", "category": "category", **_IN_WORKSPACE},
    WorkRequest: {"work_request": "pk", "created_by": "created_by_id", **_IN_WORKSPACE},
}


def holds_for(condition: Condition, row: Model) -> bool:
    """
    Decide about a row; asks the database only for related rows that are not loaded.

    :param row: of a kind that has the facts of the condition
    """
    columns = _COLUMNS[type(row)]

    def fact(name: str) -> object:
        value: Any = row
        for step in columns[name].split("__"):
            value = None if value is None else getattr(value, step)
        return value

    return holds(condition, fact)


def in_sql(condition: Condition, model: type[Model], *, prefix: str = "") -> Q:
    """
    Write a condition on rows of a kind.

    :param model: that has the facts of the condition
    :param prefix: path from the rows that are asked for to those of ``model``, such as
        ``workspace__``
    """
    columns = _COLUMNS[model]
    match condition:
        case Among():
            values = sorted(condition.values, key=str)
            return Q(**{f"{prefix}{columns[condition.fact]}__in": values})
        case Absent():
            return Q(**{f"{prefix}{columns[condition.fact]}__isnull": True})
        case AllOf():
            found = Q()
            for part in condition.parts:
                found &= in_sql(part, model, prefix=prefix)
            return found
        case AnyOf() if not condition.parts:
            return Q(**{f"{prefix}pk__in": []})
        case AnyOf():
            found = Q()
            for part in condition.parts:
                found |= in_sql(part, model, prefix=prefix)
            return found
        case Negated():
            return ~in_sql(condition.part, model, prefix=prefix)
        case _:
            assert_never(condition)
