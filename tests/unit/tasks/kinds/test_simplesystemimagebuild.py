# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

from debusine.domain.result import WorkRequestResults
from debusine.tasks import TaskConfigError
from debusine.tasks.apt_sources import KEYRINGS
from debusine.tasks.image_overlay import OVERLAY
from debusine.tasks.kinds.simplesystemimagebuild import (
    AUTOPKGTEST_SETUP,
    SimpleSystemImageBuild,
    pack_command,
)
from debusine.testing.task_client import FakeTaskClient
from debusine.util.apt_access import AptAccess

MIRROR = "http://deb.example.org/debian"
HOOK = "--customize-hook="
STATUS = """\
Package: systemd
Status: install ok installed
Architecture: amd64
Version: 257.1
Maintainer: A Person <person@example.org>
Description: x

"""


def data(**changes: Any) -> dict[str, Any]:
    return {
        "bootstrap_options": {"architecture": "amd64", "variant": "minbase"}
        | changes.pop("options", {}),
        "bootstrap_repositories": [
            {"mirror": MIRROR, "suite": "trixie", "components": ["main"]}
            | changes.pop("repository", {})
        ],
        "disk_image": {
            "format": "qcow2",
            "filename": "trixie",
            "partitions": [{"size": 10, "filesystem": "ext4"}, {"size": 1, "filesystem": "swap"}],
        }
        | changes.pop("disk", {}),
        **changes,
    }


def configured(directory: Path, **changes: Any) -> tuple[SimpleSystemImageBuild, list[str]]:
    task = SimpleSystemImageBuild(data(**changes), {})
    task.apt_access_directory = directory / "lent"
    AptAccess().write(task.apt_access_directory)
    task.set_working_directory(directory / "work")
    task.scratch_directory = directory / "scratch"
    task.scratch_directory.mkdir()
    download = directory / "download"
    download.mkdir()
    assert task.configure_for_execution(download)
    return task, task._cmdline()


def test_command(tmp_path: Path) -> None:
    _, command = configured(tmp_path, options={"extra_packages": ["python3-minimal"]})
    assert command[:8] == [
        "debefivm-create",
        "--architecture=amd64",
        "--release=trixie",
        "--rootsize=10G",
        "--output=system.img",
        "--",
        MIRROR,
        "--verbose",
    ]
    assert command[-3:] == [
        "--variant=minbase",
        "--include=python3-minimal,linux-image-generic",
        str(tmp_path / "download/host.sources"),
    ]
    hooks = [word.removeprefix(HOOK) for word in command if word.startswith(HOOK)]
    chroot = tmp_path / "download/chroot.sources"
    assert hooks[:5] == [
        'cd "$1" && find etc/apt/sources.list.d -type f -delete',
        f"upload {chroot} /etc/apt/sources.list.d/file.sources",
        f'mkdir "$1{KEYRINGS}-debusine"',
        "download /etc/os-release os-release",
        "download /var/lib/dpkg/status var_lib_dpkg/status",
    ]
    assert len(hooks) == 5 + 3 * len(OVERLAY)


def test_files_of_a_machine(tmp_path: Path) -> None:
    _, command = configured(tmp_path)
    for file in OVERLAY:
        source = tmp_path / "download/overlay" / file.path.replace("/", "-")
        assert source.read_text() == file.text
        position = command.index(f"{HOOK}upload {source} /{file.path}")
        assert command[position - 1] == f'{HOOK}mkdir -p "$1/{Path(file.path).parent}"'
        assert command[position + 1] == f'{HOOK}chmod {file.mode:o} "$1/{file.path}"'
    modes = {file.path.rpartition("/")[2]: file.mode for file in OVERLAY}
    assert modes == {
        "incus-agent.service": 0o644,
        "incus-agent-setup": 0o755,
        "99-incus-agent.rules": 0o644,
        "zz-update-systemd-boot": 0o755,
    }


def test_the_kernel_is_chosen_and_data_stay_as_they_are(tmp_path: Path) -> None:
    task, command = configured(tmp_path, disk={"kernel_package": "linux-image-cloud-amd64"})
    before = copy.deepcopy(task.data)
    assert task._cmdline() == command
    assert "--include=linux-image-cloud-amd64" in command
    assert task.data == before


def test_script(tmp_path: Path) -> None:
    _, command = configured(tmp_path, customization_script="#!/bin/sh\ntrue\n")
    assert f'{HOOK}chroot "$1" /customization_script' in command


def test_the_script_of_autopkgtest_is_a_hook_itself(tmp_path: Path) -> None:
    _, command = configured(tmp_path, customization_script=AUTOPKGTEST_SETUP)
    assert f"{HOOK}{AUTOPKGTEST_SETUP}" in command
    assert not [word for word in command if "customization_script" in word]


