# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest

from debusine.artifacts.deb822 import installed_build_depends, read_buildinfo
from debusine.artifacts.kinds.source_package import SourcePackage
from debusine.client.debusine import Debusine
from debusine.domain.pocket import pocket_of
from debusine.domain.result import Cause, WorkRequestResults
from debusine.tasks.kinds.sbuild import Sbuild
from debusine.tasks.sbuild_cause import Explanation
from debusine.tasks.sbuild_output import SbuildVerdict
from debusine.testing.disk_image import ENVIRONMENT_ID, DiskImageClient
from debusine.testing.extra_archive import extra_archive, write_data_deb
from debusine.testing.task_client import StoredArtifact
from debusine.util.command import Command, run

if TYPE_CHECKING:
    from conftest import TestUser

pytestmark = [pytest.mark.real, pytest.mark.timeout(600)]

SOURCE_ID = 2
LEAK = "die 'configuration of the user leaked';\n"


@dataclass
class LogCollector:
    """Keeps what a task sends live; may do something at a line."""

    at: bytes = b"\0"
    action: Callable[[], None] = lambda: None
    chunks: list[tuple[bytes, str]] = field(default_factory=list)

    def send(self, data: bytes, stream: str) -> None:
        self.chunks.append((data, stream))
        if self.at in data:
            self.at = b"\0"
            self.action()

    def send_end(self, exit_code: int) -> None:
        self.chunks.append((b"", f"end {exit_code}"))


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What came of a task; crosses from the child process to the test."""

    result: WorkRequestResults
    verdict: SbuildVerdict | None
    uploaded: list[StoredArtifact]
    streamed: bytes
    chunks: int
    left_over: list[str]
    apt_indexes: dict[str, str]

    def of(self, category: str) -> list[StoredArtifact]:
        return [each for each in self.uploaded if each.category == category]

    def file(self, suffix: str) -> bytes:
        [content] = [
            content
            for each in self.of("debian:upload")
            for path, content in each.files.items()
            if path.endswith(suffix)
        ]
        return content

    def packages(self) -> dict[str, str]:
        """SHA-256 by name of each binary package."""
        return {
            path: hashlib.sha256(content).hexdigest()
            for each in self.of("debian:binary-package")
            for path, content in each.files.items()
        }


def build(
    user: TestUser,
    tarball: Path,
    dsc: Path,
    *,
    abort_at: bytes | None = None,
    repositories: Sequence[dict[str, Any]] = (),
    **data: Any,
) -> Outcome:
    """Run the task as the user."""
    directory = user.directory()

    def execute() -> Outcome:
        (user.scratch / ".sbuildrc").write_text(LEAK)
        client = DiskImageClient(tarball)
        source = SourcePackage.from_dsc(dsc)
        files = {path: local.read_bytes() for path, local in source.files.items()}
        client.add(SOURCE_ID, source.category, source.data.model_dump(mode="json"), files)
        task = Sbuild(
            {
                "input": {"source_artifact": SOURCE_ID},
                "environment": ENVIRONMENT_ID,
                "build_architecture": "amd64",
                **data,
            },
            {
                "environment_id": ENVIRONMENT_ID,
                "input_source_artifact_id": SOURCE_ID,
                "extra_repositories": list(repositories),
            },
        )
        task.configure_server_access(cast("Debusine", client))
        task.workspace_name = "System"
        task.work_request_id = 7
        task.set_working_directory(directory / "work")
        task.image_cache_directory = user.scratch / "images"
        sender = LogCollector(at=abort_at or b"\0", action=task.abort)
        task.log_sender = sender
        result = task.execute()
        return Outcome(
            result=result,
            verdict=task.verdict,
            apt_indexes=task.apt_indexes or {},
            uploaded=client.uploaded,
            streamed=b"".join(each for each, stream in sender.chunks if stream == "stdout"),
            chunks=len(sender.chunks),
            left_over=sorted(path.name for path in (directory / "work").iterdir()),
        )

    return user.call(execute)


def bare_build(user: TestUser, tarball: Path, dsc: Path) -> Path:
    """Run sbuild alone; returns the directory with what it made."""
    output = user.directory()
    home = user.directory()
    template = user.directory() / "sbuild.XXXXXXXXXX"
    configuration = f'$unshare_tmpdir_template = "{template}";\n1;\n'
    user.call(lambda: (home / ".sbuildrc").write_text(configuration))
    user.run(
        "sbuild",
        "--no-run-lintian",
        "--arch-any",
        "--arch-all",
        "--no-source",
        "--dist=trixie",
        "--chroot-mode=unshare",
        f"--chroot={tarball}",
        str(dsc),
        cwd=output,
        HOME=str(home),
    )
    return output


def test_a_build_gives_what_bare_sbuild_gives(
    user: TestUser, tarball: Path, source: Callable[[str], Path], nonce: str
) -> None:
    dsc = source("tiny-quilt")
    outcome = build(user, tarball, dsc, build_components=["any", "all"])
    assert outcome.result is WorkRequestResults.SUCCESS, outcome.streamed[-3000:].decode()

    [log] = outcome.of("debian:package-build-log")
    [content] = log.files.values()
    assert content in outcome.streamed
    assert outcome.chunks > 10, "the log was sent at the end only"
    assert log.data["source"] == "tiny-quilt"

    bare = bare_build(user, tarball, dsc)
    expected = {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in bare.glob("*.deb")
    }
    assert outcome.packages() == expected
    assert len(expected) == 3

    [buildinfo] = bare.glob("*.buildinfo")
    ours = user.scratch / "ours.buildinfo"
    ours.write_bytes(outcome.file(".buildinfo"))
    installed = installed_build_depends(read_buildinfo(ours))
    assert installed == installed_build_depends(read_buildinfo(buildinfo))
    assert "gcc-14" in installed

    deb = user.scratch / "tiny-quilt.deb"
    deb.write_bytes(outcome.file("tiny-quilt_1.0-1_amd64.deb"))
    program = run(Command(["dpkg-deb", "--fsys-tarfile", str(deb)])).stdout
    assert nonce.encode() in program

    [symbols] = outcome.of("debian:debug-symbols")
    assert list(symbols.files) == symbols.data["build_ids"]
    # nothing but what the runner made and what the task says it keeps
    assert not [name for name in outcome.left_over if name.startswith(("tmp-", "exec-", "fetch-"))]


@pytest.mark.parametrize(
    ("name", "components"),
    [("tiny-native", ["any"]), ("tiny-one", ["any", "source"]), ("tiny-all", ["all"])],
)
def test_every_format_of_source_is_built(
    user: TestUser,
    tarball: Path,
    source: Callable[[str], Path],
    name: str,
    components: list[str],
) -> None:
    outcome = build(user, tarball, source(name), build_components=components)
    assert outcome.result is WorkRequestResults.SUCCESS, outcome.streamed[-3000:].decode()
    assert [each.split("_")[0] for each in outcome.packages()] == [name]
    [log] = outcome.of("debian:package-build-log")
    assert log.data["architecture"] == ("all" if components == ["all"] else "amd64")
    # which archive it was built from
    assert [name for name in outcome.apt_indexes if name.endswith("_dists_trixie_InRelease")]
    [upload] = outcome.of("debian:upload")
    assert any(path.endswith(".dsc") for path in upload.files) == ("source" in components)


def test_a_package_that_cannot_be_built(
    user: TestUser, tarball: Path, source: Callable[[str], Path], nonce: str
) -> None:
    outcome = build(user, tarball, source("tiny-fail"))
    assert outcome.result is WorkRequestResults.FAILURE
    assert outcome.verdict == SbuildVerdict(
        result=WorkRequestResults.FAILURE,
        status="attempted",
        fail_stage="build",
        explanation=Explanation(
            cause=Cause.BUILD_FAILED,
            message="the package's own build failed in target build-arch of debian/rules: Error 3",
        ),
    )
    assert f"this package cannot be built: {nonce}".encode() in outcome.streamed
    assert [each.category for each in outcome.uploaded] == [
        "debian:package-build-log",
        "debusine:work-request-debug-logs",
    ]


def test_missing_build_dependencies_are_explained(
    user: TestUser, tarball: Path, source: Callable[[str], Path]
) -> None:
    outcome = build(user, tarball, source("tiny-unmet"))
    assert outcome.result is WorkRequestResults.FAILURE
    assert outcome.verdict is not None
    assert outcome.verdict.is_uninstallable
    assert outcome.verdict.explanation == Explanation(
        cause=Cause.DEPENDENCIES_UNMET,
        message="build dependencies cannot be installed:"
        " no-such-package-anywhere:amd64 is not available",
    )
    [log] = outcome.of("debian:package-build-log")
    reasons = log.data["bd_uninstallable"]["report"][0]["reasons"]
    assert "no-such-package-anywhere" in reasons[0]["missing"]["pkg"]["unsat-dependency"]


def test_an_aborted_build_leaves_no_tree(
    user: TestUser, tarball: Path, source: Callable[[str], Path]
) -> None:
    outcome = build(user, tarball, source("tiny-hang"), abort_at=b"this package hangs")
    assert outcome.result is WorkRequestResults.FAILURE
    assert not [name for name in outcome.left_over if name.startswith("tmp-")]


def test_a_rebuild_has_a_version_and_a_profile_of_its_own(
    user: TestUser, tarball: Path, source: Callable[[str], Path]
) -> None:
    outcome = build(
        user,
        tarball,
        source("tiny-profile"),
        build_profiles=["nocheck"],
        binnmu={
            "changelog": "Rebuild with\nanother compiler.",
            "suffix": "+b1",
            "timestamp": "2026-02-03T04:05:06+01:00",
            "maintainer": "Zoë Builder <zoe@example.org>",
        },
    )
    assert outcome.result is WorkRequestResults.SUCCESS, outcome.streamed[-3000:].decode()
    # its build dependency, which there is not, is for builds with tests alone
    assert b"profiles: nocheck, options: nocheck" in outcome.streamed
    assert list(outcome.packages()) == ["tiny-profile_1.0+b1_amd64.deb"]
    [package] = outcome.of("debian:binary-package")
    assert (package.data["srcpkg_name"], package.data["srcpkg_version"]) == ("tiny-profile", "1.0")
    [upload] = outcome.of("debian:upload")
    fields = upload.data["changes_fields"]
    assert (fields["Source"], fields["Version"]) == ("tiny-profile (1.0)", "1.0+b1")
    assert fields["Binary-Only"] == "yes"
    assert fields["Changed-By"] == "Zoë Builder <zoe@example.org>"
    assert fields["Date"] == "Tue, 03 Feb 2026 04:05:06 +0100"
    assert "Rebuild with    another compiler." in fields["Changes"]
    [log] = outcome.of("debian:package-build-log")
    assert log.data["version"] == "1.0"


def test_a_build_for_experimental_takes_no_more_from_it_than_it_must(
    user: TestUser, tarball: Path, source: Callable[[str], Path], tmp_path: Path
) -> None:
    pocket = pocket_of("experimental")
    debs = {
        (name, version): write_data_deb(tmp_path, name, f"{name} {version}\n", version=version)
        for name in ("newer", "older")
        for version in ("1", "2")
    }
    with extra_archive() as archive:
        for suite, version in (("base", "1"), ("experimental", "2")):
            packages = [deb for (_, known), deb in debs.items() if known == version]
            archive.add_suite(
                suite,
                {"main": packages},
                architecture="amd64",
                is_automatic=suite not in pocket.overlays,
            )
        repository = {
            "url": archive.url,
            "components": ["main"],
            "signing_key": archive.key.armoured.read_text(),
        }
        outcome = build(
            user,
            tarball,
            source("tiny-overlay"),
            repositories=[repository | {"suite": suite} for suite in ("base", "experimental")],
            build_dep_resolver=pocket.resolver,
            aspcud_criteria=pocket.criteria,
        )
    assert outcome.result is WorkRequestResults.SUCCESS, outcome.streamed[-3000:].decode()
    assert b"newer 2\nolder 1\n" in outcome.streamed
