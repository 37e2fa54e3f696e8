# SPDX-License-Identifier: GPL-3.0-or-later
"""Pieces that templates use: the badge of a state, sizes, the path of a request."""

from __future__ import annotations

from dataclasses import dataclass

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

from debusine.db.models import Artifact, WorkRequest
from debusine.domain.result import WorkRequestResults
from debusine.domain.work_request import WorkRequestStatus
from debusine.server.views.artifact import artifact_path as path_of_artifact
from debusine.server.views.work_request import page_path

register = template.Library()
_STEP = 1024


@dataclass(frozen=True, kw_only=True, slots=True)
class Look:
    """How a state looks: every one has a word and a shape, not only a colour."""

    word: str
    shape: str
    style: str


_BY_STATUS = {
    WorkRequestStatus.BLOCKED: Look(word="Blocked", shape="⏸", style="quiet"),
    WorkRequestStatus.PENDING: Look(word="Pending", shape="…", style="quiet"),
    WorkRequestStatus.RUNNING: Look(word="Running", shape="▶", style="active"),
    WorkRequestStatus.ABORTED: Look(word="Aborted", shape="■", style="quiet"),
}
_BY_RESULT = {
    WorkRequestResults.SUCCESS: Look(word="Success", shape="✔", style="good"),
    WorkRequestResults.FAILURE: Look(word="Failure", shape="✘", style="bad"),
    WorkRequestResults.TEMPORARY_FAILURE: Look(word="Temporary failure", shape="↻", style="bad"),
    WorkRequestResults.ERROR: Look(word="Error", shape="⚠", style="bad"),
    WorkRequestResults.SKIPPED: Look(word="Skipped", shape="↷", style="quiet"),
    WorkRequestResults.NONE: Look(word="Completed", shape="●", style="quiet"),
}


def look(status: str, result: str) -> Look:
    """
    How a request looks.

    >>> look("completed", "success").word
    'Success'
    """
    known = _BY_STATUS.get(WorkRequestStatus(status))
    return known or _BY_RESULT[WorkRequestResults(result)]


@register.simple_tag
def badge(request: WorkRequest) -> SafeString:
    """Badge of a work request."""
    shown = look(request.status, request.result)
    return format_html(
        '<span class="badge {}"><span aria-hidden="true">{}</span> {}</span>',
        shown.style,
        shown.shape,
        shown.word,
    )


@register.filter
def human_size(size_bytes: int) -> str:
    """
    A size for people.

    >>> human_size(512), human_size(1536), human_size(5 * 2**30)
    ('512 B', '1.5 KiB', '5.0 GiB')
    """
    value = float(size_bytes)
    if value < _STEP:
        return f"{size_bytes} B"
    for unit in ("KiB", "MiB", "GiB"):
        value /= _STEP
        if value < _STEP:
            return f"{value:.1f} {unit}"
    return f"{value / _STEP:.1f} TiB"


@register.filter
def work_request_url(request: WorkRequest) -> str:
    """Path of a work request's page."""
    return page_path(request)


@register.filter
def artifact_url(artifact: Artifact) -> str:
    """Path of an artifact's page."""
    return path_of_artifact(artifact)
