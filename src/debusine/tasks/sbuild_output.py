# SPDX-License-Identifier: GPL-3.0-or-later
"""What sbuild leaves behind: the verdict in its log, and files that must fit together."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import yaml
from pydantic import ValidationError

from debusine.artifacts.checksums import digest_file
from debusine.artifacts.deb822 import ListedFile, read_changes, read_dsc
from debusine.artifacts.dose import DoseReport
from debusine.domain.result import Blame, Cause, WorkRequestResults
from debusine.tasks.sbuild_cause import UNINSTALLABLE_STAGES, Explanation, explain_failure

SUCCESSFUL = "successful"
_SUMMARY_BYTES = 64 * 1024
_EXPLANATION_BYTES = 8 * 1024 * 1024
# words of sbuild's own check
_NOT_IN_LIST = re.compile(r"dsc: (\S+) not in arch list or .* wildcards: (.+?) -- skipping")
_DOSE_START = "(I)Dose_applications: Solving..."
_DOSE_END = "+----"
_CONTROL_SUFFIXES = (".dsc", ".changes", ".build")


@dataclass(frozen=True, slots=True, kw_only=True)
class SbuildVerdict:
    """
    How a build ended.

    :param status: sbuild's word, such as ``successful`` or ``attempted``; None if its
        log does not say
    :param fail_stage: where it stopped, such as ``build``; None if it did not
    :param explanation: why it failed; None on success
    """

    result: WorkRequestResults
    status: str | None
    fail_stage: str | None
    explanation: Explanation | None

    @property
    def blame(self) -> Blame | None:
        """Whose fault it is; None on success."""
        return None if self.explanation is None else self.explanation.cause.blame

    @property
    def is_uninstallable(self) -> bool:
        """Whether the build dependencies could not be installed."""
        return self.fail_stage in UNINSTALLABLE_STAGES

    def explain(self, returncode: int | None) -> list[str]:
        """Say for a log how it ended."""
        return [
            f"sbuild: exit status {returncode}, status {self.status or 'unknown'}",
            f"stopped at: {self.fail_stage or 'unknown'}",
            f"to blame: {self.blame.value if self.blame else 'unknown'}",
            *([self.explanation.message] if self.explanation else []),
        ]


def find_build_log(directory: Path) -> Path | None:
    """
    Find the log; links that sbuild makes to it do not count.

    :returns: None if there is not exactly one
    """
    found = [path for path in directory.glob("*.build") if path.is_file() and not path.is_symlink()]
    return found[0] if len(found) == 1 else None


def judge(returncode: int | None, log: Path | None) -> SbuildVerdict:
    """
    Say how a build ended.

    :param returncode: of sbuild; None if it was aborted
    :param log: None if there is none
    """
    summary = _tail(log, _SUMMARY_BYTES) if log else ""
    status = _last_field("Status", summary)
    fail_stage = _last_field("Fail-Stage", summary)
    explanation = _explain(returncode, status, fail_stage, log)
    result = WorkRequestResults.FAILURE
    if explanation is None:
        result = WorkRequestResults.SUCCESS
    elif explanation.cause is Cause.OUTPUT_MISSING:
        result = WorkRequestResults.ERROR
    return SbuildVerdict(
        result=result, status=status, fail_stage=fail_stage, explanation=explanation
    )


def _explain(
    returncode: int | None, status: str | None, fail_stage: str | None, log: Path | None
) -> Explanation | None:
    if returncode != 0:
        text = _tail(log, _EXPLANATION_BYTES) if log else ""
        is_uninstallable = log is not None and fail_stage in UNINSTALLABLE_STAGES
        dose = read_dose_report(log) if log and is_uninstallable else None
        return explain_failure(fail_stage, text, dose)
    if log is None:
        # it says that it worked, and there is nothing to show for it
        return Explanation(cause=Cause.OUTPUT_MISSING, message="sbuild left no log")
    if status == SUCCESSFUL:
        return None
    # what sbuild skips, it does not call a failure
    return Explanation(
        cause=Cause.NOT_FOR_ARCHITECTURE, message=_why_nothing(status, _tail(log, _SUMMARY_BYTES))
    )


def _why_nothing(status: str | None, text: str) -> str:
    """Say why sbuild built nothing, and was content with that."""
    found = _NOT_IN_LIST.search(text)
    if found is None:
        return f"sbuild built nothing; the status in its log is {status or 'missing'}"
    return f"the source builds only for Architecture: {found[2]}, not for {found[1]}"


def read_dose_report(log: Path) -> DoseReport | None:
    """
    Find out from a log why build dependencies could not be installed.

    :returns: None if the log does not say so, or not in a form we know
    """
    lines = iter(_tail(log, _EXPLANATION_BYTES).splitlines())
    if _DOSE_START not in lines:
        return None
    report: list[str] = []
    for line in lines:
        if line.startswith(_DOSE_END):
            break
        report.append(line)
    if not report or not report[0].startswith("output-version"):
        return None
    try:
        # dose writes YAML that is not quite YAML; this loader keeps all scalars as text
        parsed = yaml.load("\n".join(report), Loader=getattr(yaml, "CBaseLoader", yaml.BaseLoader))  # noqa: S506  makes nothing but text, lists and dictionaries
        return DoseReport.model_validate(parsed)
    except (yaml.YAMLError, ValidationError):
        return None


def consistency_errors(directory: Path) -> list[str]:
    """
    Check that the files of a build are those its control files list, and the other way round.

    :returns: one line per mismatch, sorted; empty if all is well
    :raises UserError: if a control file is malformed
    """
    claims: dict[str, list[tuple[str, ListedFile]]] = {}
    errors: list[str] = []
    for suffix, read in ((".changes", read_changes), (".dsc", read_dsc)):
        found = sorted(directory.glob(f"*{suffix}"))
        if len(found) > 1:
            names = ", ".join(path.name for path in found)
            errors.append(f"more than one {suffix} file: {names}")
        for path in found[:1]:
            for file in read(path).listed.values():
                # a source upload may lack upstream tarballs, which its .dsc lists
                if suffix != ".dsc" or file.name in claims or (directory / file.name).exists():
                    claims.setdefault(file.name, []).append((path.name, file))
    for name, claimed in claims.items():
        errors += _compare(directory / name, claimed)
    for path in directory.iterdir():
        if path.name not in claims and not path.name.endswith(_CONTROL_SUFFIXES):
            errors.append(f"{path.name} is not referenced by any control file")
    return sorted(errors)


def _compare(path: Path, claims: list[tuple[str, ListedFile]]) -> list[str]:
    """Compare a file, read once, with what control files say about it."""
    if path.is_symlink() or not path.is_file():
        return [f"{claims[0][0]} lists {path.name}, which does not exist"]
    algorithms = {algorithm for _, claim in claims for algorithm in claim.hexdigests}
    actual = digest_file(path, algorithms)
    return [
        f"{source}: {path.name} has {algorithm} {actual.hexdigests[algorithm]} and"
        f" {actual.size_bytes} bytes, expected {expected} and {claim.size_bytes} bytes"
        for source, claim in claims
        for algorithm, expected in claim.hexdigests.items()
        if (actual.hexdigests[algorithm], actual.size_bytes) != (expected, claim.size_bytes)
    ]


def _tail(path: Path, size_bytes: int) -> str:
    """Return the end of a file as text, bytes that are not UTF-8 replaced."""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - size_bytes))
        return file.read(size_bytes).decode(errors="replace")


def _last_field(name: str, text: str) -> str | None:
    """Return the value of the last line that is a field of this name."""
    found = re.findall(rf"^{name}: (.*)$", text, re.MULTILINE)
    return found[-1].strip() if found else None
