# SPDX-License-Identifier: GPL-3.0-or-later
"""Why piuparts failed, in words for people, as its report tells."""

from __future__ import annotations

import re

from debusine.domain.result import Cause
from debusine.tasks.sbuild_cause import DISK_FULL, explain_archive, explanation
from debusine.wire.work_request import OutputError

# what the command said is indented below it
_COMMAND = re.compile(
    r"^\S+ ERROR: Command failed \(status=(?P<status>-?\d+)\): \[(?P<words>.*)\]\n"
    r"(?P<said>(?:  .*(?:\n|\Z))*)",
    re.MULTILINE,
)
_VERDICT = re.compile(r"^\S+ ERROR: (?P<text>FAIL: .*)$", re.MULTILINE)
_WORD = re.compile(r"'([^']*)'")


def explain_failure(report: str) -> OutputError:
    """
    Say why piuparts failed.

    Only what the last command that failed said tells whether the worker is to blame: what a
    package printed before is no cause.

    :param report: what piuparts printed, at least the end of it
    """
    command = None
    for command in _COMMAND.finditer(report):  # noqa: B007  the last one is what we want
        pass
    if command is not None:
        cause, text = _explain_command(command)
    else:
        verdict = _VERDICT.search(report)
        cause = Cause.TESTS_FAILED
        text = f"piuparts: {verdict['text']}" if verdict else "piuparts failed"
    found = explanation(cause, text)
    return OutputError(message=found.message, code=found.cause)


def _explain_command(command: re.Match[str]) -> tuple[Cause, str]:
    said = command["said"].replace("\n  ", "\n").removeprefix("  ")
    if DISK_FULL.search(said):
        return Cause.OUT_OF_DISK_SPACE, "the system in which piuparts tests has run full"
    if found := explain_archive(said):
        return found
    words = _WORD.findall(command["words"])
    if words[:1] == ["chroot"]:
        # and where that is
        words = words[2:]
    return Cause.TESTS_FAILED, f"piuparts: {' '.join(words)} failed (status {command['status']})"
