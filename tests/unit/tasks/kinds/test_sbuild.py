# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest

from debusine.artifacts.kinds.binary_package import BinaryPackage
from debusine.artifacts.kinds.source_package import SourcePackage
from debusine.artifacts.kinds.system_tarball import SystemTarball
from debusine.artifacts.relation import RelationType
from debusine.client.debusine import Debusine
from debusine.domain.result import WorkRequestResults
from debusine.errors import UserError
from debusine.tasks import TaskConfigError
from debusine.tasks.apt_indexes import sbuild_option
from debusine.tasks.kinds.sbuild import Sbuild
from debusine.tasks.sbuild_command import repository_options
from debusine.tasks.sbuild_data import SbuildDynamicData
from debusine.testing.executor import FakeExecutor
from debusine.testing.inputs import KEY
from debusine.testing.packages import write_changes, write_deb, write_dsc
from debusine.testing.resolver import MemoryResolver
from debusine.testing.task_client import FakeTaskClient
from debusine.util.apt_access import AptAccess
from debusine.util.personality import personality_command
from debusine.wire.work_request import OutputError

ENVIRONMENT_ID, SOURCE_ID, EXTRA_ID = 1, 2, 3
ENVIRONMENT: dict[str, Any] = {
    "filename": "system.tar.zst",
    "vendor": "debian",
    "codename": "trixie",
    "mirror": "https://deb.example.org/debian",
    "components": ["main"],
    "pkglist": {},
    "architecture": "amd64",
    "with_dev": True,
    "with_init": False,
}
DATA: dict[str, Any] = {
    "input": {"source_artifact": SOURCE_ID},
    "environment": ENVIRONMENT_ID,
    "build_architecture": "amd64",
}
DYNAMIC = {"environment_id": ENVIRONMENT_ID, "input_source_artifact_id": SOURCE_ID}


def add_artifacts(client: FakeTaskClient, directory: Path, **environment: Any) -> None:
    """Let source, environment and an extra package exist on a server."""
    directory.mkdir()
    source = SourcePackage.from_dsc(write_dsc(directory))
    extra = BinaryPackage.from_deb(write_deb(directory, {"Package": "extra"}))
    for number, artifact in ((SOURCE_ID, source), (EXTRA_ID, extra)):
        files = {path: local.read_bytes() for path, local in artifact.files.items()}
        client.add(number, artifact.category, artifact.data.model_dump(mode="json"), files)
    client.add(ENVIRONMENT_ID, SystemTarball.category, ENVIRONMENT | environment, {})


def make_task(
    tmp_path: Path, client: FakeTaskClient, *, dynamic: dict[str, Any] | None = None, **data: Any
) -> Sbuild:
    """A task as a worker has it."""
    task = Sbuild(DATA | data, DYNAMIC | (dynamic or {}))
    task.configure_server_access(cast("Debusine", client))
    task.workspace_name = "System"
    task.work_request_id = 7
    task.executor_type = FakeExecutor
    task.apt_access_directory = tmp_path / "lent"
    AptAccess().write(task.apt_access_directory)
    task.set_working_directory(tmp_path / "place")
    return task


def prepare(task: Sbuild, tmp_path: Path) -> Path:
    """Bring a task to where it would run; returns the directory for what it makes."""
    fetched, output = tmp_path / "fetch", tmp_path / "exec"
    fetched.mkdir()
    output.mkdir()
    assert task.fetch_input(fetched)
    assert task.configure_for_execution(fetched)
    task.prepare_to_run(fetched, output)
    return output


def resolved(tmp_path: Path, *, filename: str = "system.tar.zst", **data: Any) -> Sbuild:
    """A task as the server has it, all inputs resolved."""
    client = FakeTaskClient()
    add_artifacts(client, tmp_path / "server", filename=filename)
    task = Sbuild(DATA | data)
    resolver = MemoryResolver(task)
    for stored in client.artifacts.values():
        resolver.add_artifact(stored.id, stored.category, stored.data)  # type: ignore[arg-type]  # stored as text
    resolver.resolve_inputs(task)
    return task


# what the server asks


