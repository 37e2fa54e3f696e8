# SPDX-License-Identifier: GPL-3.0-or-later
"""What a shell after a failed build finds; no process of a package runs here."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import pytest

from debusine.cli.building.shell_inside import ShellPlan, prepare, shell_command
from debusine.cli.building.shell_scene import Scene, read_log, read_scene
from debusine.tasks.models import ExtraExternalRepository
from debusine.testing.executor import FakeCall, FakeInstance, FakeResult, Script, succeed
from debusine.testing.inputs import KEY
from debusine.testing.packages import write_deb, write_dsc

LOG = """\
sbuild (Debian sbuild) 0.85.0 (04 January 2023) on host
I: NOTICE: Log filtering will replace 'build/hello-AbCdEf/resolver-x' with '<<RESOLVERDIR>>'
I: NOTICE: Log filtering will replace 'build/hello-AbCdEf/hello-1.0' with '<<PKGBUILDDIR>>'
HOME=/not/this/one

User Environment
----------------

APT_CONFIG=/var/lib/sbuild/apt.conf
DEB_BUILD_OPTIONS=parallel=2 nocheck
HOME=/sbuild-nonexistent
PATH=/usr/sbin:/usr/bin
PWD=/<<PKGBUILDDIR>>
TOP=/<<PKGBUILDDIR>>/x

dpkg-buildpackage
-----------------

