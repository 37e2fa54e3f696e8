# SPDX-License-Identifier: GPL-3.0-or-later
"""What came of a build, as a record."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from debusine.cli.pages import Pages
from debusine.cli.verdict import Verdict, first_message, verdict_of
from debusine.domain.result import Blame
from debusine.wire.base import JsonObject
from debusine.wire.work_request import WorkRequest, WorkRequestOutcome


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """
    One thing that was done.

    :param name: ``environment``, ``build``, ``lintian`` or ``reproducibility``
    :param work_request: its number; None if nothing had to be done
    :param page: path of its page, or its address
    :param blame: whose fault it is that it was not successful, if the server says so
    :param remark: one line for people
    :param log: where its log lies on this machine
    """

    name: str
    verdict: Verdict
    duration_s: float | None = None
    work_request: int | None = None
    page: str | None = None
    remark: str = ""
    log: Path | None = None
    blame: Blame | None = None

    def as_json(self, pages: Pages) -> JsonObject:
        """The step for programs; its URL is null if nobody answers there later."""
        return {
            "result": str(self.verdict),
            "work_request": self.work_request,
            "url": pages.url(self.page) if self.page else None,
            "duration_s": self.duration_s,
            "remark": self.remark,
            "blame": str(self.blame) if self.blame else None,
            "log": str(self.log) if self.log else None,
        }


def step_of(
    name: str,
    request: WorkRequest,
    *,
    remark: str = "",
    log: Path | None = None,
    why: WorkRequestOutcome | None = None,
) -> Step:
    """
    Make a step of a work request that is final.

    :param why: why it was not successful; its first message replaces the remark
    """
    duration = request.duration
    if duration is None and request.started_at and request.completed_at:
        duration = (request.completed_at - request.started_at).total_seconds()
    verdict = verdict_of(request)
    blame = why.blame if why else None
    if verdict is Verdict.FAILURE and blame not in (None, Blame.SUBJECT):
        # this says nothing about the package
        verdict = Verdict.ERROR
    return Step(
        name=name,
        verdict=verdict,
        duration_s=duration,
        work_request=request.id,
        page=request.url,
        remark=(first_message(why) if why else None) or remark,
        log=log,
        blame=blame,
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class BuiltFile:
    """A file that was built and brought home."""

    path: Path
    size_bytes: int
    sha256: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """
    All that came of one call.

    :param output: the directory with everything that was brought home
    """

    source: str
    version: str
    suite: str
    architecture: str
    steps: Sequence[Step]
    files: Sequence[BuiltFile] = field(default=())
    output: Path

    @property
    def verdict(self) -> Verdict:
        """That of the build; an error if it could not be tried. No check counts."""
        found = {step.name: step.verdict for step in self.steps}
        return found.get("build", Verdict.ERROR)
