# SPDX-License-Identifier: GPL-3.0-or-later
"""The steps of a build, from the upload of the source to the files at home."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

from debusine.artifacts.files import LocalArtifact
from debusine.cli.building.archives import Archives
from debusine.cli.building.outcome import BuiltFile, Outcome, Step, step_of
from debusine.cli.building.request import BuildRequest, lintian_data
from debusine.cli.building.source import Source
from debusine.cli.follow import RequestPort, watch
from debusine.cli.progress import Screen
from debusine.cli.verdict import Verdict, duration_text, first_message, verdict_of
from debusine.tasks.lintian_list import count_text
from debusine.wire.artifact import ArtifactResponse
from debusine.wire.base import JsonObject
from debusine.wire.environment import EnvironmentAnswer, EnvironmentWanted
from debusine.wire.work_request import (
    ReusedWorkRequest,
    WorkRequest,
    WorkRequestCreate,
    WorkRequestOutcome,
)

UPLOAD = "debian:upload"
BUILD_LOG = "debian:package-build-log"
LINTIAN = "debian:lintian"
REPRODUCIBILITY = "debusine:reproducibility"
DEBUG_LOGS = "debusine:work-request-debug-logs"
# a worker that was just started needs some seconds to say what it can do
GIVE_UP_S = 20.0

_FAIL_STAGE = re.compile(rb"^Fail-Stage: (\S+)", re.MULTILINE)
_TAIL_BYTES = 64 * 1024

Progress = Callable[[int], None]


class BuildPort(RequestPort, Protocol):
    """What a build takes from a client."""

    def artifact_get(self, artifact_id: int) -> ArtifactResponse:
        """Show an artifact."""
        ...

    def upload_artifact(
        self, artifact: LocalArtifact, *, workspace: str | None, progress: Progress | None = None
    ) -> ArtifactResponse:
        """Create an artifact and upload its files."""
        ...

    def download_artifact(
        self, artifact_id: int, destination: Path, *, progress: Progress | None = None
    ) -> ArtifactResponse:
        """Download all files of an artifact."""
        ...

    def work_request_create(self, wanted: WorkRequestCreate) -> ReusedWorkRequest:
        """Ask for work."""
        ...

    def work_request_outcome(self, work_request_id: int) -> WorkRequestOutcome:
        """Say why a work request was not successful."""
        ...

    def environment_ensure(self, workspace: str, wanted: EnvironmentWanted) -> EnvironmentAnswer:
        """Find an environment to build in, or have one made."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Wishes:
    """
    What is to be done beside the build.

    :param output: where files go
    :param extra: packages to build with
    :param reproducibility: build a second time, in another way, and compare
    :param reuse: whether results of earlier requests that did the same will do, if archives
        have not changed since
    :param archives: looks at them
    """

    output: Path
    extra: Sequence[LocalArtifact] = ()
    lintian: bool = True
    reproducibility: bool = False
    reuse: bool = False
    archives: Archives = field(default_factory=Archives)