Command: dpkg-buildpackage --sanitize-env -us -uc -b
I: NOTICE: Log filtering will replace 'build/evil/evil-1' with '<<PKGBUILDDIR>>'
User Environment
EVIL=1
Command: evil
"""


def test_the_log_tells_where_and_how_the_build_ran() -> None:
    assert read_scene(LOG.splitlines(keepends=True), name="hello", version="1.0-1") == Scene(
        directory=Path("/build/hello-AbCdEf/hello-1.0"),
        variables={
            "DEB_BUILD_OPTIONS": "parallel=2 nocheck",
            "HOME": "/sbuild-nonexistent",
            "LC_ALL": "C.UTF-8",
            "PATH": "/usr/sbin:/usr/bin",
            "TOP": "/build/hello-AbCdEf/hello-1.0/x",
        },
        command="dpkg-buildpackage --sanitize-env -us -uc -b",
    )


def test_without_a_log_things_are_where_one_would_look(tmp_path: Path) -> None:
    scene = read_log(None, name="hello", version="2.10-3")
    assert scene.directory == Path("/build/hello/hello-2.10")
    assert set(scene.variables) == {"LC_ALL", "PATH"}
    assert scene.command is None
    assert read_log(tmp_path, name="hello", version="2.10-3") == scene


@pytest.mark.parametrize(
    "path", ["build/../etc", "build/x/../../etc", "etc/x/y", "build/x/y z", "build/x"]
)
def test_a_place_that_sbuild_would_not_choose_is_passed_over(path: str) -> None:
    line = f"I: NOTICE: Log filtering will replace '{path}' with '<<PKGBUILDDIR>>'"
    scene = read_scene([line], name="hello", version="1.0")
    assert scene.directory == Path("/build/hello/hello-1.0")


def make_plan(tmp_path: Path, **changes: Any) -> ShellPlan:
    dsc = write_dsc(tmp_path)
    fields: dict[str, Any] = {
        "scene": read_log(None, name="hello", version="1.0-1"),
        "codename": "trixie",
        "dsc": dsc.name,
        "sources": [path for path in tmp_path.iterdir() if path.is_file()],
    }
    return ShellPlan(**{**fields, **changes})


def run_prepare(tmp_path: Path, plan: ShellPlan, script: Script = succeed) -> tuple[Any, ...]:
    """Prepare a sandbox; returns it, the commands that ran in it, and what was said."""
    instance = FakeInstance(script)
    instance.start()
    said: list[str] = []
    with (tmp_path / "log").open("wb") as log:
        prepare(instance, plan, log=log, say=said.append)
    return instance, [shlex.join(call.argv) for call in instance.calls], said


def test_the_source_lies_where_the_build_had_it(tmp_path: Path) -> None:
    plan = make_plan(tmp_path)
    instance, commands, said = run_prepare(tmp_path, plan)
    pushed = {path.name for path in (instance.root / "build/hello").iterdir()}
    instance.stop()
    assert pushed == {path.name for path in plan.sources}
    assert commands[-2].endswith(
        "env -C /build/hello dpkg-source --extract hello_1.0-1.dsc /build/hello/hello-1.0"
    )
    assert commands[-2].startswith("setpriv --reuid=1001 --regid=1001 --clear-groups --")
    assert said == []


def words_of_build_dep(commands: list[str]) -> list[str]:
    [command] = [command for command in commands if " build-dep " in command]
    return shlex.split(command.partition(" build-dep ")[2])


@pytest.mark.parametrize(
    ("changes", "options"),
    [
        ({}, []),
        ({"components": ["any"]}, ["--arch-only"]),
        ({"components": ["all"]}, ["--indep-only"]),
        ({"profiles": ["nocheck", "nodoc"]}, ["--build-profiles=nocheck,nodoc"]),
    ],
)
def test_dependencies_are_those_of_the_build(
    tmp_path: Path, changes: dict[str, Any], options: list[str]
) -> None:
    instance, commands, _ = run_prepare(tmp_path, make_plan(tmp_path, **changes))
    instance.stop()
    assert words_of_build_dep(commands) == [*options, "/build/hello/hello_1.0-1.dsc"]


def test_packages_and_archives_beside_the_environment(tmp_path: Path) -> None:
    (tmp_path / "debs").mkdir()
    deb = write_deb(tmp_path / "debs")
    repository = ExtraExternalRepository.model_validate(
        {"url": "https://a.example.org/", "suite": "x", "components": ["main"]}
    )
    plan = make_plan(tmp_path, extra=[deb], repositories=[repository])
    instance, commands, _ = run_prepare(tmp_path, plan)
    assert (instance.root / "build/extra-packages" / deb.name).read_bytes() == deb.read_bytes()
    instance.stop()
    written = [command.rsplit(" ", 1)[1] for command in commands if " write /etc" in command]
    assert written == [
        "/etc/apt/sources.list.d/extra_repository_0.sources",
        "/etc/apt/sources.list.d/extra_packages.sources",
    ]
    update = next(number for number, text in enumerate(commands) if text.endswith("--yes update"))
    assert [number for number, text in enumerate(commands) if "write" in text][-1] < update


@pytest.mark.parametrize(
    ("codename", "expected"),
    [
        ("bookworm", ["/etc/apt/sources.list.d/extra_repository_0.sources"]),
        (
            "bullseye",
            [
                "/etc/apt/keyrings/extra_apt_key_0.asc",
                "/etc/apt/sources.list.d/extra_repository_0.sources",
            ],
        ),
        (
            "jessie",
            [
                "/etc/apt/keyrings/extra_apt_key_0.asc",
                "apt-key add",
                "/etc/apt/sources.list.d/extra_repository_0.list",
            ],
        ),
    ],
)
def test_archives_are_written_as_the_release_reads_them(
    tmp_path: Path, codename: str, expected: list[str]
) -> None:
    repository = ExtraExternalRepository.model_validate(
        {"url": "https://a.example.org/", "suite": "./", "signing_key": KEY}
    )
    plan = make_plan(tmp_path, repositories=[repository], codename=codename)
    instance, commands, _ = run_prepare(tmp_path, plan)
    instance.stop()
    done = [
        "apt-key add" if command.startswith("apt-key add /etc") else command.rsplit(" ", 1)[1]
        for command in commands
        if " write /etc" in command or command.startswith("apt-key")
    ]
    assert done == expected


def test_a_shell_without_dependencies_is_better_than_none(tmp_path: Path) -> None:
    def script(call: FakeCall, instance: FakeInstance) -> FakeResult:
        return FakeResult(returncode=100 if "build-dep" in call.argv else 0)

    instance, commands, said = run_prepare(tmp_path, make_plan(tmp_path), script)
    instance.stop()
    assert said == ["the build dependencies cannot be installed; the shell opens without them"]
    assert any("dpkg-source" in command for command in commands)


def test_the_shell_is_not_root_and_has_no_network(tmp_path: Path) -> None:
    plan = make_plan(
        tmp_path,
        scene=Scene(directory=Path("/build/x/y"), variables={"LD_PRELOAD": "/evil.so"}),
        term="vt100",
    )
    instance, _, _ = run_prepare(tmp_path, plan)
    command = shell_command(instance, plan)
    instance.stop()
    assert command[:2] == ["unshare", "--net"]
    assert command.index("--reuid=1001") < command.index("env") < command.index("bash")
    # whatever a log may have told counts for the shell, and for nothing that starts it
    assert command.index("env") < command.index("LD_PRELOAD=/evil.so") < command.index("setsid")
    assert "TERM=vt100" in command
