# SPDX-License-Identifier: GPL-3.0-or-later
"""The log of a work request as plain bytes: an addition of ours to the API."""

from __future__ import annotations

from collections.abc import Iterator

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from ninja import Router

from debusine.api.request import api_request
from debusine.domain.permission import MAX_ID
from debusine.errors import NotFoundError, UserError
from debusine.server.views.attempt import find_attempt, open_log
from debusine.server.views.work_request import find_work_request

router = Router()

OFFSET_HEADER = "X-Debusine-Log-Offset"
SIZE_HEADER = "X-Debusine-Log-Size"
ATTEMPT_HEADER = "X-Debusine-Log-Attempt"
COMPLETE_HEADER = "X-Debusine-Log-Complete"


@router.get(
    "/work-request/{int:work_request_id}/log/",
    openapi_extra={"responses": {200: {"content": {"text/plain": {"schema": {"type": "string"}}}}}},
)
def read_log(
    request: HttpRequest, work_request_id: int, offset: int = 0, attempt: int | None = None
) -> HttpResponseBase:
    """
    Read the log of an attempt from an offset up to where it ends now.

    :param offset: in bytes; at the end, the answer is empty
    :param attempt: its number; the latest one unless given
    :raises NotFoundError: if there is no attempt yet
    :raises UserError: if the offset lies beyond the end
    """
    asked = api_request(request)
    found = find_work_request(asked.actor, work_request_id, scope=asked.scope_row)
    row = find_attempt(found.pk, number=attempt)
    if row is None:
        raise NotFoundError("Log not found", details="The work request has not run yet.")
    log = open_log(row)
    size = log.size()
    if not 0 <= offset <= min(size, MAX_ID):
        raise UserError("Cannot read log", details=f"offset {offset} is not within 0 to {size}")
    pieces: Iterator[bytes] = log.read_bytes(offset, size)
    response = (
        StreamingHttpResponse(pieces, content_type="text/plain; charset=utf-8")
        if size > offset
        else HttpResponse(b"", content_type="text/plain; charset=utf-8")
    )
    response[OFFSET_HEADER] = str(offset)
    response[SIZE_HEADER] = str(size)
    response[ATTEMPT_HEADER] = str(row.number)
    response[COMPLETE_HEADER] = "true" if row.ended_at is not None else "false"
    response["X-Content-Type-Options"] = "nosniff"
    return response
