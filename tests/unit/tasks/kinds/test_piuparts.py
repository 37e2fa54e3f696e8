# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import io
import shutil
import tarfile
from pathlib import Path
from typing import Any

import pytest
import zstandard

from debusine.artifacts.kinds.binary_package import BinaryPackage
from debusine.artifacts.kinds.piuparts import Piuparts as PiupartsKind
from debusine.artifacts.kinds.system_image import SystemImage
from debusine.artifacts.kinds.system_tarball import SystemTarball
from debusine.artifacts.kinds.upload import Upload
from debusine.artifacts.relation import RelationType
from debusine.domain.result import WorkRequestResults
from debusine.tasks import TaskConfigError
from debusine.tasks.kinds.piuparts import Piuparts
from debusine.testing.executor import FakeCall, FakeInstance, FakeResult
from debusine.testing.inputs import KEY, TARBALL
from debusine.testing.packages import write_changes, write_deb
from debusine.testing.task_bench import look_up_inputs
from debusine.testing.task_client import FakeTaskClient
from debusine.testing.worker_task import add_local, worker_task
from debusine.util.apt_access import AptAccess

DATA: dict[str, Any] = {
    "input": {"binary_artifacts": [3]},
    "base_tgz": 2,
    "environment": 1,
    "build_architecture": "amd64",
}
REPOSITORY: dict[str, Any] = {
    "url": "https://repo.example.org/debian",
    "suite": "trixie",
    "components": ["main"],
    "signing_key": KEY,
}
OUTPUT = b"0m5.0s INFO: PASS: All tests.\n"
BASE: dict[str, Any] = TARBALL | {"filename": "base.tar.zst", "with_dev": False}


class Sandbox:
    """What commands do: piuparts prints; what it was given is kept."""

    def __init__(self, *, version: str = "1.6.0", returncode: int = 0) -> None:
        self.version = version
        self.returncode = returncode
        self.call: FakeCall | None = None
        self.installed: list[str] = []
        self.scripts: dict[str, str] = {}
        self.base: list[str] = []

    def __call__(self, call: FakeCall, instance: FakeInstance) -> FakeResult:
        match call.argv:
            case ("dpkg-query", "--show", "--showformat=${Version}", "piuparts"):
                return FakeResult(stdout=self.version.encode())
            case ("dpkg-query", *_):
                return FakeResult(returncode=1)
            case ("env", *_, "install", package):
                self.installed.append(package)
            case ("rm", "-rf", directory, file):
                shutil.rmtree(instance.inside(Path(directory)))
                instance.inside(Path(file)).unlink()
            case ("piuparts", *_):
                self.call = call
                self._keep(instance)
                return FakeResult(stdout=OUTPUT, returncode=self.returncode)
        return FakeResult()

    def _keep(self, instance: FakeInstance) -> None:
        directory = instance.inside(Path(self.option("--scriptsdir")))
        self.scripts = {path.name: path.read_text() for path in directory.iterdir()}
        place = instance.inside(Path(self.option("--basetgz"))).parent
        self.base = [path.name for path in place.iterdir()]
        assert all(instance.inside(Path(word)).is_file() for word in self.debs)

    def option(self, name: str) -> str:
        """Value of an option, the last if it was given several times."""
        assert self.call is not None
        return [word for word in self.call.argv if word.startswith(f"{name}=")][-1].partition("=")[
            2
        ]

    @property
    def debs(self) -> list[str]:
        """The packages that are tested."""
        assert self.call is not None
        return [word for word in self.call.argv if word.endswith(".deb")]