def test_dynamic_data(tmp_path: Path) -> None:
    task = resolved(
        tmp_path,
        input={"source_artifact": SOURCE_ID, "extra_binary_artifacts": [EXTRA_ID]},
        build_components=["any", "all"],
    )
    assert task.compute_dynamic_data() == SbuildDynamicData(
        subject="hello",
        parameter_summary="hello_1.0-1 (amd64)",
        runtime_context="all+any:amd64:amd64",
        configuration_context="trixie",
        environment_id=ENVIRONMENT_ID,
        extra_repositories=None,
        input_source_artifact_id=SOURCE_ID,
        input_extra_binary_artifacts_ids=[EXTRA_ID],
        binnmu_maintainer=None,
    )


def test_what_is_built_is_the_source_package(tmp_path: Path) -> None:
    assert resolved(tmp_path).compute_dynamic_data().get_source_package_name() == "hello"


def test_the_server_signs_a_binnmu_without_maintainer(tmp_path: Path) -> None:
    task = resolved(tmp_path, binnmu={"changelog": "Rebuild.", "suffix": "+b1"})
    dynamic = task.compute_dynamic_data()
    assert dynamic.binnmu_maintainer == "Debusine <noreply@debusine.example.org>"


def test_a_build_without_tests_is_not_recorded(tmp_path: Path) -> None:
    task = resolved(tmp_path, build_profiles=["nocheck"])
    assert task.compute_dynamic_data().runtime_context is None


@pytest.mark.parametrize(
    ("components", "label"),
    [(["all"], "all"), (["source"], "source"), (["source", "all"], "amd64"), (["any"], "amd64")],
)
def test_label_of_what_is_built(tmp_path: Path, components: list[str], label: str) -> None:
    task = resolved(tmp_path, build_components=components)
    assert task.compute_dynamic_data().parameter_summary == f"hello_1.0-1 ({label})"


def test_an_environment_packed_with_zstd_needs_a_worker_that_unpacks_it(tmp_path: Path) -> None:
    task = resolved(tmp_path)
    assert task.compute_system_required_tags() == {
        "worker:executor:unshare",
        "worker:build-arch:amd64",
        "worker:cap:sbuild",
        "worker:cap:zstd",
    }
    assert task.compute_system_provided_tags() == {"task:source-package:hello"}


def test_one_packed_with_xz_does_not(tmp_path: Path) -> None:
    task = resolved(tmp_path, filename="system.tar.xz")
    assert "worker:cap:zstd" not in task.compute_system_required_tags()


def test_a_virtual_machine_needs_autopkgtest_too(tmp_path: Path) -> None:
    task = resolved(tmp_path, backend="qemu")
    assert "worker:cap:autopkgtest" in task.compute_system_required_tags()


@pytest.mark.parametrize("backend", ["incus-lxc", "incus-vm"])
def test_incus_needs_what_lends_it_to_sbuild(tmp_path: Path, backend: str) -> None:
    tags = resolved(tmp_path, backend=backend).compute_system_required_tags()
    needed = {"worker:cap:autopkgtest", "worker:cap:autopkgtest-virt-incus"}
    assert needed <= tags
    # sbuild does not read the image
    assert "worker:cap:zstd" not in tags


def test_metadata_decide_where_tags_do_not() -> None:
    metadata = {
        "system:worker_type": "external",
        "system:architectures": ["amd64"],
        "executor:unshare:available": True,
        "sbuild:version": 1,
        "sbuild:available": True,
    }
    task = Sbuild(DATA)
    assert task.can_run_on(metadata)
    assert not task.can_run_on(metadata | {"sbuild:available": False})
    assert not task.can_run_on(metadata | {"sbuild:version": 2})
    on_qemu = metadata | {"executor:qemu:available": True}
    assert not Sbuild(DATA | {"backend": "qemu"}).can_run_on(on_qemu)
    assert Sbuild(DATA | {"backend": "qemu"}).can_run_on(on_qemu | {"autopkgtest:available": True})


