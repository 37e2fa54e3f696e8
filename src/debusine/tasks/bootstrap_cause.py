# SPDX-License-Identifier: GPL-3.0-or-later
"""Why a system could not be made, as the output of mmdebstrap and its like tells."""

from __future__ import annotations

import re
from pathlib import Path

from debusine.domain.result import Cause
from debusine.tasks.sbuild_cause import (
    DISK_FULL,
    Explanation,
    apt_reasons,
    explain_archive,
    explanation,
)

_Found = tuple[Cause, str] | None

LOG_BYTES = 256 * 1024
"""How much of the end of the log is looked at."""

_SCRIPT = re.compile(r"^E: .*command failed: .*/customization_script", re.MULTILINE)
_NO_PACKAGE = re.compile(
    r"^E: (?:Unable to locate package (?P<missing>\S+)"
    r"|Package '(?P<virtual>\S+)' has no installation candidate"
    r"|Version '\S+' for '(?P<version>\S+)' was not found)$",
    re.MULTILINE,
)
_NO_RELEASE = re.compile(r"^E: The repository '(.+)' does not have a Release file\.", re.MULTILINE)
_OLD_RELEASE = re.compile(
    r"^E: (Release file for .+? is (?:expired|not valid yet).*)", re.MULTILINE
)
_MAPPING = re.compile(
    r"newuidmap|newgidmap|unable to pick chroot mode|unshare\(.*failed|mount .*failed",
    re.IGNORECASE,
)
_ERROR = re.compile(r"^E: (?!mmdebstrap failed to run)(.+)$", re.MULTILINE)


def explain_bootstrap(program: str, log: str) -> Explanation:
    """
    Say why a system could not be made.

    Trouble with mirror, disk or worker is told from what the submitter can mend.

    :param program: that made it
    :param log: the end of its output
    """
    for attempt in (_disk, _script, _archive, _packages, _worker):
        if (found := attempt(log)) is not None:
            return explanation(*found)
    first = _ERROR.search(log)
    said = f": {first[1]}" if first else ""
    return explanation(Cause.BUILD_FAILED, f"{program} could not make the system{said}")


def _disk(log: str) -> _Found:
    if DISK_FULL.search(log) is None:
        return None
    return Cause.OUT_OF_DISK_SPACE, "the worker's disk became full while the system was made"


def _script(log: str) -> _Found:
    if _SCRIPT.search(log) is None:
        return None
    return Cause.BUILD_FAILED, "the customization script failed"


def _archive(log: str) -> _Found:
    if missing := _NO_RELEASE.search(log):
        return Cause.ARCHIVE_UNTRUSTED, f"there is no Release file for {missing[1]}"
    if old := _OLD_RELEASE.search(log):
        return Cause.ARCHIVE_UNTRUSTED, old[1]
    return explain_archive(log)


def _packages(log: str) -> _Found:
    names = [next(filter(None, found)) for found in _NO_PACKAGE.findall(log)]
    if names:
        return Cause.DEPENDENCIES_UNMET, f"there is no package {', '.join(dict.fromkeys(names))}"
    if reasons := list(apt_reasons(log)):
        text = "; ".join(dict.fromkeys(reasons))
        return Cause.DEPENDENCIES_UNMET, f"packages cannot be installed: {text}"
    return None


def _worker(log: str) -> _Found:
    if found := _MAPPING.search(log):
        line = log[log.rfind("\n", 0, found.start()) + 1 :].partition("\n")[0]
        return Cause.WORKER_FAILED, f"user namespaces do not work on the worker: {line}"
    return None


def end_of(path: Path) -> str:
    """Read the end of a log; empty if there is none."""
    if not path.is_file():
        return ""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - LOG_BYTES))
        return file.read(LOG_BYTES).decode(errors="replace")
