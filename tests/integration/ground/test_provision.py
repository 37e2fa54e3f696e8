# SPDX-License-Identifier: GPL-3.0-or-later
"""``scripts/provision`` on machines that lack something; programs that change one are fakes."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
REAL = "basename cat chmod cut dirname env grep mkdir rm sha256sum sh true".split()  # noqa: SIM905  a list is four lines
# what a fake says is done is written down
NOTE = 'echo "$(basename "$0") $*" >>"$NOTES"\n'
DPKG_QUERY = """
for name; do :; done
case " $MISSING " in *" $name "*) exit 1 ;; esac
echo 'ii '
"""
UV = """
for place; do :; done
case $1 in
    venv)
        mkdir -p "$place/bin"
        printf '#!/bin/sh\\n' >"$place/bin/python"
        printf '#!/bin/sh\\necho "doctor was asked"\\nexit %s\\n' "$DOCTOR" >"$place/bin/debusine"
        chmod 755 "$place/bin/python" "$place/bin/debusine"
        ;;
esac
"""
SUDO = 'shift; exec "$@"\n'


@dataclass(kw_only=True)
class Machine:
    """A checkout, and the programs that its scripts find."""

    checkout: Path
    programs: Path
    notes: Path
    environment: dict[str, str] = field(default_factory=dict)

    def put(self, name: str, script: str, *, noted: bool = True) -> None:
        path = self.programs / name
        path.write_text(f"#!/bin/sh\n{NOTE if noted else ''}{script}")
        path.chmod(0o755)

    def provision(self, purpose: str = "run") -> subprocess.CompletedProcess[str]:
        return subprocess.run(  # noqa: TID251  the script itself is what is tested
            ["scripts/provision", purpose],
            cwd=self.checkout,
            env={"PATH": str(self.programs), "NOTES": str(self.notes), **self.environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )

    def done(self) -> list[str]:
        """What the fakes were asked to do, but for questions."""
        lines = self.notes.read_text().splitlines() if self.notes.exists() else []
        return [line for line in lines if not line.startswith("uv pip")]


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """A Debian machine with everything installed, an ordinary user, and no sudo."""
    checkout = tmp_path / "checkout"
    (checkout / "scripts").mkdir(parents=True)
    shutil.copy(ROOT / "scripts/provision", checkout / "scripts")
    shutil.copytree(ROOT / "requirements", checkout / "requirements")
    shutil.copy(ROOT / "pyproject.toml", checkout)
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in REAL:
        found = shutil.which(name)
        assert found, name
        (programs / name).symlink_to(found)
    made = Machine(checkout=checkout, programs=programs, notes=tmp_path / "notes")
    made.environment = {"MISSING": "", "DOCTOR": "0"}
    made.put("dpkg-query", DPKG_QUERY, noted=False)
    made.put("apt-get", "")
    made.put("uv", UV)
    made.put("id", "echo 1000\n", noted=False)
    return made


def test_nothing_is_done_a_second_time(machine: Machine) -> None:
    first = machine.provision()
    assert first.returncode == 0, first.stdout
    assert "provision: making the Python environment .venv with " in first.stdout
    assert "Python packages of fixed versions from requirements/run.txt" in first.stdout
    before = machine.notes.read_text()
    second = machine.provision()
    assert (second.returncode, second.stdout) == (0, "")
    assert machine.notes.read_text() == before


def test_without_sudo_the_command_for_an_administrator_is_printed(machine: Machine) -> None:
    machine.environment |= {"MISSING": "sbuild uidmap", "DOCTOR": "1"}
    done = machine.provision()
    lines = done.stdout.splitlines()
    command = lines[lines.index("provision: an administrator must run:") + 1]
    # it can be pasted as it is
    assert command == (
        "    apt-get update && apt-get install --yes --no-install-recommends sbuild uidmap"
    )
    assert "apt-get" not in " ".join(machine.done())
    # it goes on with what needs no rights, then says that a build is not possible
    assert (machine.checkout / ".venv/bin/debusine").exists()
    assert lines[-2:] == ["doctor was asked", "provision: this machine cannot build yet, see above"]
    assert done.returncode == 1


def test_what_can_be_done_without_is_no_failure(machine: Machine) -> None:
    machine.environment |= {"MISSING": "pristine-tar", "DOCTOR": "0"}
    done = machine.provision()
    assert "--no-install-recommends pristine-tar\n" in done.stdout
    assert done.returncode == 0


def test_tests_run_as_far_as_they_can(machine: Machine) -> None:
    machine.environment |= {"MISSING": "sbuild chromium", "DOCTOR": "1"}
    done = machine.provision("dev")
    assert "--no-install-recommends sbuild chromium\n" in done.stdout
    assert "doctor was asked" not in done.stdout
    assert done.returncode == 0


@pytest.mark.parametrize("by", ["root", "sudo"])
def test_missing_packages_are_named_then_installed(machine: Machine, by: str) -> None:
    machine.environment |= {"MISSING": "sbuild zstd"}
    if by == "root":
        machine.put("id", "echo 0\n", noted=False)
    else:
        machine.put("sudo", SUDO)
    machine.put("apt-get", 'echo "apt-get was called"\n')
    done = machine.provision()
    assert done.returncode == 0, done.stdout
    said = "provision: installing Debian packages: sbuild zstd\n"
    assert done.stdout.index(said) < done.stdout.index("apt-get was called")
    calls = [line for line in machine.done() if line.startswith("apt-get")]
    assert [call.split()[-1] for call in calls] == ["update", "zstd"]
    assert calls[1].endswith("install --yes --no-install-recommends sbuild zstd")
    assert any(line.startswith("sudo -n env") for line in machine.done()) is (by == "sudo")


def test_sudo_that_would_ask_for_a_password_is_left_alone(machine: Machine) -> None:
    machine.environment |= {"MISSING": "sbuild"}
    machine.put("sudo", "exit 1\n")
    done = machine.provision()
    assert "provision: an administrator must run:" in done.stdout
    assert [line for line in machine.done() if line.startswith("sudo")] == ["sudo -n true"]


def test_packages_that_cannot_be_installed_stop_it(machine: Machine) -> None:
    machine.environment |= {"MISSING": "sbuild"}
    machine.put("id", "echo 0\n", noted=False)
    machine.put("apt-get", "echo 'no such mirror' >&2\nexit 100\n")
    done = machine.provision()
    assert done.returncode == 100
    assert "no such mirror" in done.stdout
    assert not (machine.checkout / ".venv").exists()


def test_half_an_environment_does_not_stay(machine: Machine) -> None:
    (machine.programs / "uv").unlink()
    machine.environment |= {"MISSING": "python3-venv", "PYTHON": str(machine.programs / "py")}
    machine.put("py", 'case $* in *venv*) mkdir .venv; echo "no ensurepip"; exit 1 ;; esac\n')
    done = machine.provision()
    assert done.returncode == 1
    assert "--no-install-recommends python3-venv\n" in done.stdout
    assert not (machine.checkout / ".venv").exists()


def test_a_machine_without_dpkg_lacks_every_package(machine: Machine) -> None:
    (machine.programs / "dpkg-query").unlink()
    named = machine.provision("list").stdout.split()
    done = machine.provision()
    assert f"--no-install-recommends {' '.join(named)}\n" in done.stdout


def test_wrong_use(machine: Machine) -> None:
    assert machine.provision("walk").returncode == 2
    assert machine.done() == []