@pytest.mark.parametrize(
    ("filename", "has_zstd", "expected"),
    [
        ("system.tar.zst", True, True),
        ("system.tar.zst", False, False),
        ("system.tar.xz", False, True),
    ],
)
def test_metadata_say_too_who_unpacks_zstd(
    tmp_path: Path, filename: str, *, has_zstd: bool, expected: bool
) -> None:
    metadata = {
        "system:worker_type": "external",
        "system:architectures": ["amd64"],
        "executor:unshare:available": True,
        "sbuild:version": 1,
        "sbuild:available": True,
        "sbuild:zstd:available": has_zstd,
    }
    assert resolved(tmp_path, filename=filename).can_run_on(metadata) is expected


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"host_architecture": "amd64"}, "host_architecture"),
        ({"build_components": []}, "build_components"),
        ({"build_components": ["some"]}, "build_components"),
        ({"build_architecture": "../amd64"}, "build_architecture"),
        ({"build_profiles": ["a,b"]}, "build_profiles"),
        ({"build_dep_resolver": "internal"}, "build_dep_resolver"),
        (
            {"build_components": ["all"], "binnmu": {"changelog": "x", "suffix": "+b1"}},
            "architecture-independent",
        ),
        ({"binnmu": {"changelog": "x", "suffix": "+b1", "maintainer": "me"}}, "maintainer"),
    ],
)
def test_wrong_data_are_refused(data: dict[str, Any], message: str) -> None:
    with pytest.raises(TaskConfigError, match=message):
        Sbuild(DATA | data)


# the run


def test_the_command(tmp_path: Path) -> None:
    client = FakeTaskClient()
    add_artifacts(client, tmp_path / "server")
    task = make_task(tmp_path, client)
    prepare(task, tmp_path)
    assert task._cmdline() == [
        "sbuild",
        "--verbose",
        "--purge-deps=never",
        "--no-run-lintian",
        "--arch-any",
        "--no-arch-all",
        "--no-source",
        "--arch=amd64",
        "--dist=trixie",
        "--chroot-mode=unshare",
        f"--chroot={tmp_path}/place/image.tar.zst",
        "--chroot-setup-commands=rm -f /etc/resolv.conf",
        sbuild_option(),
        "--bd-uninstallable-explainer=dose3",
        f"{tmp_path}/fetch/hello_1.0-1.dsc",
    ]


def test_a_build_for_a_narrow_architecture_sees_a_narrow_machine(tmp_path: Path) -> None:
    client = FakeTaskClient()
    add_artifacts(client, tmp_path / "server")
    task = make_task(tmp_path, client, build_architecture="i386")
    prepare(task, tmp_path)
    words = personality_command("i386")
    assert task._cmdline()[: len(words) + 1] == [*words, "sbuild"]


def test_options_that_users_choose(tmp_path: Path) -> None:
    client = FakeTaskClient()
    add_artifacts(client, tmp_path / "server")
    repository = {
        "url": "https://deb.example.org/extra",
        "suite": "extra",
        "components": ["main"],
        "signing_key": KEY,
    }
    task = make_task(
        tmp_path,
        client,
        dynamic={
            "input_extra_binary_artifacts_ids": [EXTRA_ID],
            "extra_repositories": [repository],
            "binnmu_maintainer": "Debusine <noreply@debusine.example.org>",
        },
        binnmu={
            "changelog": "Rebuild.",
            "suffix": "+b1",
            "timestamp": "2026-01-01T00:00:00+00:00",
        },
        build_profiles=["nocheck", "pkg.hello.small"],
        build_dep_resolver="aspcud",
        aspcud_criteria="-removed",
        resolve_alternatives=True,
    )
    prepare(task, tmp_path)
    command = task._cmdline()
    for option in (
        "--make-binNMU=Rebuild.",
        "--append-to-version=+b1",
        "--binNMU=0",
        "--binNMU-timestamp=Thu, 01 Jan 2026 00:00:00 +0000",
        "--maintainer=Debusine <noreply@debusine.example.org>",
        "--profiles=nocheck,pkg.hello.small",
        "--build-dep-resolver=aspcud",
        "--aspcud-criteria=-removed",
        "--resolve-alternatives",
        f"--extra-package={tmp_path}/fetch/extra-3/extra_1.0-1_amd64.deb",
        (
            f"--pre-build-commands=cat {tmp_path}/fetch/extra_repository_0.sources"
            " | %SBUILD_CHROOT_EXEC sh -c"
            " 'cat > /etc/apt/sources.list.d/extra_repository_0.sources'"
        ),
    ):
        assert option in command