def system(*names: str) -> bytes:
    """A system with such files."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name in names:
            archive.addfile(tarfile.TarInfo(name))
    return zstandard.compress(packed.getvalue())


@pytest.fixture
def server(tmp_path: Path) -> FakeTaskClient:
    """Where it runs (1), where it tests (2), a package (3), another (4), an upload (5)."""
    place = tmp_path / "packages"
    place.mkdir()
    client = FakeTaskClient()
    client.add_environment(1)
    client.add(
        2, SystemTarball.category, BASE, {"base.tar.zst": system("./var/lib/dpkg/available")}
    )
    deb = write_deb(place, {"Version": "1.0-1+b2", "Source": "hello (1.0-1)"})
    add_local(client, 3, BinaryPackage.from_deb(deb))
    other = write_deb(place, {"Package": "other", "Version": "2:7"})
    add_local(client, 4, BinaryPackage.from_deb(other))
    doc = write_deb(place, {"Package": "hello-doc", "Source": "hello", "Architecture": "all"})
    add_local(client, 5, Upload.from_changes(write_changes(place, [doc], architecture="all")))
    return client


def run(
    tmp_path: Path, server: FakeTaskClient, sandbox: Sandbox, **data: Any
) -> WorkRequestResults:
    return worker_task(Piuparts, DATA | data, server, tmp_path, script=sandbox).execute()


def test_the_report(tmp_path: Path, server: FakeTaskClient) -> None:
    sandbox = Sandbox()
    several = {"binary_artifacts": [3, 4, 5]}
    assert run(tmp_path, server, sandbox, input=several) is WorkRequestResults.SUCCESS
    [report] = server.uploaded_of(PiupartsKind.category)
    assert report.files == {"piuparts.txt": OUTPUT}
    assert report.data == {
        "piuparts_version": "1.6.0",
        "binary_packages": {"hello": "1.0-1+b2", "other": "2:7", "hello-doc": "1.0-1"},
        "architecture": "amd64",
        "distribution": "debian:trixie",
    }
    related = [(target, kind) for source, target, kind in server.relations if source == report.id]
    assert related == [(number, RelationType.RELATES_TO) for number in (3, 4, 5, 2)]


def test_the_command(tmp_path: Path, server: FakeTaskClient) -> None:
    sandbox = Sandbox()
    run(tmp_path, server, sandbox, input={"binary_artifacts": [3, 5]})
    assert sandbox.call is not None
    assert sandbox.call.as_root
    words = [word.replace(str(tmp_path), "") for word in sandbox.call.argv]
    assert words[:4] == [
        "piuparts",
        "--keep-sources-list",
        "--allow-database",
        "--warn-on-leftovers-after-purge",
    ]
    assert [word.partition("=")[0] for word in words[4:7]] == [
        "--basetgz",
        "--scriptsdir",
        "--scriptsdir",
    ]
    assert words[5] == "--scriptsdir=/etc/piuparts/scripts"
    assert [Path(word).name for word in words[7:]] == [
        "hello-doc_1.0-1_all.deb",
        "hello_1.0-1+b2_amd64.deb",
    ]


@pytest.mark.parametrize(
    ("status", "result"),
    [(0, WorkRequestResults.SUCCESS), (1, WorkRequestResults.FAILURE)],
)
def test_exit_status(
    tmp_path: Path, server: FakeTaskClient, status: int, result: WorkRequestResults
) -> None:
    task = worker_task(Piuparts, DATA, server, tmp_path, script=Sandbox(returncode=status))
    assert task.execute() is result
    assert [error.message for error in task.reported_errors] == (
        ["piuparts failed"] if status else []
    )
    assert len(server.uploaded_of(PiupartsKind.category)) == 1


@pytest.mark.parametrize(
    ("with_dev", "names", "base", "installed"),
    [
        (False, ["./var/lib/dpkg/available"], "base.tar.zst", ["piuparts", "zstd"]),
        (False, ["./etc/motd"], "base.piuparts.tar", ["piuparts"]),
        (True, ["./var/lib/dpkg/available"], "base.piuparts.tar", ["piuparts"]),
    ],
)
def test_the_system_is_made_fit_where_it_is_not(
    tmp_path: Path,
    server: FakeTaskClient,
    *,
    with_dev: bool,
    names: list[str],
    base: str,
    installed: list[str],
) -> None:
    data = BASE | {"with_dev": with_dev}
    server.add(2, SystemTarball.category, data, {"base.tar.zst": system(*names)})
    sandbox = Sandbox()
    assert run(tmp_path, server, sandbox) is WorkRequestResults.SUCCESS
    # and nothing that is not used goes into the sandbox
    assert sandbox.base == [base]
    assert Path(sandbox.option("--basetgz")).name == base
    assert sandbox.installed == installed


@pytest.mark.parametrize("version", ["1.1.7", "1.4.9"])
def test_piuparts_that_is_too_old(tmp_path: Path, server: FakeTaskClient, version: str) -> None:
    sandbox = Sandbox(version=version)
    task = worker_task(Piuparts, DATA, server, tmp_path, script=sandbox)
    assert task.execute() is WorkRequestResults.FAILURE
    assert sandbox.call is None
    assert f"piuparts {version} of the environment does not work in containers" in (
        task.reported_errors[0].message
    )


def test_a_virtual_machine_takes_any_piuparts(tmp_path: Path, server: FakeTaskClient) -> None:
    data = BASE | {"with_dev": True}
    server.add(2, SystemTarball.category, data, {"base.tar.zst": system("./etc/motd")})
    sandbox = Sandbox(version="1.1.7")
    assert run(tmp_path, server, sandbox, backend="incus-vm") is WorkRequestResults.SUCCESS
    [report] = server.uploaded_of(PiupartsKind.category)
    assert report.data["piuparts_version"] == "1.1.7"
    assert sandbox.base == ["base.piuparts.tar.gz"]


def test_a_backport_is_new_enough(tmp_path: Path, server: FakeTaskClient) -> None:
    assert run(tmp_path, server, Sandbox(version="1.5~bpo12+1")) is WorkRequestResults.SUCCESS


def test_repositories_are_set_up_where_packages_are_tested(
    tmp_path: Path, server: FakeTaskClient
) -> None:
    sandbox = Sandbox()
    other = REPOSITORY | {"architectures": ["arm64"], "suite": "elsewhere"}
    run(tmp_path, server, sandbox, extra_repositories=[REPOSITORY, other])
    script = sandbox.scripts["post_chroot_unpack_debusine_extra_repos"]
    assert "> /etc/apt/sources.list.d/extra_repository_0.sources" in script
    assert "URIs: https://repo.example.org/debian" in script
    assert "BEGIN PGP" in script
    assert "elsewhere" not in script


def test_an_old_release_gets_its_keys_in_files(tmp_path: Path, server: FakeTaskClient) -> None:
    server.add(
        2,
        SystemTarball.category,
        BASE | {"codename": "bullseye"},
        {"base.tar.zst": system("./var/lib/dpkg/available")},
    )
    sandbox = Sandbox()
    run(tmp_path, server, sandbox, extra_repositories=[REPOSITORY])
    script = sandbox.scripts["post_chroot_unpack_debusine_extra_repos"]
    assert "> /etc/apt/keyrings/extra_apt_key_0.asc" in script
    assert "Signed-By: /etc/apt/keyrings/extra_apt_key_0.asc" in script


def test_scripts_without_repositories(tmp_path: Path, server: FakeTaskClient) -> None:
    sandbox = Sandbox()
    run(tmp_path, server, sandbox)
    assert sorted(sandbox.scripts) == ["post_setup_00_passwd", "pre_remove_50_find_bad_permissions"]


def test_packages_learn_no_secret_of_the_machine(tmp_path: Path, server: FakeTaskClient) -> None:
    sandbox = Sandbox()
    task = worker_task(Piuparts, DATA, server, tmp_path, script=sandbox)
    access = AptAccess(
        settings=(
            ("Acquire::Retries", "3"),
            ("Acquire::http::Proxy", "http://me:hunter2@proxy.example.org"),
        )
    )
    access.write(tmp_path / "lent")
    assert task.execute() is WorkRequestResults.SUCCESS
    script = sandbox.scripts["post_chroot_unpack_debusine_apt_access"]
    assert "Acquire::Retries" in script
    assert "hunter2" not in script


def test_an_artifact_without_packages(tmp_path: Path, server: FakeTaskClient) -> None:
    server.add(3, BinaryPackage.category, server.artifacts[3].data, {"hello.udeb": b""})
    sandbox = Sandbox()
    assert run(tmp_path, server, sandbox) is WorkRequestResults.FAILURE
    assert sandbox.installed == []
    logs = server.uploaded[-1]
    assert logs.text("configure_for_execution.log") == "no .deb files to test\n"


@pytest.mark.parametrize(
    ("binaries", "subject", "summary"),
    [
        ([3], "hello", "hello_1.0-1 (amd64)"),
        ([3, 5], "hello", "hello_1.0-1 (amd64)"),
        ([4, 3], "hello other", "hello other (amd64)"),
        ([], "", " (amd64)"),
    ],
)
def test_what_the_server_finds_out(
    server: FakeTaskClient, binaries: list[int], subject: str, summary: str
) -> None:
    task = look_up_inputs(Piuparts(DATA | {"input": {"binary_artifacts": binaries}}), server)
    found = task.compute_dynamic_data()
    assert task.get_subject() == subject
    assert task.get_configuration_context() == "trixie"
    assert found.model_dump(mode="json", exclude_none=True, exclude={"task_input_fields"}) == {
        "subject": subject,
        "parameter_summary": summary,
        "runtime_context": "trixie:amd64",
        "configuration_context": "trixie",
        "environment_id": 1,
        "base_tgz_id": 2,
        "input_binary_artifacts_ids": binaries,
    }
    assert found.get_input_artifacts_ids() == [1, 2, *binaries]
    assert task.compute_system_provided_tags() == set()
    assert task.compute_system_required_tags() == {
        "worker:executor:unshare",
        "worker:build-arch:amd64",
    }


def test_several_versions_of_a_source(tmp_path: Path, server: FakeTaskClient) -> None:
    newer = write_deb(tmp_path, {"Package": "hello-doc", "Source": "hello", "Version": "2.0"})
    add_local(server, 4, BinaryPackage.from_deb(newer))
    task = look_up_inputs(Piuparts(DATA | {"input": {"binary_artifacts": [3, 4]}}), server)
    assert task.compute_dynamic_data().parameter_summary == "hello (amd64)"


def test_the_system_to_test_in_is_a_tarball(server: FakeTaskClient) -> None:
    image = BASE | {
        "filename": "base.qcow2",
        "image_format": "qcow2",
        "filesystem": "ext4",
        "size": 1,
        "boot_mechanism": "efi",
    }
    server.add(2, SystemImage.category, image, {})
    with pytest.raises(TaskConfigError, match="base_tgz: unexpected artifact category"):
        look_up_inputs(Piuparts(DATA), server)


@pytest.mark.parametrize("missing", ["input", "base_tgz", "environment", "build_architecture"])
def test_what_must_be_given(missing: str) -> None:
    with pytest.raises(TaskConfigError):
        Piuparts({name: value for name, value in DATA.items() if name != missing})
