# SPDX-License-Identifier: GPL-3.0-or-later
"""Units, as systemd reads them; none has to run for that."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from debusine.cli.units import make_unit
from debusine.util.command import Command, Completed, run

DEPLOY = Path(__file__).parents[3] / "deploy"
SERVER = [sys.executable, "-m", "debusine.standalone", "--data-dir", "/srv/a b%$HOME'\\\""]
# by their names in systemd's own report; with one of these, builds fail
HARMFUL = {
    "NoNewPrivileges", "PrivateUsers", "PrivateDevices", "PrivateNetwork", "MemoryDenyWriteExecute",
    "ProtectProc", "ProtectKernelTunables", "ProtectKernelLogs", "ProtectHostname",
    "RestrictSUIDSGID", "LockPersonality", "SystemCallArchitectures", "RestrictNamespaces_user",
    "RestrictNamespaces_mnt", "RestrictNamespaces_pid", "CapabilityBoundingSet_CAP_SYS_ADMIN",
    "CapabilityBoundingSet_CAP_SET_UID_GID_PCAP", "CapabilityBoundingSet_CAP_SYS_CHROOT",
    "CapabilityBoundingSet_CAP_MKNOD",
}  # fmt: skip
NEEDLESS = {
    "CapabilityBoundingSet_CAP_SYS_MODULE", "CapabilityBoundingSet_CAP_SYS_BOOT",
    "CapabilityBoundingSet_CAP_SYS_TIME", "CapabilityBoundingSet_CAP_SYS_RAWIO",
    "CapabilityBoundingSet_CAP_SYSLOG", "CapabilityBoundingSet_CAP_BPF",
}  # fmt: skip


def analyze(tmp_path: Path, *arguments: str) -> Completed:
    # a user's manager wants a place for its sockets, though it opens none here
    environment = {"XDG_RUNTIME_DIR": str(tmp_path), "HOME": str(tmp_path)}
    return run(Command(["systemd-analyze", *arguments], env=environment, check=False, timeout_s=60))


def written(tmp_path: Path, text: str) -> str:
    path = tmp_path / "debusine.service"
    path.write_text(text)
    return str(path)


def unit_text(name: str) -> str:
    if name in {"system", "user"}:
        return make_unit(SERVER, is_root=name == "system").text
    # its programs come with a package
    text = (DEPLOY / name).read_text()
    for program in ("/usr/bin/debusine-signing", "/usr/bin/debusine-worker", "/usr/bin/python3"):
        text = text.replace(program, sys.executable)
    return text


ALL = ["system", "user", *sorted(path.name for path in DEPLOY.glob("*.service"))]
BUILD = [name for name in ALL if name != "debusine-signing.service"]


@pytest.mark.parametrize("name", ALL)
def test_systemd_understands_every_line(tmp_path: Path, name: str) -> None:
    manager = "--user" if name == "user" else "--system"
    path = written(tmp_path, unit_text(name))
    done = analyze(tmp_path, manager, "--recursive-errors=no", "verify", path)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


@pytest.mark.parametrize("line", ["NoSuchOption=1", "ExecStartPre=/nowhere/at/all"])
def test_systemd_would_say_what_is_wrong(tmp_path: Path, line: str) -> None:
    text = unit_text("system").replace("[Service]\n", f"[Service]\n{line}\n")
    done = analyze(tmp_path, "--recursive-errors=no", "verify", written(tmp_path, text))
    said = done.stderr.decode()
    assert "NoSuchOption" in said or "/nowhere/at/all" in said


@pytest.mark.parametrize("name", BUILD)
def test_services_may_do_what_builds_need_and_little_beyond(tmp_path: Path, name: str) -> None:
    path = written(tmp_path, unit_text(name))
    done = analyze(tmp_path, "--offline=true", "--json=short", "security", path)
    report = {entry["json_field"]: entry["set"] for entry in json.loads(done.stdout)}
    assert set(report) >= HARMFUL | NEEDLESS
    # "set" means that the service is kept from it
    assert [field for field in sorted(HARMFUL) if report[field]] == []
    if name != "user":
        assert [field for field in sorted(NEEDLESS) if not report[field]] == []


def test_the_signing_service_builds_nothing_and_may_not(tmp_path: Path) -> None:
    path = written(tmp_path, unit_text("debusine-signing.service"))
    done = analyze(tmp_path, "--offline=true", "--json=short", "security", path)
    report = {entry["json_field"]: entry["set"] for entry in json.loads(done.stdout)}
    forbidden = (HARMFUL | NEEDLESS) - {"PrivateNetwork", "MemoryDenyWriteExecute"}
    assert [field for field in sorted(forbidden) if not report[field]] == []