def test_old_releases_get_keys_as_files(tmp_path: Path) -> None:
    client = FakeTaskClient()
    add_artifacts(client, tmp_path / "server", codename="bullseye")
    repository = {
        "url": "https://deb.example.org/extra",
        "suite": "extra",
        "components": ["main"],
        "signing_key": KEY,
    }
    task = make_task(tmp_path, client, dynamic={"extra_repositories": [repository]})
    prepare(task, tmp_path)
    assert (
        f"--pre-build-commands=cat {tmp_path}/fetch/extra_apt_key_0.asc | %SBUILD_CHROOT_EXEC"
        " sh -c 'mkdir -p /etc/apt/keyrings && cat > /etc/apt/keyrings/extra_apt_key_0.asc'"
    ) in task._cmdline()


def test_the_oldest_releases_get_lists_and_trust_the_key(tmp_path: Path) -> None:
    client = FakeTaskClient()
    add_artifacts(client, tmp_path / "server", codename="jessie")
    repository = {"url": "https://deb.example.org/extra", "suite": "./", "signing_key": KEY}
    task = make_task(tmp_path, client, dynamic={"extra_repositories": [repository]})
    prepare(task, tmp_path)
    pipe = f"--pre-build-commands=cat {tmp_path}/fetch"
    key = "/etc/apt/keyrings/extra_apt_key_0.asc"
    command = task._cmdline()
    assert [option for option in command if option.startswith("--pre-build-commands=cat")] == [
        (
            f"{pipe}/extra_repository_0.list | %SBUILD_CHROOT_EXEC sh -c"
            " 'cat > /etc/apt/sources.list.d/extra_repository_0.list'"
        ),
        (
            f"{pipe}/extra_apt_key_0.asc | %SBUILD_CHROOT_EXEC sh -c"
            f" 'mkdir -p /etc/apt/keyrings && cat > {key} && apt-key add {key}'"
        ),
    ]


def test_paths_are_quoted_for_shell_and_sbuild() -> None:
    task = Sbuild(DATA)
    task.extra_repository_sources = [Path("/place/it's 100%/a.sources")]
    [option] = repository_options(task)
    assert option == (
        "--pre-build-commands=cat '/place/it'\"'\"'s 100%%/a.sources' | %SBUILD_CHROOT_EXEC sh -c"
        " 'cat > /etc/apt/sources.list.d/a.sources'"
    )


EXTRA_REPOSITORY = {"url": "https://extra.example.org/", "suite": "./"}
AS_IT_IS = ["--no-apt-upgrade", "--no-apt-distupgrade"]


@pytest.mark.parametrize(
    ("access", "repository", "is_upgraded"),
    [
        (AptAccess(netrc="machine x login y password z"), EXTRA_REPOSITORY, False),
        (AptAccess(netrc="machine x login y password z"), None, True),
        (
            AptAccess(netrc="machine x login y password z"),
            {**EXTRA_REPOSITORY, "architectures": ["arm64"]},
            True,
        ),
        (AptAccess(), EXTRA_REPOSITORY, True),
        (
            AptAccess(settings=(("Acquire::http::Proxy", "http://proxy.example.org"),)),
            EXTRA_REPOSITORY,
            True,
        ),
    ],
)
def test_strangers_upgrade_nothing_while_secrets_are_lent(
    tmp_path: Path, access: AptAccess, repository: dict[str, Any] | None, *, is_upgraded: bool
) -> None:
    client = FakeTaskClient()
    add_artifacts(client, tmp_path / "server")
    repositories = [repository] if repository else []
    task = make_task(tmp_path, client, dynamic={"extra_repositories": repositories})
    access.write(tmp_path / "lent")
    prepare(task, tmp_path)
    found = [option for option in task._cmdline() if option.startswith("--no-apt-")]
    assert found == ([] if is_upgraded else AS_IT_IS)


def test_a_minimal_environment_trusts_who_the_machine_trusts(tmp_path: Path) -> None:
    """It has no certificates of authorities of its own."""
    client = FakeTaskClient()
    add_artifacts(client, tmp_path / "server")
    task = make_task(tmp_path, client, dynamic={"extra_repositories": [EXTRA_REPOSITORY]})
    prepare(task, tmp_path)
    lent = (tmp_path / "place/apt-access/apt.conf").read_text()
    assert 'Acquire::https::CaInfo "/etc/apt/debusine-access/system.pem";' in lent.splitlines()


