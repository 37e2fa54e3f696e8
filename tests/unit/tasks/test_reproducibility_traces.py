# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from debusine.artifacts.kinds.reproducibility import VariationRecord
from debusine.domain.reproducibility import Trace, Variation
from debusine.errors import UserError
from debusine.tasks.reproducibility_traces import Difference, likely_causes, read_report
from debusine.tasks.reproducibility_variations import Plan

PLAN = Plan(
    records=[
        VariationRecord(
            name=Variation.PATH, applied=True, first="/build/one-x/one", second="/build/second"
        ),
        VariationRecord(name=Variation.HOST, applied=True, second="localhost"),
        VariationRecord(name=Variation.USER, applied=True, second="second-builder"),
        VariationRecord(name=Variation.TIMEZONE, applied=True, second="GMT-14"),
        VariationRecord(name=Variation.UMASK, applied=True, second="0002"),
    ]
)
FILE = "root (0) root (0) 0 2026-01-01 00:00:00.000000 ./usr/share/doc/file"


def causes(diff: str, plan: Plan = PLAN) -> list[str]:
    inner = Difference(unified_diff=f"@@ -1 +1 @@\n{diff}")
    return list(likely_causes(Difference(details=[Difference(details=[inner])]), plan))


@pytest.mark.parametrize(
    ("diff", "expected"),
    [
        ("-built in x\n+built in /build/second/one-1.0", ["path"]),
        ("-built in /build/one-x/one\n+built elsewhere", ["path"]),
        ("-on sbuild\n+on localhost", ["host"]),
        ("-see localhost a\n+see localhost b", []),
        ("-by me\n+by second-builder", ["user"]),
        ("-by me\n+by second-builders", []),
        (
            "-Mon Nov 23 06:18:21 UTC 2026\n+Mon Nov 23 20:20:11 GMT 2026",
            ["timezone", "clock"],
        ),
        ("-at 2026-11-23 06:18\n+at 2026-11-24 06:19", ["clock"]),
        ("-1795414000\n+1795415000", ["clock"]),
        ("-release of 2026-11-23\n+something else", []),
        (f"--rw-r--r-- {FILE}\n+-rw-rw-r-- {FILE}", ["umask"]),
        (f"--rw-r--r-- {FILE}\n+-rw-rw-r-- {FILE}2", []),
        ("-b\n-a\n+a\n+b", ["order"]),
        ("-a\n+b", []),
        (" nothing changed", []),
    ],
)
def test_a_difference_tells_where_it_comes_from(diff: str, expected: list[str]) -> None:
    assert causes(diff) == expected


def test_what_was_not_varied_is_no_cause() -> None:
    unvaried = VariationRecord(name=Variation.HOST, applied=False, reason="none")
    assert causes("-a\n+localhost", Plan(records=[unvaried])) == []


def test_headers_of_a_difference_do_not_count() -> None:
    assert causes("--- one\n+++ /build/second/one\n-b\n-a\n+a\n+b") == [Trace.ORDER]


def test_a_report_is_read(tmp_path: Path) -> None:
    report = tmp_path / "a.deb.json"
    details = [{"unified_diff": "-a\n+second-builder", "source1": "x", "comments": []}]
    report.write_text(json.dumps({"diffoscope-json-version": 1, "details": details}))
    assert likely_causes(read_report(report), PLAN) == [Variation.USER]


@pytest.mark.parametrize(
    "content", ["", "[]", '{"details": 5}', '{"details": [' * 5000 + "]}" * 5000]
)
def test_what_is_no_report_is_refused(tmp_path: Path, content: Any) -> None:
    report = tmp_path / "a.deb.json"
    report.write_text(content)
    with pytest.raises(UserError, match=r"a\.deb\.json is no report of diffoscope"):
        read_report(report)
