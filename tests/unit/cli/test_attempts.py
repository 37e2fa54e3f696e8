# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from datetime import UTC, datetime

from debusine.cli.commands.work_request import rows_of_attempt
from debusine.wire.attempt import AttemptRecord

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def test_an_attempt_says_why_it_failed_and_what_came_next() -> None:
    attempt = AttemptRecord(
        number=2,
        worker="w1",
        started_at=NOW,
        outcome="failure",
        reason="a mirror did not answer\nlate report",
        next_step="tried again in 30 seconds",
    )
    assert rows_of_attempt(attempt) == [
        ("2", "w1", "failure", "a mirror did not answer"),
        ("", "", "", "late report"),
        ("", "", "", "tried again in 30 seconds"),
    ]


def test_an_attempt_that_went_well_needs_no_words() -> None:
    assert rows_of_attempt(AttemptRecord(number=1, started_at=NOW, outcome="success")) == []