def test_access_to_mirrors_is_lent_and_taken_back(tmp_path: Path) -> None:
    client = FakeTaskClient()
    add_artifacts(client, tmp_path / "server")
    task = make_task(tmp_path, client)
    access = AptAccess(netrc="machine deb.example.org login me password hunter2")
    access.write(tmp_path / "lent")
    prepare(task, tmp_path)
    command = task._cmdline()
    assert not [word for word in command if "hunter2" in word]
    assert [word for word in command if word.startswith("--pre-build-commands=tar -c")]
    assert [word for word in command if word.startswith("--starting-build-commands=rm -rf")]


def test_the_environment_of_the_command(tmp_path: Path) -> None:
    client = FakeTaskClient()
    add_artifacts(client, tmp_path / "server")
    task = make_task(tmp_path, client, build_profiles=["nodoc", "nocheck", "cross"])
    task.set_worker_environment_variables({"DEB_BUILD_OPTIONS": "parallel=2"})
    output = prepare(task, tmp_path)
    env = task._cmd_env()
    assert env["DEB_BUILD_OPTIONS"] == "parallel=2 nocheck nodoc"
    assert sorted(env) == ["DEB_BUILD_OPTIONS", "PATH", "SBUILD_CONFIG"]
    configuration = Path(env["SBUILD_CONFIG"]).read_text()
    assert f"$log_dir = '{output}';\n" in configuration
    assert "$unshare_tmpdir_template = ($ENV{'TMPDIR'} // '/tmp')" in configuration


def test_a_source_of_another_category_is_refused(tmp_path: Path) -> None:
    client = FakeTaskClient()
    add_artifacts(client, tmp_path / "server")
    task = make_task(tmp_path, client, dynamic={"input_source_artifact_id": EXTRA_ID})
    assert not task.fetch_input(tmp_path)
    log = (tmp_path / "place/logs/fetch_input.log").read_text()
    assert "input.source_artifact: unexpected artifact category: 'debian:binary-package'" in log


def test_a_source_without_dsc_is_refused(tmp_path: Path) -> None:
    client = FakeTaskClient()
    add_artifacts(client, tmp_path / "server")
    client.add(SOURCE_ID, SourcePackage.category, {}, {"hello_1.0.orig.tar.gz": b""})
    task = make_task(tmp_path, client)
    assert task.fetch_input(tmp_path)
    assert not task.configure_for_execution(tmp_path)
    log = (tmp_path / "place/logs/configure_for_execution.log").read_text()
    assert log == "source package not found\n"


def test_file_names_for_a_shell_are_refused(tmp_path: Path) -> None:
    client = FakeTaskClient()
    add_artifacts(client, tmp_path / "server")
    client.add(EXTRA_ID, BinaryPackage.category, {}, {"a$(reboot).deb": b""})
    task = make_task(tmp_path, client, dynamic={"input_extra_binary_artifacts_ids": [EXTRA_ID]})
    assert not task.fetch_input(tmp_path)
    assert "a$(reboot).deb" in (tmp_path / "place/logs/fetch_input.log").read_text()


def test_a_dsc_cannot_bring_files_of_the_worker_into_a_build(tmp_path: Path) -> None:
    client = FakeTaskClient()
    add_artifacts(client, tmp_path / "server")
    stored = client.artifacts[SOURCE_ID]
    dsc = stored.files["hello_1.0-1.dsc"].replace(b"hello_1.0.orig", b"../../secret/hello_1.0.orig")
    client.add(SOURCE_ID, stored.category, stored.data, {**stored.files, "hello_1.0-1.dsc": dsc})
    task = make_task(tmp_path, client)
    (tmp_path / "fetch").mkdir()
    assert task.fetch_input(tmp_path / "fetch")
    with pytest.raises(UserError, match="not a file name"):
        task.configure_for_execution(tmp_path / "fetch")


def test_a_damaged_source_is_refused(tmp_path: Path) -> None:
    client = FakeTaskClient()
    add_artifacts(client, tmp_path / "server")
    task = make_task(tmp_path, client)
    (tmp_path / "fetch").mkdir()
    assert task.fetch_input(tmp_path / "fetch")
    (tmp_path / "fetch/hello_1.0.orig.tar.gz").write_bytes(b"damaged!")
    with pytest.raises(UserError, match="does not fit its files"):
        task.configure_for_execution(tmp_path / "fetch")


