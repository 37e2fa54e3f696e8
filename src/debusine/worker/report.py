# SPDX-License-Identifier: GPL-3.0-or-later
"""Results on their way to the server, on disk until it has them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import structlog
from pydantic import BaseModel, ConfigDict, ValidationError

from debusine.util.files import write_atomically, write_soon
from debusine.wire.work_request import WorkRequestCompleted

log = structlog.get_logger(__name__)


class PendingReport(BaseModel):
    """A result, and all that is needed to deliver it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    api_url: str
    work_request_id: int
    scope: str
    token: str
    report: WorkRequestCompleted


class ReportBox:
    """
    Keeps reports until they are delivered, also when the agent is started anew.

    :param directory: made when it is needed; its files are for the agent only
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def keep(self, pending: PendingReport, *, for_long: bool = False) -> None:
        """
        Store a report; a disk that is full only costs the safety net.

        :param for_long: whether it may outlive this machine's run; takes as long as the disk does
        """
        write = write_atomically if for_long else write_soon
        try:
            self._directory.mkdir(mode=0o700, exist_ok=True)
            write(
                self._path(pending), pending.model_dump_json(exclude_none=True).encode(), mode=0o600
            )
        except OSError as error:
            log.warning("report-not-stored", problem=str(error))

    def forget(self, pending: PendingReport) -> None:
        """Delete a report that was delivered, or that nobody wants."""
        with contextlib.suppress(OSError):
            self._path(pending).unlink(missing_ok=True)

    def pending(self, api_url: str) -> Iterator[PendingReport]:
        """The reports for a server; those that cannot be read are deleted."""
        for path in sorted(self._directory.glob("*.json")):
            try:
                report = PendingReport.model_validate_json(path.read_bytes())
            except FileNotFoundError:
                continue
            except (OSError, ValidationError) as error:
                log.warning("report-not-readable", path=str(path), problem=str(error))
                path.unlink(missing_ok=True)
                continue
            if report.api_url == api_url:
                yield report

    def _path(self, pending: PendingReport) -> Path:
        return self._directory / f"{pending.work_request_id}-{pending.token[:8]}.json"
