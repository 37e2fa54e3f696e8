# SPDX-License-Identifier: GPL-3.0-or-later
"""Run the reactions that a finished request asks for; each kind is a file in ``reactions``."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import structlog
from django.db import transaction

from debusine.db.models import WorkRequest
from debusine.domain.result import WorkRequestResults
from debusine.server.reactions.record_in_task_history import may_be_recorded
from debusine.tasks.reactions import RecordInTaskHistory, SendNotification
from debusine.util.discovery import load_all

log = structlog.get_logger(__name__)

Reaction = Callable[..., None]
_NOTIFY = SendNotification.model_fields["action"].default
_RECORD = RecordInTaskHistory().export()


def react_to(request: WorkRequest, *, now: datetime) -> None:
    """
    Run the reactions to success or failure, within the transaction of the result.

    One that fails is undone by itself and logged; the result stands.
    """
    event = "on_success" if request.result == WorkRequestResults.SUCCESS else "on_failure"
    reactions = list(request.event_reactions.get(event, []))
    is_said = any(wanted.get("action") == _RECORD["action"] for wanted in reactions)
    # every run is remembered, last of all, unless somebody has said how
    if not is_said and may_be_recorded(request):
        reactions.append(_RECORD)
    for wanted in reactions:
        if wanted.get("action") == _NOTIFY:
            # whoever delivers events does it, after the commit
            continue
        reaction = _find(wanted.get("action"))
        if reaction is None:
            log.warning("reaction-unknown", work_request=request.pk, action=wanted.get("action"))
            continue
        try:
            with transaction.atomic():
                reaction(request, wanted, now=now)
        except Exception as error:
            log.exception(
                "reaction-failed",
                work_request=request.pk,
                action=wanted.get("action"),
                error=str(error),
            )


def _find(name: Any) -> Reaction | None:
    """The function of a reaction; its module is named like it, with underscores."""
    for module in load_all("debusine.server.reactions"):
        if getattr(module, "ACTION", None) == name:
            found: Reaction = module.react
            return found
    return None
