# SPDX-License-Identifier: GPL-3.0-or-later
"""A build from the upload to the table, on a client in memory."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest

from debusine.artifacts.checksums import digest_file
from debusine.artifacts.files import LocalArtifact
from debusine.cli.building.archives import Archives
from debusine.cli.building.outcome import Outcome
from debusine.cli.building.report import Epilogue, document, program_name, show
from debusine.cli.building.request import (
    BuildRequest,
    extra_packages,
    parse_extra_repository,
    require_packages,
)
from debusine.cli.building.session import BuildSession, Wishes
from debusine.cli.building.source import load_source
from debusine.cli.pages import Pages
from debusine.cli.progress import Screen
from debusine.cli.verdict import Verdict
from debusine.client.websocket import LogChunk
from debusine.domain.result import Blame, WorkRequestResults
from debusine.domain.work_request import TaskTypes, WorkRequestStatus
from debusine.errors import UserError
from debusine.testing.inputs import KEY
from debusine.testing.packages import write_deb, write_dsc
from debusine.wire.artifact import ArtifactResponse, FileResponse
from debusine.wire.environment import EnvironmentAnswer, EnvironmentWanted
from debusine.wire.work_request import (
    Origin,
    OutputError,
    ReusedWorkRequest,
    Waiting,
    WorkRequest,
    WorkRequestCreate,
    WorkRequestOutcome,
)

MOMENT = datetime(2026, 1, 1, tzinfo=UTC)
SUCCESS, FAILURE = WorkRequestResults.SUCCESS, WorkRequestResults.FAILURE
LOG = b"Build-Time: 1\nFail-Stage: build\nStatus: attempted\n"


@dataclass
class MemoryClient:
    """A server that does at once what its script says."""

    results: dict[str, WorkRequestResults] = field(default_factory=dict)
    has_environment: bool = True
    has_log: bool = True
    interrupt_at: str | None = None
    artifacts: dict[int, tuple[ArtifactResponse, dict[str, bytes]]] = field(default_factory=dict)
    requests: dict[int, ReusedWorkRequest] = field(default_factory=dict)
    asked: list[WorkRequestCreate] = field(default_factory=list)
    origin: Origin | None = None
    aborted: list[int] = field(default_factory=list)
    outcome: WorkRequestOutcome = field(default_factory=WorkRequestOutcome)
    reasons: list[str | None] = field(default_factory=lambda: [None])
    asked_why: int = 0
    _numbers: Iterator[int] = field(default_factory=lambda: iter(range(1, 1000)))

    def _artifact(self, category: str, files: dict[str, bytes], **data: object) -> int:
        number = next(self._numbers)
        listed = {
            name: FileResponse(size=len(content), checksums={"sha256": "0" * 64}, url="")
            for name, content in files.items()
        }
        shown = ArtifactResponse(
            id=number,
            url=f"https://d.example.org/artifact/{number}/",
            scope="s",
            workspace="w",
            category=category,
            created_at=MOMENT,
            data=data,
            download_tar_gz_url="",
            files_to_upload=[],
            files=listed,
        )
        self.artifacts[number] = (shown, files)
        return number

    def _request(self, task: str, artifacts: list[int]) -> ReusedWorkRequest:
        number = next(self._numbers)
        self.requests[number] = ReusedWorkRequest(
            id=number,
            url=f"/s/w/work-request/{number}/",
            created_at=MOMENT,
            status=WorkRequestStatus.COMPLETED,
            result=self.results.get(task, SUCCESS),
            duration=61,
            task_type=TaskTypes.WORKER,
            task_name=task,
            task_data={},
            priority_base=0,
            priority_adjustment=0,
            artifacts=artifacts,
            reused_from=self.origin,
            workspace="w",
        )
        return self.requests[number]

    def artifact_get(self, artifact_id: int) -> ArtifactResponse:
        return self.artifacts[artifact_id][0]

    def upload_artifact(
        self,
        artifact: LocalArtifact,
        *,
        workspace: str | None,
        progress: Callable[[int], None] | None = None,
    ) -> ArtifactResponse:
        files = {name: path.read_bytes() for name, path in artifact.files.items()}
        return self.artifact_get(self._artifact(artifact.category, files))

    def download_artifact(
        self,
        artifact_id: int,
        destination: Path,
        *,
        progress: Callable[[int], None] | None = None,
    ) -> ArtifactResponse:
        shown, files = self.artifacts[artifact_id]
        destination.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            (destination / name).write_bytes(content)
        return shown

    def work_request_create(self, wanted: WorkRequestCreate) -> ReusedWorkRequest:
        self.asked.append(wanted)
        made: list[int] = []
        if wanted.task_name == "sbuild":
            if self.has_log:
                made.append(self._artifact("debian:package-build-log", {"hello.build": LOG}))
            if self.results.get("sbuild", SUCCESS) is SUCCESS:
                files = {"hello_1.0-1_amd64.deb": b"deb", "hello_1.0-1_amd64.changes": b"c"}
                made.append(self._artifact("debian:upload", files))
        if wanted.task_name == "lintian":
            counts = {"tags_count_by_severity": {"error": 1, "warning": 2, "pedantic": 3}}
            files = {"lintian.txt": b"E: x", "analysis.json": b"{}"}
            made.append(
                self._artifact("debian:lintian", files, architecture="amd64", summary=counts)
            )
        if wanted.task_name == "reproducibility":
            files = {"hello_1.0-1_amd64.deb.html": b"<html>"}
            summary = "1 of 1 files is not the same"
            made.append(self._artifact("debusine:reproducibility", files, summary=summary))
        return self._request(wanted.task_name, made)

    def work_request_get(self, work_request_id: int) -> WorkRequest:
        return self.requests[work_request_id]

    def work_request_abort(self, work_request_id: int) -> WorkRequest:
        self.aborted.append(work_request_id)
        return self.requests[work_request_id]

    def work_request_waiting(self, work_request_id: int) -> Waiting:
        self.asked_why += 1
        reason = self.reasons.pop(0) if len(self.reasons) > 1 else self.reasons[0]
        return Waiting(reason=reason)

    def work_request_outcome(self, work_request_id: int) -> WorkRequestOutcome:
        return self.outcome

    def log_follow(self, work_request_id: int, offset: int = 0) -> Iterator[LogChunk]:
        task = self.requests[work_request_id].task_name
        yield LogChunk(offset=0, data=f"log of {task}\n".encode(), stream="stdout")
        if task == self.interrupt_at:
            raise KeyboardInterrupt
        yield LogChunk(offset=9, data=b"\x1b]0;evil\x07\xff", stream="stdout")

    def environment_ensure(self, workspace: str, wanted: EnvironmentWanted) -> EnvironmentAnswer:
        lookup = f"debian/match:codename={wanted.codename}"
        if self.has_environment:
            return EnvironmentAnswer(lookup=lookup, artifact=99, age_s=7200)
        return EnvironmentAnswer(lookup=lookup, work_request=self._request("mmdebstrap", []).id)


def _build(
    client: MemoryClient,
    tmp_path: Path,
    *,
    lintian: bool = True,
    data_dir: Path | None = Path("/d"),
    **wishes: object,
) -> tuple[Outcome, str]:
    stream = io.StringIO()
    source = load_source(write_dsc(tmp_path))
    request = BuildRequest(suite="sid", architecture="amd64")
    wanted = EnvironmentWanted(
        codename="sid",
        architecture="amd64",
        bootstrap_repositories=[{"mirror": "https://deb.example.org", "suite": "trixie"}],
    )
    session = BuildSession(client, "w", Screen(stream))
    outcome = session.run(
        source,
        request,
        wanted,
        Wishes(output=tmp_path / "out", lintian=lintian, **wishes),  # type: ignore[arg-type]  as the caller says
    )
    pages = Pages(api_url="https://d.example.org/api", data_dir=data_dir)
    epilogue = Epilogue(again=["build", "hello"], pages=pages, data_dir=data_dir)
    show(outcome, epilogue, Screen(stream))
    return outcome, stream.getvalue()


def test_built_and_checked(tmp_path: Path) -> None:
    client = MemoryClient()

    outcome, shown = _build(client, tmp_path)

    assert outcome.verdict is Verdict.SUCCESS
    assert [(step.name, step.verdict, step.remark) for step in outcome.steps] == [
        ("environment", Verdict.SUCCESS, "sid/amd64, 2 h 00 min old"),
        ("build", Verdict.SUCCESS, ""),
        ("lintian", Verdict.SUCCESS, "1 error, 2 warnings"),
    ]
    out = tmp_path / "out"
    assert sorted(str(path.relative_to(out)) for path in out.rglob("*") if path.is_file()) == [
        "hello.build",
        "hello_1.0-1_amd64.changes",
        "hello_1.0-1_amd64.deb",
        "lintian/amd64/analysis.json",
        "lintian/amd64/lintian.txt",
    ]
    assert [file.path.name for file in outcome.files] == [
        "hello_1.0-1_amd64.changes",
        "hello_1.0-1_amd64.deb",
    ]
    for text in ("log of sbuild\n", "1 min 01 s", "hello_1.0-1_amd64.deb", str(out)):
        assert text in shown
    assert "debusine build hello" in shown
    assert "debusine purge --data-dir /d" in shown
    assert "\x1b" not in shown


def test_what_the_tasks_are_asked(tmp_path: Path) -> None:
    client = MemoryClient()
    deb = write_deb(tmp_path)

    _build(client, tmp_path, extra=extra_packages([deb]))

    assert [(asked.task_name, asked.workspace, asked.task_data) for asked in client.asked] == [
        (
            "sbuild",
            "w",
            {
                "input": {"source_artifact": 1, "extra_binary_artifacts": [2]},
                "build_architecture": "amd64",
                "environment": "debian/match:codename=sid",
                "build_components": ["all", "any"],
            },
        ),
        (
            "lintian",
            "w",
            {
                "input": {"source_artifact": 1, "binary_artifacts": [4]},
                "environment": "debian/match:codename=sid",
                "build_architecture": "amd64",
            },
        ),
    ]


def test_results_of_others_are_asked_for_only_if_they_are_wanted(tmp_path: Path) -> None:
    client = MemoryClient()
    _build(client, tmp_path)
    assert not any("reuse" in asked.model_dump(exclude_unset=True) for asked in client.asked)

    client = MemoryClient(origin=Origin(work_request=17, created_by="bob"))
    archives = Archives(fetch=lambda url: b"index" if url.endswith("/InRelease") else None)
    _, shown = _build(client, tmp_path, reuse=True, archives=archives)
    assert [asked.reuse for asked in client.asked] == [True, True]
    seen = {"deb.example.org_dists_trixie_InRelease": hashlib.sha256(b"index").hexdigest()}
    assert [asked.apt_indexes for asked in client.asked] == [seen, seen]
    client.asked.clear()
    _build(client, tmp_path, reuse=True, archives=Archives(fetch=lambda _url: None))
    assert [asked.apt_indexes for asked in client.asked] == [None, None]
    assert shown.count("taken from work request 17 of bob") == 2


def test_a_build_that_fails_is_not_checked(tmp_path: Path) -> None:
    client = MemoryClient(results={"sbuild": FAILURE})

    outcome, shown = _build(client, tmp_path)

    assert outcome.verdict.exit_status == 1
    assert [asked.task_name for asked in client.asked] == ["sbuild"]
    assert outcome.steps[-1].remark == "failed in stage build"
    assert "Build log:" in shown


@pytest.mark.parametrize(
    ("blame", "verdict", "status"),
    [
        (Blame.SUBJECT, Verdict.FAILURE, 1),
        (Blame.ENVIRONMENT, Verdict.ERROR, 2),
        (Blame.PLATFORM, Verdict.ERROR, 2),
    ],
)
def test_why_a_build_failed_is_said_in_words(
    tmp_path: Path, blame: Blame, verdict: Verdict, status: int
) -> None:
    errors = [
        OutputError(message="it\x1b[31m failed\nin dh_auto_test", code="x"),
        OutputError(message="and more", code="y"),
    ]
    why = WorkRequestOutcome(blame=blame, errors=errors)
    outcome, shown = _build(MemoryClient(results={"sbuild": FAILURE}, outcome=why), tmp_path)
    step = outcome.steps[-1]
    assert (step.verdict, step.blame, step.remark) == (verdict, blame, "it failed in dh_auto_test")
    assert outcome.verdict.exit_status == status
    assert "it failed in dh_auto_test" in shown
    assert ("trying again may help" in shown) is (blame is Blame.ENVIRONMENT)


def test_what_failed_before_sbuild_was_not_tried(tmp_path: Path) -> None:
    outcome, shown = _build(MemoryClient(results={"sbuild": FAILURE}, has_log=False), tmp_path)
    assert outcome.verdict.exit_status == 2
    assert "could not be tried: see the log" in shown


def test_what_failed_before_sbuild_says_why(tmp_path: Path) -> None:
    errors = [OutputError(message="Fetching input: no room", code="out-of-disk-space")]
    why = WorkRequestOutcome(blame=Blame.ENVIRONMENT, errors=errors)
    client = MemoryClient(results={"sbuild": FAILURE}, has_log=False, outcome=why)
    outcome, _ = _build(client, tmp_path)
    assert outcome.steps[-1].remark == "Fetching input: no room"


def test_lintian_does_not_decide(tmp_path: Path) -> None:
    outcome, _ = _build(MemoryClient(results={"lintian": FAILURE}), tmp_path)
    assert outcome.steps[-1].verdict is Verdict.FAILURE
    assert outcome.verdict.exit_status == 0


def test_a_second_build_is_compared_with_the_first(tmp_path: Path) -> None:
    client = MemoryClient()
    outcome, _ = _build(client, tmp_path, lintian=False, reproducibility=True)
    step = outcome.steps[-1]
    assert (step.name, step.verdict) == ("reproducibility", Verdict.SUCCESS)
    assert step.remark == "1 of 1 files is not the same"
    assert step.log == tmp_path / "out/reproducibility"
    assert (step.log / "hello_1.0-1_amd64.deb.html").is_file()
    first, second = client.asked
    [upload] = [
        number
        for number, (shown, _) in client.artifacts.items()
        if shown.category == "debian:upload"
    ]
    # the same build, but for what it is compared with
    source = first.task_data["input"]["source_artifact"]
    assert second.task_data == first.task_data | {
        "input": {"source_artifact": source, "first_build": upload}
    }


def test_a_package_that_does_not_reproduce_is_built_all_the_same(tmp_path: Path) -> None:
    client = MemoryClient(
        results={"reproducibility": FAILURE},
        outcome=WorkRequestOutcome(
            blame=Blame.SUBJECT, errors=[OutputError(message="hello.deb differs", code="x")]
        ),
    )
    outcome, printed = _build(client, tmp_path, lintian=False, reproducibility=True)
    assert outcome.verdict is Verdict.SUCCESS
    assert (outcome.steps[-1].verdict, outcome.steps[-1].remark) == (
        Verdict.FAILURE,
        "hello.deb differs",
    )
    assert "hello.deb differs" in printed


def test_what_was_not_built_is_not_built_again(tmp_path: Path) -> None:
    client = MemoryClient(results={"sbuild": FAILURE})
    _build(client, tmp_path, reproducibility=True)
    assert [wanted.task_name for wanted in client.asked] == ["sbuild"]


def test_no_lintian(tmp_path: Path) -> None:
    outcome, _ = _build(MemoryClient(), tmp_path, lintian=False)
    assert [step.name for step in outcome.steps] == ["environment", "build"]


def test_an_environment_is_made_when_there_is_none(tmp_path: Path) -> None:
    outcome, shown = _build(MemoryClient(has_environment=False), tmp_path)
    assert outcome.steps[0].remark == "sid/amd64, new"
    assert "log of mmdebstrap\n" in shown


def test_without_an_environment_nothing_is_tried(tmp_path: Path) -> None:
    client = MemoryClient(has_environment=False, results={"mmdebstrap": FAILURE})
    outcome, _ = _build(client, tmp_path)
    assert client.asked == []
    assert outcome.verdict.exit_status == 2


@pytest.mark.parametrize(
    ("data_dir", "page"),
    [
        (None, "https://d.example.org/s/w/work-request/2/"),
        (
            Path("/d"),
            "/s/w/work-request/2/ on the server that `debusine up --data-dir /d` starts",
        ),
    ],
)
def test_pages_and_files_are_named_where_they_are(
    tmp_path: Path, data_dir: Path | None, page: str
) -> None:
    client = MemoryClient(has_environment=False, results={"mmdebstrap": FAILURE})
    (tmp_path / "out").mkdir()
    _, shown = _build(client, tmp_path, data_dir=data_dir)
    assert f"\nEnvironment page: {page}\n" in shown
    assert "Files:" not in shown


def test_commands_are_named_as_the_user_called_this_one(tmp_path: Path) -> None:
    pages = Pages(api_url="http://127.0.0.1:1/api", data_dir=tmp_path)
    epilogue = Epilogue(
        again=["build", "x"], pages=pages, data_dir=tmp_path, program=".venv/bin/debusine"
    )
    assert epilogue.repeat == ".venv/bin/debusine build x"
    assert epilogue.remove == f".venv/bin/debusine purge --data-dir {tmp_path}"
    assert program_name(".venv/bin/debusine") == ".venv/bin/debusine"
    assert program_name("/usr/bin/pytest") == "debusine"


def test_an_interrupt_aborts_what_runs(tmp_path: Path) -> None:
    client = MemoryClient(interrupt_at="sbuild")
    with pytest.raises(KeyboardInterrupt):
        _build(client, tmp_path)
    (request,) = client.requests
    assert client.aborted == [request]


def test_the_document_says_the_same(tmp_path: Path) -> None:
    outcome, _ = _build(MemoryClient(), tmp_path)
    pages = Pages(api_url="https://d.example.org/api")
    epilogue = Epilogue(again=["build", "a b"], pages=pages)
    shown = json.loads(json.dumps(document(outcome, epilogue, ["w"])))
    assert shown["result"] == "success"
    assert shown["source"] == {"name": "hello", "version": "1.0-1"}
    assert shown["steps"]["build"]["duration_s"] == 61
    assert shown["steps"]["build"]["blame"] is None
    assert shown["steps"]["build"]["url"].startswith("https://d.example.org/s/w/work-request/")
    assert shown["steps"]["environment"]["url"] is None
    assert shown["repeat"] == "debusine build 'a b'"
    assert (shown["remove"], shown["warnings"]) == (None, ["w"])


def test_extra_packages_of_a_directory(tmp_path: Path) -> None:
    deb = write_deb(tmp_path)
    (local,) = extra_packages([tmp_path])
    assert list(local.files) == [deb.name]
    assert local.digests()[deb.name].sha256 == digest_file(deb).sha256
    (tmp_path / "none").mkdir()
    for path in (tmp_path / "none", tmp_path / "x.txt"):
        with pytest.raises(UserError, match="--extra-package"):
            extra_packages([path])


@pytest.mark.parametrize(
    ("components", "architectures"),
    [
        (("any",), "linux-any"),
        (("any",), "armhf any-amd64"),
        (("all", "any"), "armhf all"),
        (("source",), "armhf"),
        (("any",), "any"),
        (("any",), "amd64 all"),
        (("all", "source"), "any all"),
        (("all", "any"), "all"),
        (("source",), "all"),
        (("all",), ""),
    ],
)
def test_what_a_source_has_can_be_built(components: list[str], architectures: str) -> None:
    require_packages(components, frozenset(architectures.split()), "amd64")


@pytest.mark.parametrize(
    ("components", "architectures", "said", "remedy"),
    [
        (("all",), "linux-any", "--arch-all: the packages of this source", "give --arch-any"),
        (("all", "source"), "arm64 amd64", "architecture amd64, arm64", "give --arch-any"),
        (("any",), "all", "--arch-any: the packages of this source", "give --arch-all"),
    ],
)
def test_what_a_source_lacks_is_said_before_it_is_built(
    components: list[str], architectures: str, said: str, remedy: str
) -> None:
    with pytest.raises(UserError, match="nothing to build with") as caught:
        require_packages(components, frozenset(architectures.split()), "amd64")
    assert said in caught.value.brief
    assert remedy in (caught.value.resolution or "")


@pytest.mark.parametrize(
    ("components", "architectures"),
    [(("all", "any"), "armhf kfreebsd-any"), (("any",), "kfreebsd-any armhf all")],
)
def test_a_source_for_other_architectures_is_refused(
    components: list[str], architectures: str
) -> None:
    with pytest.raises(UserError) as caught:
        require_packages(components, frozenset(architectures.split()), "amd64")
    assert caught.value.brief == (
        "nothing to build on amd64: this source builds only for Architecture: armhf kfreebsd-any"
    )


def test_extra_repositories(tmp_path: Path) -> None:
    key = tmp_path / "key.asc"
    # gpg --show-keys --armor and others write more than the key
    key.write_text(f"pub   ed25519 2026-01-01 [SC] André\n\n{KEY}\n\nbye\n{KEY}\n")
    line = f"deb [signed-by={key}] https://x.example.org/debian sid main contrib"
    assert parse_extra_repository(line) == {
        "url": "https://x.example.org/debian",
        "suite": "sid",
        "components": ["main", "contrib"],
        "signing_key": f"{KEY}\n{KEY}",
    }
    assert parse_extra_repository("deb http://x.example.org/ ./") == {
        "url": "http://x.example.org/",
        "suite": "./",
    }
    assert parse_extra_repository("deb [arch=amd64,arm64] http://x.example.org/ ./") == {
        "url": "http://x.example.org/",
        "suite": "./",
        "architectures": ["amd64", "arm64"],
    }


@pytest.mark.parametrize(
    "line",
    [
        "deb-src http://x.example.org/ sid main",
        "deb http://me:pw@x.example.org/ sid main",
        "deb file:/srv sid main",
        "deb [signed-by=/nonexistent] http://x.example.org/ sid main",
        "nonsense",
        "deb [trusted=yes] http://x.example.org/ sid main",
        "deb [check-valid-until=no] http://x.example.org/ sid main",
        "deb http://x.example.org/ sid",
        "deb http://x.example.org/ ./ main",
        "deb http://x.example.org/[x] sid main",
        "deb http://x.example.org/ sid main;reboot",
        "deb http://x.example.org/ sid main\ndeb http://y.example.org/ sid main",
    ],
)
def test_extra_repositories_that_are_refused(line: str) -> None:
    with pytest.raises(UserError, match=r"--extra-repository|cannot read the key") as caught:
        parse_extra_repository(line)
    assert "pw" not in caught.value.explain()


@pytest.mark.parametrize(
    "content",
    [b"\x99\x01\x0d", b"", KEY.replace("PUBLIC", "PRIVATE").encode(), KEY.encode()[:-9]],
)
def test_keys_of_extra_repositories_that_are_no_text(tmp_path: Path, content: bytes) -> None:
    key = tmp_path / "key.gpg"
    key.write_bytes(content)
    with pytest.raises(UserError, match=r"key\.gpg is no key in text form") as caught:
        parse_extra_repository(f"deb [signed-by={key}] http://x.example.org/ sid main")
    assert f"--keyring {key} --armor --export" in caught.value.explain()
