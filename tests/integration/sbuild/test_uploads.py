# SPDX-License-Identifier: GPL-3.0-or-later
"""Uploads that tasks make are taken by the tools that Debian's archives are made with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from debusine.artifacts.kinds.binary_package import BinaryPackage
from debusine.artifacts.kinds.signing_input import SigningInput
from debusine.artifacts.kinds.signing_output import SigningOutput
from debusine.artifacts.kinds.source_package import SourcePackage
from debusine.artifacts.kinds.system_tarball import SystemTarball
from debusine.artifacts.kinds.upload import Upload
from debusine.artifacts.relation import RelationType
from debusine.domain.result import WorkRequestResults
from debusine.tasks.base import BaseExternalTask
from debusine.tasks.kinds.assemblesignedsource import AssembleSignedSource
from debusine.tasks.kinds.extractforsigning import ExtractForSigning
from debusine.tasks.kinds.makesourcepackageupload import MakeSourcePackageUpload
from debusine.tasks.kinds.mergeuploads import MergeUploads
from debusine.testing.inputs import TARBALL
from debusine.testing.packages import write_deb
from debusine.testing.signing_template import write_template
from debusine.testing.task_bench import make_task
from debusine.testing.task_client import FakeTaskClient, StoredArtifact

if TYPE_CHECKING:
    from conftest import TestUser

pytestmark = [pytest.mark.real, pytest.mark.timeout(600)]

ENVIRONMENT, SOURCE, BINARIES, TEMPLATE, HELLO, SIGNED = range(1, 7)
DISTRIBUTIONS = "Codename: unstable\nArchitectures: amd64 source\nComponents: main\n"


class Bench:
    """A server with an environment, and tasks that run in it as an ordinary user."""

    def __init__(self, user: TestUser, tarball: Path) -> None:
        self.user = user
        self.client = FakeTaskClient()
        data = TARBALL | {"filename": tarball.name}
        files = {tarball.name: tarball.read_bytes()}
        self.client.add(ENVIRONMENT, SystemTarball.category, data, files)
        self.images = user.directory()

    def execute(
        self, kind: type[BaseExternalTask[Any, Any]], data: Mapping[str, Any]
    ) -> list[StoredArtifact]:
        """Run a task, which must succeed; what it uploads exists from then on."""
        directory = self.user.directory()
        before = len(self.client.uploaded)

        def run() -> FakeTaskClient:
            task = make_task(kind, dict(data), client=self.client, directory=directory)
            task.executor_type = None
            task.image_cache_directory = self.images
            result = task.execute()
            if result is not WorkRequestResults.SUCCESS:
                logs = self.client.uploaded[-1].files
                raise AssertionError("\n".join(text.decode()[-4000:] for text in logs.values()))
            return self.client

        self.client = self.user.call(run)
        return self.client.uploaded[before:]


@pytest.fixture(scope="module")
def bench(user: TestUser, tarball: Path) -> Bench:
    return Bench(user, tarball)


def write(artifact: StoredArtifact, directory: Path) -> Path:
    """Write the files of an upload; returns its .changes."""
    directory.mkdir()
    for path, content in artifact.files.items():
        (directory / path).write_bytes(content)
    [changes] = directory.glob("*.changes")
    return changes


def include(user: TestUser, changes: Path, repository: Path) -> list[str]:
    """Have reprepro take an upload; returns the names in its pool."""
    (repository / "conf").mkdir(parents=True)
    (repository / "conf/distributions").write_text(DISTRIBUTIONS)
    user.run("reprepro", "--basedir", str(repository), "include", "unstable", str(changes))
    return sorted(path.name for path in (repository / "pool").rglob("*") if path.is_file())


def test_source_uploads_and_merged_ones_are_included(
    user: TestUser, bench: Bench, source: Callable[[str], Path], tmp_path: Path
) -> None:
    dsc = source("tiny-all")
    tree = next(path for path in dsc.parent.iterdir() if path.is_dir())
    # our own tools only: no build dependencies but make, and no signature
    user.run("dpkg-buildpackage", "--build=binary", "--no-sign", "-d", cwd=tree)
    [binaries] = dsc.parent.glob("*.changes")
    bench.client.add_local(SOURCE, SourcePackage.from_dsc(dsc))
    bench.client.add_local(BINARIES, Upload.from_changes(binaries))

    data = {
        "input": {"source_artifact": SOURCE},
        "environment": ENVIRONMENT,
        "since_version": "0.1",
    }
    made = bench.execute(MakeSourcePackageUpload, data)
    [upload] = [each for each in made if each.category == Upload.category]
    merged = bench.execute(MergeUploads, {"input": {"uploads": [upload.id, BINARIES]}})[0]

    place = user.directory()
    source_files = sorted(path.name for path in dsc.parent.glob(f"{dsc.stem}.*") if path.is_file())
    for name, artifact, more in (
        ("source", upload, []),
        ("merged", merged, ["tiny-all_1.0_all.deb"]),
    ):
        changes = user.call(lambda: write(artifact, place / name))  # noqa: B023  called at once
        pool = user.call(lambda: include(user, changes, place / f"repository-{name}"))  # noqa: B023  the same
        assert pool == sorted([*source_files, *more]), name


def test_what_a_template_wants_signed_becomes_a_source_package(
    user: TestUser, bench: Bench, tmp_path: Path
) -> None:
    program = write_deb(tmp_path, files={"boot/hello.efi": b"program"})
    for number, deb in ((TEMPLATE, write_template(tmp_path)), (HELLO, program)):
        bench.client.add_local(number, BinaryPackage.from_deb(deb))

    data = {"template_artifact": TEMPLATE, "binary_artifacts": [HELLO]}
    made = bench.execute(ExtractForSigning, {"input": data, "environment": ENVIRONMENT})
    [unsigned] = [each for each in made if each.category == SigningInput.category]
    assert unsigned.files == {"hello/boot/hello.efi": b"program"}

    results = [{"file": path, "output_file": f"{path}.sig"} for path in unsigned.files]
    signing = {"purpose": "uefi", "fingerprint": "F" * 64, "results": results}
    signatures = {f"{path}.sig": b"signed " + content for path, content in unsigned.files.items()}
    bench.client.add(SIGNED, SigningOutput.category, signing, signatures)
    bench.client.relation_create(SIGNED, unsigned.id, RelationType.RELATES_TO)
    data = {"template": TEMPLATE, "signed": [SIGNED], "environment": ENVIRONMENT}
    made = bench.execute(AssembleSignedSource, data)

    [source] = [each for each in made if each.category == SourcePackage.category]
    [upload] = [each for each in made if each.category == Upload.category]
    relations = [found for found in bench.client.relations if found[0] == source.id]
    # the template is a package that the signing input is about, too
    assert relations == [(source.id, each, RelationType.BUILT_USING) for each in (TEMPLATE, HELLO)]
    place = user.directory()
    changes = user.call(lambda: write(upload, place / "upload"))
    pool = user.call(lambda: include(user, changes, place / "repository"))
    assert pool == ["hello-signed_1.0+1.dsc", "hello-signed_1.0+1.tar.xz"]
    tree = place / "tree"
    user.run("dpkg-source", "-x", str(changes.with_name(pool[0])), str(tree))
    signature = tree / "debian/signatures/hello/boot/hello.efi.sig"
    assert signature.read_bytes() == b"signed program"
    # times are those of the template, so that the same is built every time
    assert (tree / "debian/control").stat().st_mtime == signature.stat().st_mtime
