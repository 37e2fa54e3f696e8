# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest

from debusine.domain.result import WorkRequestResults
from debusine.errors import UserError
from debusine.tasks import TaskConfigError
from debusine.tasks.bootstrap import installed_packages, read_os_release
from debusine.tasks.bootstrap_models import INLINE_KEYRING, BootstrapKeyring
from debusine.tasks.bootstrap_sources import components_of_release, fetch_keyring
from debusine.tasks.kinds.mmdebstrap import MmDebstrap
from debusine.testing.task_client import FakeTaskClient
from debusine.util.apt_access import AptAccess
from debusine.util.files import sha256_of
from debusine.wire.work_request import OutputError

ARCHIVE_KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
MIRROR = "http://deb.example.org/debian"
STATUS = """\
Package: apt
Status: install ok installed
Architecture: amd64
Version: 2.6.1
Maintainer: A Person <person@example.org>
Description: x

Package: gone
Status: deinstall ok config-files
Architecture: amd64
Version: 1.0
Maintainer: A Person <person@example.org>
Description: x

"""


def data(**changes: Any) -> dict[str, Any]:
    repository = {"mirror": MIRROR, "suite": "trixie", "components": ["main", "contrib"]}
    return {
        "bootstrap_options": {"architecture": "amd64", "variant": "buildd"}
        | changes.pop("options", {}),
        "bootstrap_repositories": [repository | changes.pop("repository", {})],
        **changes,
    }


def configured(
    directory: Path, *values: tuple[str, str], **changes: Any
) -> tuple[MmDebstrap, list[str]]:
    task = MmDebstrap(data(**changes), {})
    task.apt_access_directory = directory / "lent"
    AptAccess(settings=values).write(task.apt_access_directory)
    task.set_working_directory(directory / "work")
    task.scratch_directory = directory / "scratch"
    task.scratch_directory.mkdir()
    download = directory / "download"
    download.mkdir()
    assert task.configure_for_execution(download)
    return task, task._cmdline()


def test_command(tmp_path: Path) -> None:
    _, command = configured(tmp_path, options={"extra_packages": ["ccache", "eatmydata"]})
    assert command[0] == "mmdebstrap"
    assert command[-6:] == [
        "--variant=buildd",
        "--include=ccache,eatmydata",
        "",
        "system.tar",
        "",
        str(tmp_path / "download" / "host.sources"),
    ]
    for argument in (
        "--mode=unshare",
        "--format=tar",
        "--architectures=amd64",
        "--skip=chroot/start-stop-daemon",
        "--dpkgopt=force-unsafe-io",
        '--customize-hook=rm -f "$1/etc/dpkg/dpkg.cfg.d/99mmdebstrap"',
        "--aptopt=Acquire::http::timeout=30",
    ):
        assert argument in command


def test_sources(tmp_path: Path) -> None:
    configured(
        tmp_path, repository={"types": ["deb", "deb-src"], "check_signature_with": "no-check"}
    )
    text = (
        "Types: deb deb-src\n"
        f"URIs: {MIRROR}\n"
        "Suites: trixie\n"
        "Components: main contrib\n"
        "Trusted: yes\n"
    )
    for name in ("host.sources", "chroot.sources"):
        path = tmp_path / "download" / name
        assert path.read_text() == text
        assert path.stat().st_mode & 0o777 == 0o644
        assert (tmp_path / "work" / "logs" / name).read_text() == text


def test_what_the_machine_says_about_old_release_files_stays(tmp_path: Path) -> None:
    _, command = configured(tmp_path, ("Acquire::Check-Valid-Until", "false"))
    assert '--aptopt=Acquire::Check-Valid-Until "false"' in command


def test_without_such_a_setting_old_release_files_are_refused(tmp_path: Path) -> None:
    _, command = configured(tmp_path)
    assert not any("Check-Valid-Until" in argument for argument in command)


def test_credentials_of_a_mirror_are_lent_and_never_shown(tmp_path: Path) -> None:
    url = "https://me:secret@deb.example.org/debian"
    task, command = configured(tmp_path, repository={"mirror": url})
    assert "secret" not in " ".join(command)
    for path in (tmp_path / "work" / "logs").iterdir():
        assert "secret" not in path.read_text()
    assert "secret" not in (tmp_path / "download" / "chroot.sources").read_text()
    lent = tmp_path / "download" / "apt-access"
    assert "secret" in (lent / "auth.conf").read_text()
    assert lent.stat().st_mode & 0o077 == 0
    removal = [argument for argument in command if "rm -rf" in argument]
    # before custom scripts run, and what they could still see after them
    assert len(removal) == 2
    between = command[command.index(removal[0]) + 1 :]
    between = between[: between.index(removal[1])]
    assert any(argument.endswith('> "$1/test_sbin_init"') for argument in between)
    del task