# what came out


def write_build(output: Path, *, status: str = "successful") -> None:
    """What sbuild would leave of a build of one package and its debug symbols."""
    hello = write_deb(output)
    symbols = write_deb(
        output,
        {"Package": "hello-dbgsym", "Source": "hello"},
        files={f"usr/lib/debug/.build-id/ab/{'0' * 38}.debug": b"symbols"},
    )
    write_changes(output, [hello, symbols], architecture="amd64")
    log = output / "hello_1.0-1_amd64-2026-01-01T00:00:00Z.build"
    log.write_text(f"built\nStatus: {status}\n")
    (output / "hello_1.0-1_amd64.build").symlink_to(log.name)


def test_artifacts_of_a_build_and_their_relations(tmp_path: Path) -> None:
    client = FakeTaskClient()
    add_artifacts(client, tmp_path / "server")
    task = make_task(tmp_path, client)
    output = prepare(task, tmp_path)
    write_build(output)
    result = task.task_result(0, output)
    assert result is WorkRequestResults.SUCCESS
    assert task.check_directory_for_consistency_errors(output) == []
    task.upload_artifacts(output, execution_result=result)

    kinds = [artifact.category for artifact in client.uploaded]
    assert kinds == [
        "debian:package-build-log",
        "debian:binary-package",
        "debian:binary-package",
        "debian:debug-symbols",
        "debian:upload",
        "debusine:signing-input",
    ]
    log, symbols_deb, hello, symbols, upload, to_sign = (each.id for each in client.uploaded)
    assert client.uploaded[0].data["architecture"] == "amd64"
    assert client.uploaded[2].data["deb_fields"]["Package"] == "hello"
    assert client.uploaded[3].files == {"ab" + "0" * 38: b"symbols"}
    assert list(client.uploaded[5].files) == ["hello_1.0-1_amd64.changes"]
    assert {each.work_request for each in client.uploaded} == {7}
    assert sorted(client.relations) == sorted(
        [
            (log, SOURCE_ID, RelationType.RELATES_TO),
            (symbols_deb, SOURCE_ID, RelationType.BUILT_USING),
            (log, symbols_deb, RelationType.RELATES_TO),
            (hello, SOURCE_ID, RelationType.BUILT_USING),
            (log, hello, RelationType.RELATES_TO),
            (symbols, hello, RelationType.RELATES_TO),
            (upload, symbols_deb, RelationType.EXTENDS),
            (upload, hello, RelationType.EXTENDS),
            (upload, symbols_deb, RelationType.RELATES_TO),
            (upload, hello, RelationType.RELATES_TO),
            (log, upload, RelationType.RELATES_TO),
            (to_sign, upload, RelationType.RELATES_TO),
        ]
    )


def test_a_failed_build_leaves_its_log_and_says_why(tmp_path: Path) -> None:
    client = FakeTaskClient()
    add_artifacts(client, tmp_path / "server")
    task = make_task(tmp_path, client)
    output = prepare(task, tmp_path)
    (output / "hello_1.0-1_amd64.build").write_text("Fail-Stage: build\nStatus: attempted\n")
    result = task.task_result(2, output)
    assert result is WorkRequestResults.FAILURE
    task.upload_artifacts(output, execution_result=result)
    assert [each.category for each in client.uploaded] == ["debian:package-build-log"]
    assert (tmp_path / "place/logs/task_result.log").read_text() == (
        "sbuild: exit status 2, status attempted\nstopped at: build\nto blame: subject\n"
        "the package's own build failed\n"
    )
    assert task.reported_errors == [
        OutputError(message="the package's own build failed", code="build-failed")
    ]


def test_output_that_does_not_fit_is_not_uploaded(tmp_path: Path) -> None:
    client = FakeTaskClient()
    add_artifacts(client, tmp_path / "server")
    task = make_task(tmp_path, client)
    output = prepare(task, tmp_path)
    write_build(output)
    (output / "stray").touch()
    assert task.check_directory_for_consistency_errors(output) == [
        "stray is not referenced by any control file"
    ]
