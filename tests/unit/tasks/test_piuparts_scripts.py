# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import os
from pathlib import Path

from debusine.tasks.piuparts_scripts import (
    BAD_PERMISSIONS,
    PASSWD,
    access_script,
    files_script,
    repository_files,
    write_scripts,
)
from debusine.util.apt_access import AptAccess
from debusine.util.command import Command, run

PUBLIC = ("Acquire::Check-Valid-Until", "false")
SECRET = ("Acquire::http::Proxy", "http://me:hunter2@proxy.example.org")
ODD = "a 'quoted' line\n$HOME `id` \\n %s\n\n"


def test_scripts_can_be_run(tmp_path: Path) -> None:
    write_scripts(tmp_path / "scripts", {"pre_test_more": "#!/bin/sh\necho more\n"})
    found = sorted((tmp_path / "scripts").iterdir())
    assert [path.name for path in found] == sorted([BAD_PERMISSIONS, PASSWD, "pre_test_more"])
    assert all(os.access(path, os.X_OK) for path in found)
    assert run(Command([str(tmp_path / "scripts/pre_test_more")])).text == "more\n"
    assert "1125784" in run(Command([str(tmp_path / "scripts" / BAD_PERMISSIONS)])).text


def test_what_a_script_writes_is_what_it_was_given(tmp_path: Path) -> None:
    target = tmp_path / "new dir/it's"
    script = tmp_path / "script"
    script.write_text(files_script({str(target): ODD, str(tmp_path / "other"): ""}))
    run(Command(["sh", str(script)]))
    assert target.read_text() == ODD
    assert (tmp_path / "other").read_text() == ""
    assert target.stat().st_mode & 0o777 == 0o644


def test_where_files_of_repositories_go(tmp_path: Path) -> None:
    (tmp_path / "a.sources").write_text("Types: deb\n")
    assert repository_files([tmp_path / "a.sources"], "/etc/apt/sources.list.d") == {
        "/etc/apt/sources.list.d/a.sources": "Types: deb\n"
    }


def test_apt_is_told_only_what_everybody_may_know(tmp_path: Path) -> None:
    access = AptAccess(
        settings=(PUBLIC, SECRET),
        file_settings=(("Acquire::https::CaInfo", "0.pem"), ("Acquire::https::SslKey", "1.pem")),
        files=(("0.pem", b"authority"), ("1.pem", b"private")),
        netrc="machine deb.example.org login me password hunter3",
    )
    script = access_script(access, tmp_path / "apt")
    assert script is not None
    assert 'Acquire::Check-Valid-Until "false";' in script
    assert '"/etc/apt/debusine-access/0.pem"' in script
    assert "authority" in script
    assert not [word for word in ("hunter", "private") if word in script]


def test_there_is_no_script_where_nothing_is_to_be_said(tmp_path: Path) -> None:
    assert access_script(AptAccess(), tmp_path / "apt") is None
    assert access_script(AptAccess(settings=(SECRET,)), tmp_path / "apt") is None