class BuildSession:
    """
    One build on a server that is ready.

    :param is_new: whether its workers may have been started just now, and not have said
        yet what they can do
    """

    def __init__(
        self, client: BuildPort, workspace: str, screen: Screen, *, is_new: bool = False
    ) -> None:
        self._client = client
        self._warn_after_s = GIVE_UP_S / 2 if is_new else 0.0
        self._workspace = workspace
        self._screen = screen

    def run(
        self, source: Source, request: BuildRequest, wanted: EnvironmentWanted, wishes: Wishes
    ) -> Outcome:
        """
        Do all of it.

        :raises DebusineError: if the server refuses or is lost, or no worker can do it
        """
        steps: list[Step] = []
        files: list[BuiltFile] = []
        for step, built in self._steps(source, request, wanted, wishes):
            steps.append(step)
            files += built
        return Outcome(
            source=source.name,
            version=source.version,
            suite=request.suite,
            architecture=request.architecture,
            steps=steps,
            files=files,
            output=wishes.output,
        )

    def _steps(
        self, source: Source, request: BuildRequest, wanted: EnvironmentWanted, wishes: Wishes
    ) -> Iterator[tuple[Step, Sequence[BuiltFile]]]:
        source_id = self._upload(source.artifact, f"source {source.name} {source.version}")
        extra = [self._upload(local, next(iter(local.files))) for local in wishes.extra]
        environment, step = self._environment(wanted)
        yield step, ()
        if step.verdict is not Verdict.SUCCESS:
            return
        self._screen.step(
            f"building {source.name} {source.version} for {request.suite}/{request.architecture}"
        )
        done = self._do(
            "sbuild",
            request.sbuild_data(source_id, extra, environment),
            reuse=_reuse(wishes, [*wanted.bootstrap_repositories, *request.extra_repositories]),
        )
        artifacts = [self._client.artifact_get(number) for number in done.artifacts]
        step, files = self._bring_home(done, artifacts, wishes.output)
        yield step, files
        uploads = [artifact.id for artifact in artifacts if artifact.category == UPLOAD]
        if step.verdict is Verdict.SUCCESS and wishes.lintian:
            self._screen.step(f"checking {source.name} {source.version} with lintian")
            checked = self._do(
                "lintian",
                lintian_data(source_id, uploads, environment, request.architecture),
                reuse=_reuse(wishes, wanted.bootstrap_repositories),
            )
            yield self._lintian(checked, source, wishes.output), ()
        if step.verdict is Verdict.SUCCESS and wishes.reproducibility and uploads:
            self._screen.step(f"building {source.name} {source.version} again, in another way")
            again = request.reproducibility_data(source_id, extra, environment, uploads[0])
            yield self._reproducibility(self._do("reproducibility", again), wishes.output), ()

    def _upload(self, local: LocalArtifact, label: str) -> int:
        self._screen.step(f"uploading {label}")
        total = sum(path.stat().st_size for path in local.files.values())
        with self._screen.transfer(label, total) as progress:
            artifact = self._client.upload_artifact(
                local, workspace=self._workspace, progress=progress
            )
        return artifact.id

    def _do(self, task: str, data: JsonObject, *, reuse: JsonObject | None = None) -> WorkRequest:
        wanted = WorkRequestCreate(
            task_name=task,
            task_data=data,
            workspace=self._workspace,
            **(reuse or {}),
        )
        created = self._client.work_request_create(wanted)
        if created.reused_from is not None:
            self._screen.note(f"taken from {created.reused_from.label}")
        return self._watch(created.id)

    def _watch(self, work_request_id: int) -> WorkRequest:
        """Follow it to its end, with a word about what no worker ever offered."""
        return watch(
            self._client,
            work_request_id,
            self._screen,
            give_up_s=GIVE_UP_S,
            warn_after_s=self._warn_after_s,
        )

    def _environment(self, wanted: EnvironmentWanted) -> tuple[str, Step]:
        name = f"{wanted.codename}/{wanted.architecture}"
        answer = self._client.environment_ensure(self._workspace, wanted)
        if answer.work_request is None:
            age = duration_text(answer.age_s)
            remark = f"{name}, {age} old" if age else name
            self._screen.step(f"using the environment {remark}")
            return answer.lookup, Step(name="environment", verdict=Verdict.SUCCESS, remark=remark)
        self._screen.step(f"making an environment {name}; this is kept for later builds")
        done = self._watch(answer.work_request)
        step = step_of("environment", done, remark=f"{name}, new", why=self._why(done))
        return answer.lookup, step

    def _bring_home(
        self, done: WorkRequest, artifacts: Sequence[ArtifactResponse], output: Path
    ) -> tuple[Step, list[BuiltFile]]:
        log: Path | None = None
        files: list[BuiltFile] = []
        for artifact in artifacts:
            if artifact.category == BUILD_LOG:
                self._download(artifact, output)
                log = output / next(iter(artifact.files))
            elif artifact.category == UPLOAD:
                self._download(artifact, output)
                files = [_built(output, name, artifact) for name in sorted(artifact.files)]
            elif artifact.category == DEBUG_LOGS and verdict_of(done) is not Verdict.SUCCESS:
                self._download(artifact, output / "debug-logs")
                log = log or output / "debug-logs"
        why = self._why(done)
        step = step_of("build", done, remark=_fail_stage(done, log), log=log, why=why)
        if step.verdict is Verdict.FAILURE and not any(a.category == BUILD_LOG for a in artifacts):
            # the task ended before or outside of sbuild: this says nothing about the package
            reason = first_message(why) if why else None
            remark = f"could not be tried: {reason or 'see the log'}"
            step = replace(step, verdict=Verdict.ERROR, remark=remark)
        return step, files

    def _lintian(self, done: WorkRequest, source: Source, output: Path) -> Step:
        found = [self._client.artifact_get(number) for number in done.artifacts]
        reports = [artifact for artifact in found if artifact.category == LINTIAN]
        log: Path | None = None
        counts: dict[str, int] = {}
        for artifact in reports:
            # each holds the whole text, and what concerns one architecture
            place = output / "lintian" / str(artifact.data.get("architecture") or "all")
            self._download(artifact, place)
            log = place / "lintian.txt"
            summary = artifact.data.get("summary") or {}
            for severity, count in (summary.get("tags_count_by_severity") or {}).items():
                counts[severity] = counts.get(severity, 0) + count
        shown = ("error", "warning", "info", "experimental")
        words = [count_text(name, counts[name]) for name in shown if counts.get(name)]
        remark = ", ".join(words) or (f"nothing found in {source.name}" if reports else "no report")
        why = None if reports else self._why(done)
        return step_of("lintian", done, remark=remark, log=log, why=why)

    def _reproducibility(self, done: WorkRequest, output: Path) -> Step:
        found = [self._client.artifact_get(number) for number in done.artifacts]
        remark, place = "", output / "reproducibility"
        for artifact in found:
            if artifact.category in {REPRODUCIBILITY, BUILD_LOG}:
                self._download(artifact, place)
            if artifact.category == REPRODUCIBILITY:
                remark = str(artifact.data.get("summary") or "")
        log = place if place.is_dir() else None
        return step_of("reproducibility", done, remark=remark, log=log, why=self._why(done))

    def _why(self, done: WorkRequest) -> WorkRequestOutcome | None:
        """Ask why something was not successful."""
        is_success = verdict_of(done) is Verdict.SUCCESS
        return None if is_success else self._client.work_request_outcome(done.id)

    def _download(self, artifact: ArtifactResponse, destination: Path) -> None:
        total = sum(file.size for file in artifact.files.values())
        with self._screen.transfer(artifact.category, total) as progress:
            self._client.download_artifact(artifact.id, destination, progress=progress)


def _built(output: Path, name: str, artifact: ArtifactResponse) -> BuiltFile:
    file = artifact.files[name]
    return BuiltFile(
        path=output / name, size_bytes=file.size, sha256=file.checksums.get("sha256", "")
    )


def _fail_stage(done: WorkRequest, log: Path | None) -> str:
    """Say in which stage a build failed, as sbuild's own summary has it, for old servers."""
    if verdict_of(done) is Verdict.SUCCESS:
        return ""
    if log is None or not log.is_file():
        return "no build log"
    with log.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - _TAIL_BYTES))
        stages = _FAIL_STAGE.findall(file.read())
    return f"failed in stage {stages[-1].decode(errors='replace')}" if stages else ""


def _reuse(wishes: Wishes, repositories: Sequence[JsonObject]) -> JsonObject:
    """What a request says about results of earlier ones; servers of others refuse all of it."""
    if not wishes.reuse:
        return {}
    indexes = wishes.archives.indexes(repositories)
    return {"reuse": True} | ({"apt_indexes": indexes} if indexes else {})