def test_credentials_are_lent_and_never_shown(tmp_path: Path) -> None:
    url = "https://me:secret@deb.example.org/debian"
    _, command = configured(tmp_path, repository={"mirror": url})
    assert "https://deb.example.org/debian" in command
    assert "secret" not in " ".join(command)


def test_a_raw_image_is_the_single_bare_member_of_a_tarball() -> None:
    command = pack_command("raw", "image.tar.xz")
    assert command[0] == "tar"
    assert command[-1] == "root.img"
    assert "--file=image.tar.xz" in command


@pytest.mark.parametrize(
    ("image_format", "filename"), [("qcow2", "trixie.qcow2"), ("raw", "trixie.tar.xz")]
)
def test_upload(tmp_path: Path, image_format: str, filename: str) -> None:
    task, _ = configured(tmp_path, disk={"format": image_format})
    client: Any = FakeTaskClient()
    task.debusine, task.workspace_name, task.work_request_id = client, "System", 3
    out = tmp_path / "out"
    (out / "var_lib_dpkg").mkdir(parents=True)
    assert task.check_directory_for_consistency_errors(out) == []
    (out / filename).write_bytes(b"disk")
    (out / "os-release").write_text("ID=debian\nVERSION_CODENAME=trixie\n")
    assert task.check_directory_for_consistency_errors(out) == ["var_lib_dpkg/status is missing"]
    (out / "var_lib_dpkg/status").write_text(STATUS)
    assert task.check_directory_for_consistency_errors(out) == []
    task.upload_artifacts(out, execution_result=WorkRequestResults.FAILURE)
    assert client.uploaded == []
    task.upload_artifacts(out, execution_result=WorkRequestResults.SUCCESS)
    [artifact] = client.uploaded
    assert artifact.category == "debian:system-image"
    assert artifact.files == {filename: b"disk"}
    assert artifact.data == {
        "filename": filename,
        "vendor": "debian",
        "codename": "trixie",
        "mirror": MIRROR,
        "components": ["main"],
        "variant": "minbase",
        "pkglist": {"systemd": "257.1"},
        "architecture": "amd64",
        "with_dev": True,
        "with_init": True,
        "image_format": image_format,
        "filesystem": "ext4",
        "size": 10_000_000_000,
        "boot_mechanism": "efi",
    }


def test_dynamic_data_and_tags() -> None:
    task = SimpleSystemImageBuild(data())
    assert task.compute_dynamic_data().model_dump(exclude_unset=True) == {
        "subject": "trixie",
        "configuration_context": "amd64",
        "parameter_summary": "trixie (amd64-minbase)",
        "runtime_context": "amd64:minbase:",
    }
    assert task.compute_system_required_tags() == {
        "worker:cap:mmdebstrap",
        "worker:cap:debefivm-create",
        "worker:build-arch:amd64",
    }


def test_metadata_scheduling() -> None:
    good = {
        "system:worker_type": "external",
        "system:architectures": ["amd64"],
        "simplesystemimagebuild:version": 1,
        "simplesystemimagebuild:available": True,
        "simplesystemimagebuild:debefivm-create:available": True,
    }
    task = SimpleSystemImageBuild(data())
    assert task.can_run_on(good)
    for key in good:
        assert not task.can_run_on({name: value for name, value in good.items() if name != key})


def test_a_worker_says_whether_it_has_the_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tag, key = "worker:cap:debefivm-create", "simplesystemimagebuild:debefivm-create:available"
    monkeypatch.setenv("PATH", str(tmp_path))
    assert tag not in SimpleSystemImageBuild.get_provided_worker_tags()
    assert SimpleSystemImageBuild.analyze_worker()[key] is False
    (tmp_path / "debefivm-create").touch(mode=0o755)
    assert tag in SimpleSystemImageBuild.get_provided_worker_tags()
    assert SimpleSystemImageBuild.analyze_worker()[key] is True


@pytest.mark.parametrize(
    "wrong",
    [
        {"disk": {"format": "vmdk"}},
        {"disk": {"filename": "../image"}},
        {"disk": {"partitions": []}},
        {"disk": {"partitions": [{"size": 0, "filesystem": "ext4"}]}},
        {"disk": {"kernel_package": "--include=x"}},
        {"options": {"variant": "essential"}},
        {"unknown": 1},
    ],
)
def test_refuses(wrong: dict[str, Any]) -> None:
    with pytest.raises(TaskConfigError):
        SimpleSystemImageBuild(data(**wrong))