@pytest.mark.parametrize(
    ("value", "line"),
    [
        (None, ""),
        (False, "Check-Valid-Until: no\n"),
        (True, "Check-Valid-Until: yes\n"),
    ],
)
def test_a_repository_says_itself_whether_it_may_be_old(
    tmp_path: Path, *, value: bool | None, line: str
) -> None:
    configured(tmp_path, repository={"check_valid_until": value})
    for name in ("host.sources", "chroot.sources"):
        text = (tmp_path / "download" / name).read_text()
        assert text.partition("Components: main contrib\n")[2] == line


@pytest.mark.parametrize("install", [False, True])
@pytest.mark.parametrize("use_signed_by", [False, True])
def test_external_key(tmp_path: Path, *, install: bool, use_signed_by: bool) -> None:
    keyring = {"url": f"file://{ARCHIVE_KEYRING}", "install": install}
    _, command = configured(
        tmp_path,
        options={"use_signed_by": use_signed_by},
        repository={"check_signature_with": "external", "keyring": keyring},
    )
    key = tmp_path / "scratch" / "keyrings" / "keyring-repo-0.gpg"
    assert f"--keyring={key}" in command
    upload = f"--customize-hook=upload {key} /etc/apt/keyrings-debusine/{key.name}"
    assert (upload in command) is install
    host = (tmp_path / "download" / "host.sources").read_text()
    chroot = (tmp_path / "download" / "chroot.sources").read_text()
    assert (f"Signed-By: {key}\n" in host) is use_signed_by
    inside = f"Signed-By: /etc/apt/keyrings-debusine/{key.name}\n"
    assert (inside in chroot) is (install and use_signed_by)
    assert str(key) not in chroot


