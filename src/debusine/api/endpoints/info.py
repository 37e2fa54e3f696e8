# SPDX-License-Identifier: GPL-3.0-or-later
"""Who the caller is, and how busy the service is."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from ninja import Router

from debusine.api.answer import answer
from debusine.api.request import api_request
from debusine.server.views.service_status import service_status
from debusine.wire.info import ServiceStatus, WhoAmI

router = Router()


@router.get("/whoami/", response=WhoAmI)
def whoami(request: HttpRequest) -> HttpResponse:
    """Say whom the server takes the caller for."""
    actor = api_request(request).actor
    attempt = actor.attempt
    user = actor.user
    return answer(
        WhoAmI(
            user="<anonymous>" if user is None else user.username,
            auth=user is not None,
            work_request=None if attempt is None else attempt.work_request_id,
            worker=actor.worker is not None,
        )
    )


@router.get("/service-status/", response=ServiceStatus)
def show_service_status(request: HttpRequest) -> HttpResponse:  # noqa: ARG001
    """Count what waits and runs, and who is there to do it."""
    return answer(service_status())
