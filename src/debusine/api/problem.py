# SPDX-License-Identifier: GPL-3.0-or-later
"""Errors as problem documents; the one place where the API renders them."""

from __future__ import annotations

from django.http import HttpResponse

from debusine.errors import DebusineError
from debusine.wire.problem import PROBLEM_CONTENT_TYPE, Problem

INTERNAL_ERROR = 500
# what mends itself, or is mended without the client: an agent must not drop its result
PASSING = frozenset({503, 507})


def problem_response(problem: Problem, status: int) -> HttpResponse:
    """Make an answer of a problem; its content type carries no parameter, clients compare it."""
    return HttpResponse(
        problem.model_dump_json(exclude_none=True),
        status=status,
        content_type=PROBLEM_CONTENT_TYPE,
    )


def error_response(error: DebusineError) -> HttpResponse:
    """
    Render one of our errors.

    Clients crash on keys they do not know, so code and remedy are part of the detail.
    """
    detail = [part for part in (error.details, error.resolution) if part]
    detail.append(f"Error code: {error.code}.")
    # a 5xx makes clients repeat the call, which does not help against bugs
    is_final = error.status >= INTERNAL_ERROR and error.status not in PASSING
    status = 400 if is_final else error.status
    problem = Problem(
        title=error.brief,
        detail="\n".join(detail),
        validation_errors=error.validation_errors,
    )
    return problem_response(problem, status)