def test_armoured_key_is_called_so(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("-----BEGIN PGP PUBLIC KEY BLOCK-----\n")
    keyring = BootstrapKeyring.model_construct(
        url=f"file://{tmp_path}/key", sha256sum=sha256_of(tmp_path / "key"), install=False
    )
    assert fetch_keyring(keyring, tmp_path, 3) == tmp_path / "keyring-repo-3.asc"


@pytest.mark.parametrize(
    ("key", "name"),
    [
        (b"\x98\x33\x04", "keyring-repo-0.gpg"),
        (b"\n-----BEGIN PGP PUBLIC KEY BLOCK-----\n", "keyring-repo-0.asc"),
    ],
)
def test_key_that_travels_with_the_task(tmp_path: Path, key: bytes, name: str) -> None:
    url = INLINE_KEYRING + base64.b64encode(key).decode()
    _, command = configured(
        tmp_path,
        repository={
            "check_signature_with": "external",
            "keyring": {"url": url, "install": True},
        },
    )
    written = tmp_path / "scratch" / "keyrings" / name
    assert written.read_bytes() == key
    assert written.stat().st_mode & 0o777 == 0o644
    assert f"--keyring={written}" in command
    inside = f"Signed-By: /etc/apt/keyrings-debusine/{name}\n"
    assert inside in (tmp_path / "download" / "chroot.sources").read_text()


def test_inline_key_with_another_checksum_is_not_shown(tmp_path: Path) -> None:
    keyring = BootstrapKeyring(url=f"{INLINE_KEYRING}a2V5", sha256sum="0" * 64)
    with pytest.raises(UserError, match="sha256 mismatch for keyring in the task data"):
        fetch_keyring(keyring, tmp_path, 0)


def test_key_with_another_checksum_is_refused(tmp_path: Path) -> None:
    keyring = BootstrapKeyring(url=f"file://{ARCHIVE_KEYRING}", sha256sum="0" * 64)
    with pytest.raises(UserError, match="sha256 mismatch"):
        fetch_keyring(keyring, tmp_path, 0)


def test_script(tmp_path: Path) -> None:
    _, command = configured(tmp_path, customization_script="#!/bin/sh\ntrue\n")
    script = tmp_path / "download" / "customization_script"
    assert script.read_text() == "#!/bin/sh\ntrue\n"
    position = command.index(f"--customize-hook=upload {script} /customization_script")
    assert command[position + 1 : position + 4] == [
        '--customize-hook=chmod 555 "$1/customization_script"',
        '--customize-hook=chroot "$1" /customization_script',
        '--customize-hook=rm "$1/customization_script"',
    ]


def test_upload(tmp_path: Path) -> None:
    task, _ = configured(tmp_path, repository={"suite": "unstable"})
    client: Any = FakeTaskClient()
    task.debusine, task.workspace_name, task.work_request_id = client, "System", 3
    out = tmp_path / "out"
    (out / "var_lib_dpkg").mkdir(parents=True)
    (out / "var_lib_dpkg" / "status").write_text(STATUS)
    (out / "os-release").write_text('ID=debian\nVERSION_CODENAME=forky\nNAME="Debian GNU"\n')
    (out / "test-sbin-init").write_text("1\n")
    (out / "system.tar.zst").write_bytes(b"tar")
    assert task.check_directory_for_consistency_errors(out) == []
    task.upload_artifacts(out, execution_result=WorkRequestResults.FAILURE)
    assert client.uploaded == []
    task.upload_artifacts(out, execution_result=WorkRequestResults.SUCCESS)
    [artifact] = client.uploaded
    assert artifact.files == {"system.tar.zst": b"tar"}
    assert artifact.work_request == 3
    assert artifact.data == {
        "filename": "system.tar.zst",
        "vendor": "debian",
        "codename": "sid",
        "mirror": MIRROR,
        "components": ["main", "contrib"],
        "variant": "buildd",
        "pkglist": {"apt": "2.6.1", "gone": "1.0"},
        "architecture": "amd64",
        "with_dev": True,
        "with_init": False,
    }


def test_trouble_with_a_mirror_is_told_from_wrong_data(tmp_path: Path) -> None:
    task, _ = configured(tmp_path)
    task.append_to_log_file("cmd-output.log", ["E: Failed to fetch http://deb.example.org/x  503"])
    assert task.task_result(None, tmp_path) is WorkRequestResults.FAILURE
    assert task.reported_errors == []
    assert task.task_result(25, tmp_path) is WorkRequestResults.FAILURE
    message = (
        "a mirror did not answer as it should: E: Failed to fetch http://deb.example.org/x 503"
    )
    assert task.reported_errors == [OutputError(message=message, code="network-failed")]
    assert (tmp_path / "work/logs/task_result.log").read_text() == f"{message}\n"


def test_dynamic_data_and_tags() -> None:
    task = MmDebstrap(data(options={"extra_packages": ["b", "a"]}))
    assert task.compute_dynamic_data().model_dump(exclude_unset=True) == {
        "subject": "trixie",
        "configuration_context": "amd64",
        "parameter_summary": "trixie (amd64-buildd)",
        "runtime_context": "amd64:buildd:a,b",
    }
    assert task.compute_system_required_tags() == {
        "worker:cap:mmdebstrap",
        "worker:build-arch:amd64",
    }


def test_metadata_scheduling() -> None:
    task = MmDebstrap(data())
    good = {
        "system:worker_type": "external",
        "system:architectures": ["amd64"],
        "mmdebstrap:version": 1,
        "mmdebstrap:available": True,
    }
    assert task.can_run_on(good)
    for key in good:
        assert not task.can_run_on({name: value for name, value in good.items() if name != key})


@pytest.mark.parametrize(
    "wrong",
    [
        {"options": {"variant": "huge"}},
        {"options": {"architecture": "--hook=x"}},
        {"options": {"extra_packages": ["a,b"]}},
        {"repository": {"suite": "a b"}},
        {"repository": {"types": []}},
        {"repository": {"types": ["deb", "deb"]}},
        {"repository": {"components": ["main", "main"]}},
        {"repository": {"check_signature_with": "external"}},
        {"repository": {"keyring": {"url": "file:///etc/shadow"}}},
        {"repository": {"keyring": {"url": "file:///usr/share/keyrings/../../../etc/shadow"}}},
        {"repository": {"keyring": {"url": "ftp://example.org/key"}}},
        {"repository": {"keyring": {"url": "data:text/plain,key"}}},
        {"repository": {"keyring": {"url": INLINE_KEYRING}}},
        {"repository": {"keyring": {"url": f"{INLINE_KEYRING}a2V*"}}},
        {"repository": {"keyring": {"url": INLINE_KEYRING + "AAAA" * 400_000}}},
        {"repository": {"check_valid_until": "sometimes"}},
        {"unknown": 1},
    ],
)
def test_refuses(wrong: dict[str, Any]) -> None:
    with pytest.raises(TaskConfigError):
        MmDebstrap(data(**wrong))


def test_at_least_one_repository() -> None:
    with pytest.raises(TaskConfigError):
        MmDebstrap(data() | {"bootstrap_repositories": []})


@pytest.mark.parametrize("text", ["Suite: x\n", "Components: ../etc\n", "Components: main 1st\n"])
def test_components_that_cannot_be(text: str) -> None:
    with pytest.raises(ValueError, match="component"):
        components_of_release(text)


def test_os_release(tmp_path: Path) -> None:
    file = tmp_path / "os-release"
    file.write_text("# comment\nID=debian\nNAME='a b'\n\n")
    assert read_os_release(file) == {"ID": "debian", "NAME": "a b"}


def test_installed_packages(tmp_path: Path) -> None:
    (tmp_path / "status").write_text(STATUS)
    assert installed_packages(tmp_path)["apt"] == "2.6.1"
