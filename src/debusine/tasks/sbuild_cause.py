# SPDX-License-Identifier: GPL-3.0-or-later
"""Why a build failed, in words for people, as the log of sbuild tells."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from debusine.artifacts.dose import ConflictReason, DoseReport, MissingReason
from debusine.domain.result import Cause
from debusine.util.apt_sources import hide_logins
from debusine.util.terminal import tame

UNINSTALLABLE_STAGES = frozenset({"install-deps", "explain-bd-uninstallable"})

MAX_TEXT_CHARS = 500
_MAX_DETAILS = 3
# what a package prints long before its end, such as a test of a full disk, is no cause
_END_LINES = 60
_DUMMY = "sbuild-build-depends-"

# stages in which the package's own code or declarations decide
_BUILD_STAGES = frozenset({"build", "dpkg-buildpackage"})
_SOURCE_STAGES = frozenset({"arch-check", "check-unpacked-version", "parse-changes", "unpack"})

_NETWORK = re.compile(
    r"^E: (?:Failed|Unable) to fetch |Temporary failure resolving|Could not connect to",
    re.MULTILINE,
)
_UNTRUSTED = re.compile(r"^E: The repository '(.+)' is (?:not|no longer) signed\.", re.MULTILINE)
_SIGNATURE = re.compile(r"^(?:W|E): GPG error: .+?: (The .*|.*signature.*)$", re.MULTILINE)
DISK_FULL = re.compile(
    r"No space left on device|Disk quota exceeded|You don't have enough free space"
    r"|Disk space is probably not sufficient"
)
_MEMORY = re.compile(
    r"virtual memory exhausted|Cannot allocate memory|LLVM ERROR: out of memory"
    r"|Killed signal terminated program|(?:terminated with signal 9|error: Killed)\b"
    r"|Killed \(program \w+\)|java\.lang\.OutOfMemoryError"
)
_HELPER = re.compile(r"^(dh_\w+|dh): error: (.*)$", re.MULTILINE)
_TARGET = re.compile(
    r"^make: \*\*\* \[(?:debian/rules(?::\d+)?: )?([^\]\n]+)\] (.*)$", re.MULTILINE
)
_UNMET = "The following packages have unmet dependencies:"
_BUILD_END = re.compile(r"^-{80}\nBuild finished at ", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """
    Why a build failed.

    :param message: one line for people; holds nothing that steers a terminal
    """

    cause: Cause
    message: str


def explain_failure(fail_stage: str | None, log: str, dose: DoseReport | None) -> Explanation:
    """
    Say why a build failed.

    :param fail_stage: where sbuild stopped; None if it does not say
    :param log: the end of its log; empty if there is none
    :param dose: why build dependencies could not be installed, if that is known
    """
    return explanation(*_explain(fail_stage, log, dose))


def explanation(cause: Cause, message: str) -> Explanation:
    """Make a message fit for people: one line, not too long, without passwords."""
    line = " ".join(hide_logins(tame(message)).split())
    if len(line) > MAX_TEXT_CHARS:
        line = f"{line[: MAX_TEXT_CHARS - 3]}..."
    return Explanation(cause=cause, message=line)


def _explain(fail_stage: str | None, log: str, dose: DoseReport | None) -> tuple[Cause, str]:
    if fail_stage in _BUILD_STAGES:
        return _explain_build(log)
    if fail_stage == "check-space" or DISK_FULL.search(log):
        return Cause.OUT_OF_DISK_SPACE, f"the worker's disk is full ({fail_stage})"
    if fail_stage in _SOURCE_STAGES:
        return _explain_source(fail_stage)
    if found := explain_archive(log):
        return found
    if fail_stage in UNINSTALLABLE_STAGES:
        details = "; ".join(_uninstallable(log, dose))
        text = "build dependencies cannot be installed"
        return Cause.DEPENDENCIES_UNMET, f"{text}: {details}" if details else text
    where = f"at {fail_stage}" if fail_stage else "before it could say where"
    return Cause.WORKER_FAILED, f"sbuild stopped {where}, outside of the package's own build"


def _explain_build(log: str) -> tuple[Cause, str]:
    """Tell a worker that has run full from a package that fails."""
    built = log[: end.start()] if (end := _last(_BUILD_END, log)) else log
    tail = "\n".join(built.split("\n")[-_END_LINES:])
    if DISK_FULL.search(tail):
        return Cause.OUT_OF_DISK_SPACE, "the worker's disk became full during the build"
    if _MEMORY.search(tail):
        return Cause.OUT_OF_MEMORY, "the worker's memory did not suffice for the build"
    text = "the package's own build failed"
    if helper := _last(_HELPER, tail):
        return Cause.BUILD_FAILED, f"{text} in {helper[1]}: {helper[2]}"
    if target := _last(_TARGET, tail):
        return Cause.BUILD_FAILED, f"{text} in target {target[1]} of debian/rules: {target[2]}"
    return Cause.BUILD_FAILED, text


def explain_archive(log: str) -> tuple[Cause, str] | None:
    """
    Tell an archive that APT does not believe from one that it cannot read.

    :returns: None if APT says neither
    """
    if untrusted := _UNTRUSTED.search(log):
        said = f": {why[1]}" if (why := _SIGNATURE.search(log)) else ""
        text = f"{untrusted[1]} is not signed by a key that the build was given for it{said}"
        return Cause.ARCHIVE_UNTRUSTED, text
    if trouble := _NETWORK.search(log):
        line = _line_around(log, trouble.start())
        return Cause.NETWORK_FAILED, f"a mirror did not answer as it should: {line}"
    return None


def _explain_source(fail_stage: str) -> tuple[Cause, str]:
    match fail_stage:
        case "arch-check":
            return Cause.NOT_FOR_ARCHITECTURE, "the package is not for this architecture"
        case "parse-changes":
            return Cause.BUILD_FAILED, "the build left no usable .changes file"
        case _:
            return Cause.SOURCE_UNUSABLE, "the source package cannot be unpacked"


def _uninstallable(log: str, dose: DoseReport | None) -> list[str]:
    """Say what is missing or in conflict; dose knows the root of it, APT the next link."""
    found = list(_dose_reasons(dose)) if dose else []
    if not found:
        found = [line.removeprefix("Depends: ") for line in apt_reasons(log)]
    kept = list(dict.fromkeys(found))
    more = len(kept) - _MAX_DETAILS
    return [*kept[:_MAX_DETAILS], *([f"and {more} more"] if more > 0 else [])]


def _dose_reasons(dose: DoseReport) -> Iterator[str]:
    for package in dose.report:
        for reason in package.reasons:
            match reason:
                case MissingReason(missing=missing):
                    pkg = missing.pkg
                    needs = "" if _DUMMY in pkg.package else f", which {pkg.package} needs"
                    yield f"{pkg.unsat_dependency} is not available{needs}"
                case ConflictReason(conflict=conflict):
                    one, other = conflict.pkg1, conflict.pkg2
                    yield f"{one.package} conflicts with {other.package} {other.version}"


def apt_reasons(log: str) -> Iterator[str]:
    """Say what APT last found missing or in conflict."""
    _, _, rest = log.rpartition(_UNMET)
    for line in rest.splitlines()[1:]:
        if not line.startswith(" "):
            break
        package, separator, reason = line.strip().partition(" : ")
        if not separator:
            yield package
        elif _DUMMY in package:
            yield reason.strip()
        else:
            yield f"{package}: {reason.strip()}"


def _line_around(text: str, position: int) -> str:
    start = text.rfind("\n", 0, position) + 1
    return text[start:].partition("\n")[0][:MAX_TEXT_CHARS]


def _last(pattern: re.Pattern[str], text: str) -> re.Match[str] | None:
    found = None
    for found in pattern.finditer(text):  # noqa: B007  the last one is what we want
        pass
    return found
