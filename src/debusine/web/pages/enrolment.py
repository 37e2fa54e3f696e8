# SPDX-License-Identifier: GPL-3.0-or-later
"""Let a client in that waits for it, or send it away."""

from __future__ import annotations

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import path
from django.views.decorators.http import require_http_methods

from debusine.errors import UserError
from debusine.server.access import scope_by_name
from debusine.server.actions.decide_enrolment import decide_enrolment, find_enrolment
from debusine.web.app import actor_of, page, show
from debusine.wire.enrolment import EnrolmentOutcome


@require_http_methods(["GET", "HEAD", "POST"])
@page
def confirm(request: HttpRequest, nonce: str) -> HttpResponseBase:
    """
    Show who waits, and take the decision.

    :raises UserError: if the form says neither yes nor no
    """
    actor = actor_of(request)
    enrolment = find_enrolment(actor, nonce)
    context = {"enrolment": enrolment, "scope": scope_by_name(enrolment.scope)}
    if request.method != "POST":
        return show(request, "enrolment/confirm.html", context)
    wanted = request.POST.get("outcome", "")
    if wanted not in set(EnrolmentOutcome):
        raise UserError("Say whether the client may come in", details=f"outcome: {wanted!r:.20}")
    outcome = EnrolmentOutcome(wanted)
    decide_enrolment(actor, enrolment=enrolment, outcome=outcome)
    is_in = outcome is EnrolmentOutcome.CONFIRM
    return show(request, "enrolment/decided.html", {**context, "is_in": is_in})


# clients print the address without its slash
urls = [path(f"-/enroll/confirm/<str:nonce>{slash}", confirm) for slash in ("/", "")]
